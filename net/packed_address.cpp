#include "net/packed_address.hpp"

#include <algorithm>
#include <cstring>

#include <netinet/in.h>

#include <asio/ip/address.hpp>

namespace cenote::net {

packed_address::packed_address(const std::string& host,
                               std::uint16_t port) noexcept
  : port_{port} {
  auto why = asio::error_code{};
  const auto at = asio::ip::make_address(host, why);
  if (why)
    return;
  if (at.is_v4()) {
    kind_ = kind::ipv4;
    std::ranges::copy(at.to_v4().to_bytes(), bytes_.begin());
  } else {
    kind_ = kind::ipv6;
    std::ranges::copy(at.to_v6().to_bytes(), bytes_.begin());
    scope_ = static_cast<std::uint32_t>(at.to_v6().scope_id());
  }
}

packed_address::packed_address(const sockaddr_storage& from,
                               socklen_t size) noexcept {
  if (size >= sizeof(sockaddr_in) && from.ss_family == AF_INET) {
    auto at = sockaddr_in{};
    std::memcpy(&at, &from, sizeof(at));
    kind_ = kind::ipv4;
    port_ = ntohs(at.sin_port);
    std::memcpy(bytes_.data(), &at.sin_addr, sizeof(at.sin_addr));
  } else if (size >= sizeof(sockaddr_in6) && from.ss_family == AF_INET6) {
    auto at = sockaddr_in6{};
    std::memcpy(&at, &from, sizeof(at));
    kind_ = kind::ipv6;
    port_ = ntohs(at.sin6_port);
    scope_ = at.sin6_scope_id;
    std::memcpy(bytes_.data(), &at.sin6_addr, sizeof(at.sin6_addr));
  }
}

std::optional<std::uint32_t> packed_address::ipv4() const noexcept {
  if (kind_ != kind::ipv4)
    return std::nullopt;
  std::uint32_t out = 0;
  std::memcpy(&out, bytes_.data(), sizeof(out));
  return out;
}

packed_address packed_address::from_ipv4(std::uint32_t bytes,
                                         std::uint16_t port) noexcept {
  auto out = packed_address{};
  out.kind_ = kind::ipv4;
  out.port_ = port;
  std::memcpy(out.bytes_.data(), &bytes, sizeof(bytes));
  return out;
}

std::string packed_address::host() const {
  switch (kind_) {
    case kind::unix_socket:
      return {};
    case kind::ipv4: {
      auto bytes = asio::ip::address_v4::bytes_type{};
      std::copy_n(bytes_.begin(), bytes.size(), bytes.begin());
      return asio::ip::make_address_v4(bytes).to_string();
    }
    case kind::ipv6:
      return asio::ip::make_address_v6(bytes_, scope_).to_string();
  }
  return {};
}

} // namespace cenote::net
