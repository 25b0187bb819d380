#pragma once

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

/// What the bare programs need of TCP on 127.0.0.1. Whatever fails ends the
/// program.
namespace bare {

[[noreturn]] inline void fail(const char* what, int error = errno) {
  std::fprintf(stderr, "%s: %s\n", what, std::strerror(error));
  std::exit(1);
}

inline sockaddr_in local(const char* port) {
  sockaddr_in out{};
  out.sin_family = AF_INET;
  out.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  out.sin_port = htons(static_cast<std::uint16_t>(std::atoi(port)));
  return out;
}

inline int tcp_socket() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0)
    fail("socket");
  return fd;
}

inline int listen_on(const char* port) {
  const int fd = tcp_socket();
  const int on = 1;
  const auto where = local(port);
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(fd, reinterpret_cast<const sockaddr*>(&where), sizeof where) != 0
      || listen(fd, SOMAXCONN) != 0)
    fail("listen");
  return fd;
}

inline int connect_to(const sockaddr_in& server) {
  const int fd = tcp_socket();
  if (connect(fd, reinterpret_cast<const sockaddr*>(&server), sizeof server)
      != 0)
    fail("connect");
  return fd;
}

inline void send_at_once(int fd) {
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

} // namespace bare
