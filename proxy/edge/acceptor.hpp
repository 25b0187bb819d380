#pragma once

#include <optional>

#include <asio/awaitable.hpp>

#include "net/connect.hpp"
#include "proxy/edge/begun_login.hpp"
#include "proxy/edge/edge_state.hpp"

namespace cenote::proxy::edge {

/// Stage 1 (DESIGN 5): accepts until the listener is closed. Each client gets a
/// coroutine of its own; one too many is told `too_many_logins`.
asio::awaitable<void> accept_clients(edge_state_ptr edge, net::listener& from,
                                     std::optional<tenants::pool_mode> mode);

/// Starts `serve_client`. On the edge's thread.
void go_on(const edge_state_ptr& edge, net::edge_stream stream,
           begun_login begun);

/// One client from where its login is (from its first byte, if nobody has begun
/// it) to the shard, the console or the end. `stop`: of `spawn_watched`.
asio::awaitable<void> serve_client(edge_state_ptr edge, net::edge_stream stream,
                                   begun_login begun,
                                   asio::cancellation_signal& stop);

/// One client too many is told so, and closed.
asio::awaitable<void> turn_away(edge_state_ptr edge, net::edge_stream stream);

} // namespace cenote::proxy::edge
