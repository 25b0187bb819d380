#pragma once

#include "net/engine.hpp"

namespace cenote::net {

/// Sets TCP_NODELAY and the rest on a socket. Best effort: on a unix socket
/// there is nothing to set.
void set_options(const socket_options& options, int fd) noexcept;

} // namespace cenote::net
