#pragma once

#include <chrono>
#include <cstdint>

#include "base/clock.hpp"

namespace cenote::proxy {

/// Seconds since 1970, for what people read.
[[nodiscard]] inline std::int64_t unix_seconds() {
  return std::chrono::duration_cast<std::chrono::seconds>(
           std::chrono::system_clock::now().time_since_epoch())
    .count();
}

/// The same for a moment of the monotonic clock, given its present reading.
[[nodiscard]] inline std::int64_t unix_seconds_of(time_point when,
                                                  time_point now) {
  auto ago = std::chrono::duration_cast<std::chrono::seconds>(now - when);
  return unix_seconds() - ago.count();
}

} // namespace cenote::proxy
