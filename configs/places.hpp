#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "configs/config.hpp"
#include "configs/units.hpp"

namespace cenote::configs {

/// Where somebody listens, comparable whatever way it was written.
struct place {
  std::uint16_t port = 0;
  std::string folder;              ///< Of a unix socket, else empty.
  std::optional<ip_address> about; ///< Else every address of the machine.

  friend bool operator==(const place&, const place&) = default;
};

/// Nothing if no second one can want the same: the kernel chooses the port, or
/// what is written is no place.
[[nodiscard]] std::optional<place> place_of(const listener& from);

/// Nothing for a host name, too: what it stands for is known at the start only.
[[nodiscard]] std::optional<place> place_of(const endpoint& http);

/// Whether only one of two can listen.
[[nodiscard]] bool overlap(const place& a, const place& b) noexcept;

} // namespace cenote::configs
