#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/strong_id.hpp"
#include "proxy/adoption.hpp"
#include "session/settings.hpp"
#include "session/statements.hpp"

namespace cenote::proxy {

/// All of a server that crosses from one lane of its pool to another: a server
/// at rest, so there is no loan, no reply outstanding and no cancel under way.
/// Whoever holds it owns the socket.
struct server_handover {
  server_adoption facts; ///< Its seat travels with it.
  server_id id;
  std::array<std::string, session::reported_names.size()> reported;
  std::array<bool, session::reported_names.size()> knows{};
  session::startup_settings startup;
  std::vector<session::carried_statement> statements;
  bool statements_doubted = false;
  bool knows_asker = false;
  time_point connected_at{};
  time_point request_at{};
  std::int64_t connect_time_unix = 0;
};

} // namespace cenote::proxy
