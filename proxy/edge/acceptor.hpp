#pragma once

#include <optional>

#include <asio/awaitable.hpp>

#include "net/connect.hpp"
#include "proxy/edge/edge_state.hpp"

namespace cenote::proxy::edge {

/// Stage 1 (DESIGN 5): accepts until the listener is closed. Each client gets a
/// coroutine of its own; one too many is told `too_many_logins`.
asio::awaitable<void> accept_clients(edge_state_ptr edge, net::listener& from,
                                     std::optional<tenants::pool_mode> mode);

/// One client from its first byte to the shard, the console or the end. `stop`:
/// of `spawn_watched`.
asio::awaitable<void> serve_client(edge_state_ptr edge, net::edge_stream stream,
                                   std::optional<tenants::pool_mode> mode,
                                   asio::cancellation_signal& stop);

} // namespace cenote::proxy::edge
