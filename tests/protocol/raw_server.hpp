#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tests/protocol/wire.hpp"

namespace cenote::protocol::test {

/// A PostgreSQL of our own, for the life of this object (or of the process).
class private_postgres {
public:
  private_postgres();
  private_postgres(const private_postgres&) = delete;
  private_postgres& operator=(const private_postgres&) = delete;
  ~private_postgres();

  /// The path of its unix socket.
  [[nodiscard]] const std::string& socket_path() const noexcept {
    return socket_path_;
  }

private:
  std::string home_;
  std::string socket_path_;
};

/// A connection to it, logged in; nothing is read or written by itself.
class raw_connection {
public:
  /// `replication`: "" or a value of that startup parameter.
  raw_connection(const private_postgres& where, std::string_view replication);
  raw_connection(const raw_connection&) = delete;
  raw_connection& operator=(const raw_connection&) = delete;
  ~raw_connection();

  /// False when the server has closed.
  bool send(std::span<const std::byte> what) noexcept;

  enum class outcome : std::uint8_t { data, silence, closed };

  /// Waits for bytes for `wait_ms` at most and appends what came.
  outcome receive(int wait_ms, bytes& to);

private:
  int fd_ = -1;
};

/// A message: its tag, its body.
bytes message(char tag, std::string_view body = {});

} // namespace cenote::protocol::test
