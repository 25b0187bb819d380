#pragma once

#include <chrono>
#include <utility>

#include <sys/timerfd.h>

#include "base/clock.hpp"
#include "net/unique_fd.hpp"

namespace cenote::net {

/// Ends the waits of one thread at their deadlines: a descriptor that becomes
/// readable. A timeout of epoll_wait costs each wait two looks at the kernel's
/// clock and a timer that is started and taken back; this one is set only when
/// a deadline comes before the one it is set for. It may ring too early, for a
/// deadline that is none any more, but never late.
class wait_timer {
public:
  /// Null if the system refuses it; errno says why.
  [[nodiscard]] static unique_fd make_timer() noexcept {
    return unique_fd{
      ::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)};
  }

  explicit wait_timer(unique_fd timer) noexcept
    : timer_{std::move(timer)} {
    // nop
  }

  /// Becomes readable when it rings. Whoever waits for it need not read it if
  /// each ring is an event of its own.
  [[nodiscard]] int fd() const noexcept {
    return timer_.get();
  }

  /// Will ring at `until` at the latest, `never` excepted. `now` may lag behind
  /// the clock: what rang since is readable.
  void ring_by(time_point until, time_point now) noexcept {
    if (until == never || (now < rings_ && rings_ <= until))
      return;
    set(until);
  }

private:
  void set(time_point at) noexcept {
    using namespace std::chrono;
    auto since_boot = at.time_since_epoch();
    auto whole = duration_cast<seconds>(since_boot);
    auto when = itimerspec{};
    when.it_value.tv_sec = whole.count();
    when.it_value.tv_nsec = nanoseconds{since_boot - whole}.count();
    ::timerfd_settime(fd(), TFD_TIMER_ABSTIME, &when, nullptr);
    rings_ = at;
  }

  unique_fd timer_;
  time_point rings_{}; ///< Past: it rang, or was never set.
};

} // namespace cenote::net
