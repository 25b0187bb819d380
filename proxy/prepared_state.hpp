#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/strong_id.hpp"
#include "session/own_portals.hpp"
#include "session/statements.hpp"
#include "session/traces.hpp"

namespace cenote::proxy {

/// What SQL PREPARE named.
struct sql_name {
  std::string name;
  std::uint32_t since = 0; ///< Its request, as the server's mirror counts.
};

/// What a client has prepared, and what of it is more than PostgreSQL knows.
/// Made when there is something in it.
struct prepared_state {
  session::client_statements named;
  std::vector<std::byte> unnamed; ///< Its Parse, behind the name.
  std::uint32_t unnamed_edition = 0;
  session::text_traces unnamed_traces;
  session::mention_memory unnamed_mentions;
  std::vector<std::byte> gathered;
  /// What RESET means, until the portal is bound anew.
  session::own_portals portals;
  /// What goes behind the Execute that was sent just now.
  std::vector<std::string> behind_execute;
  /// Settings touched that PostgreSQL must be asked for by name.
  std::vector<std::string> named_settings;
  /// What SQL PREPARE named, on the server that is kept for it.
  std::vector<sql_name> sql_names;
  void forget_sql_names(std::uint32_t sequence) noexcept;
  void take_sql_names(std::vector<std::string>& names, std::uint32_t sequence);
  /// The last Bind, if the client was never told of the rows.
  struct {
    session::statement_ref what;
    std::string name;
    std::string portal;
    server_id server;
    std::uint32_t batch = 0; ///< On that server.
  } bound;
};

} // namespace cenote::proxy
