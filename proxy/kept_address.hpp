#pragma once

#include <cstdint>

#include "net/packed_address.hpp"
#include "proxy/adoption.hpp"
#include "session/settings.hpp"

namespace cenote::proxy {

/// An address in 8 bytes, for what is kept of every client: IPv4 as it is, of
/// IPv6 (where many connections come from few hosts) the number of its literal
/// in the shard's store. Who keeps one says `release` before it dies. Shard
/// thread.
class kept_address {
public:
  kept_address(const net::packed_address& from, session::value_store& texts);

  void release(session::value_store& texts) noexcept;

  /// For people.
  [[nodiscard]] peer_name name(const session::value_store& texts) const;

private:
  enum class kind : std::uint8_t { unix_socket, ipv4, ipv6 };

  std::uint32_t host_ = 0; ///< As `net::packed_address::ipv4`, or a number.
  std::uint16_t port_ = 0;
  kind kind_ = kind::unix_socket;
};

static_assert(sizeof(kept_address) == 8, "two for each client");

} // namespace cenote::proxy
