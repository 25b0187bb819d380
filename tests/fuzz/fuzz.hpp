#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

namespace cenote::fuzz {

inline std::span<const std::byte> bytes_of(const std::uint8_t* data,
                                           std::size_t size) noexcept {
  return {reinterpret_cast<const std::byte*>(data), size};
}

/// What must hold whatever the input is.
inline void check(bool holds) noexcept {
  if (!holds)
    std::abort();
}

} // namespace cenote::fuzz
