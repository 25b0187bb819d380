#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <arpa/inet.h>
#include <sys/socket.h>

#include "local_tcp.hpp"

/// The little of PostgreSQL's protocol that a bare pooler needs.
namespace bare {

inline constexpr std::uint32_t protocol_3 = 3u << 16;

/// ReadyForQuery, outside a transaction.
inline constexpr std::string_view ready_idle{"Z\0\0\0\5I", 6};

inline void add_number(std::string& to, std::uint32_t number) {
  const auto wire = htonl(number);
  to.append(reinterpret_cast<const char*>(&wire), sizeof wire);
}

/// There must be four bytes.
[[nodiscard]] inline std::uint32_t number_at(const char* at) {
  std::uint32_t wire = 0;
  std::memcpy(&wire, at, sizeof wire);
  return ntohl(wire);
}

[[nodiscard]] inline std::string simple_query(std::string_view sql) {
  std::string out{"Q"};
  add_number(out, static_cast<std::uint32_t>(4 + sql.size() + 1));
  return out.append(sql).append(1, '\0');
}

[[nodiscard]] inline std::string startup_message() {
  constexpr std::string_view settings{"user\0app_trust\0database\0acme\0", 29};
  std::string out;
  add_number(out, static_cast<std::uint32_t>(4 + 4 + settings.size() + 1));
  add_number(out, protocol_3);
  return out.append(settings).append(1, '\0');
}

/// Logs in at the server on a fresh, blocking connection, which must trust us.
/// Returns all that it said: what a client that logs in should hear.
[[nodiscard]] inline std::string log_in(int server) {
  const auto hello = startup_message();
  if (send(server, hello.data(), hello.size(), MSG_NOSIGNAL)
      != static_cast<ssize_t>(hello.size()))
    fail("startup message");
  std::string heard;
  while (!heard.ends_with(ready_idle)) {
    char part[4096];
    const auto size = recv(server, part, sizeof part, 0);
    if (size <= 0) {
      std::fprintf(stderr, "the server said: %s\n", heard.c_str());
      fail("login", size < 0 ? errno : ECONNRESET);
    }
    heard.append(part, static_cast<std::size_t>(size));
  }
  return heard;
}

} // namespace bare
