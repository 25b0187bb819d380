#pragma once

#include <cstddef>
#include <vector>

#include "base/clock.hpp"

namespace cenote::pool {

/// How often a supervisor restarts a child before it gives up: `count_max`
/// restarts in any `window` are allowed, one more is not.
class restart_intensity {
public:
  /// `count_max` 0: never restart.
  restart_intensity(std::size_t count_max, duration window);

  /// A child died. True: restart it (counted). False: give up.
  [[nodiscard]] bool may_restart(time_point now) noexcept;

  /// Restarts counted in the window that ends now.
  [[nodiscard]] std::size_t count(time_point now) const noexcept;

  /// Forgets everything: an operator started the child again by hand.
  void reset() noexcept;

private:
  std::vector<time_point> times_; ///< A ring, oldest at `first_`.
  duration window_;
  std::size_t first_ = 0;
  std::size_t size_ = 0;
};

} // namespace cenote::pool
