#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <asio/awaitable.hpp>
#include <asio/generic/stream_protocol.hpp>

#include "base/clock.hpp"
#include "base/result.hpp"

namespace cenote::net {

/// The addresses behind `host` (see `connect`), in the system's order. Literals
/// and directories are answered at once; names are looked up on a few threads
/// of the executor's context, so that a name server that hangs delays neither
/// the edge nor the end of `deadline`. Fails with `server_resolve_failed`,
/// `server_connect_timeout`.
asio::awaitable<result<std::vector<asio::generic::stream_protocol::endpoint>>>
resolve(std::string host, std::uint16_t port, time_point deadline);

} // namespace cenote::net
