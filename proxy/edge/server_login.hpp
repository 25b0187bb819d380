#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <asio/awaitable.hpp>

#include "net/edge_stream.hpp"
#include "protocol/scram.hpp"
#include "proxy/edge/key_deriver.hpp"
#include "proxy/edge/key_store.hpp"
#include "proxy/greeting.hpp"
#include "tenants/pool_spec.hpp"

namespace cenote::proxy::edge {

/// What a server said at its login.
struct server_words {
  greeting said;
  std::uint32_t backend_pid = 0;
  std::vector<std::byte> backend_key;
};

/// What a login to a server works with; all of it outlives every login.
struct server_login_services {
  key_deriver& deriver;
  const key_store& keys;
};

/// Logs in to PostgreSQL over `stream` (connected, TLS done), from the startup
/// message to ReadyForQuery. Answers trust, clear text, md5 and SCRAM-SHA-256;
/// the latter also with the keys of a client (`tenant` names whose), when
/// `target` has a verifier. Fails with `server_login_rejected` (with
/// PostgreSQL's own ErrorResponse, made FATAL), `server_auth_failed`,
/// `server_auth_unsupported`, `server_scram_iterations`,
/// `server_protocol_violation`, `server_lost`.
asio::awaitable<std::variant<server_words, refusal>>
log_in_to_server(net::edge_stream& stream, const tenants::server_target& target,
                 std::string tenant, server_login_services& with);

} // namespace cenote::proxy::edge
