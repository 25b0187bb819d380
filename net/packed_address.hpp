#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <sys/socket.h>

namespace cenote::net {

/// An address in 24 bytes, for whoever keeps many. A value; any thread.
class packed_address {
public:
  /// A unix socket.
  packed_address() noexcept = default;

  /// `host`: an IP literal, perhaps with a scope; all else is a unix socket.
  packed_address(const std::string& host, std::uint16_t port) noexcept;

  /// What `accept` or `getsockname` wrote; a unix socket has no name.
  packed_address(const sockaddr_storage& from, socklen_t size) noexcept;

  [[nodiscard]] bool is_unix() const noexcept {
    return kind_ == kind::unix_socket;
  }

  /// The literal; empty for a unix socket.
  [[nodiscard]] std::string host() const;

  /// Of a unix socket the one it was given.
  [[nodiscard]] std::uint16_t port() const noexcept {
    return port_;
  }

  /// The four bytes as they travel; nothing for other kinds.
  [[nodiscard]] std::optional<std::uint32_t> ipv4() const noexcept;
  [[nodiscard]] static packed_address from_ipv4(std::uint32_t bytes,
                                                std::uint16_t port) noexcept;

private:
  enum class kind : std::uint8_t { unix_socket, ipv4, ipv6 };

  std::array<unsigned char, 16> bytes_{};
  std::uint32_t scope_ = 0;
  std::uint16_t port_ = 0;
  kind kind_ = kind::unix_socket;
};

static_assert(sizeof(packed_address) == 24, "two for each login");

} // namespace cenote::net
