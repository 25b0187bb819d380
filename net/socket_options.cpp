#include "net/socket_options.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace cenote::net {

namespace {

void set(int fd, int level, int name, int value) noexcept {
  ::setsockopt(fd, level, name, &value, sizeof(value));
}

} // namespace

void set_options(const socket_options& options, int fd) noexcept {
  set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  if (!options.keepalive)
    return;
  set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  auto set_unless_zero = [fd](int name, auto value) {
    if (value > 0)
      set(fd, IPPROTO_TCP, name, static_cast<int>(value));
  };
  set_unless_zero(TCP_KEEPIDLE, options.keepalive_idle.count());
  set_unless_zero(TCP_KEEPINTVL, options.keepalive_interval.count());
  set_unless_zero(TCP_KEEPCNT, options.keepalive_count);
  set_unless_zero(TCP_USER_TIMEOUT, options.user_timeout.count());
}

} // namespace cenote::net
