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

/// Sizes from 1 to `most`, the same for the same seed: where to cut.
class random_sizes {
public:
  random_sizes(std::uint32_t seed, std::size_t most) noexcept
    : state_{seed},
      most_{most} {
    // nop
  }

  std::size_t next() noexcept {
    state_ = state_ * 1'103'515'245 + 12'345;
    return std::size_t{state_ >> 16} % most_ + 1;
  }

private:
  std::uint32_t state_;
  std::size_t most_;
};

} // namespace cenote::fuzz
