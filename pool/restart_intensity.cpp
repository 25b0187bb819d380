#include "pool/restart_intensity.hpp"

namespace cenote::pool {

restart_intensity::restart_intensity(std::size_t count_max, duration window)
  : times_(count_max),
    window_{window} {
  // nop
}

bool restart_intensity::may_restart(time_point now) noexcept {
  if (times_.empty())
    return false;
  if (size_ == times_.size()) {
    // Full: only if the oldest has left the window is there room.
    if (now - times_[first_] < window_)
      return false;
    first_ = (first_ + 1) % times_.size();
    --size_;
  }
  times_[(first_ + size_) % times_.size()] = now;
  ++size_;
  return true;
}

std::size_t restart_intensity::count(time_point now) const noexcept {
  std::size_t recent = 0;
  for (std::size_t i = 0; i < size_; ++i)
    if (now - times_[(first_ + i) % times_.size()] < window_)
      ++recent;
  return recent;
}

void restart_intensity::reset() noexcept {
  first_ = 0;
  size_ = 0;
}

} // namespace cenote::pool
