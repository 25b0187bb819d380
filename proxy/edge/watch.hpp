#pragma once

#include <unordered_set>
#include <utility>

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/steady_timer.hpp>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "proxy/edge/coroutine.hpp"

namespace cenote::proxy::edge {

class watch;

/// Everything of an edge that runs against a clock. Edge thread.
class watch_list {
public:
  /// Ends all of it now, and whatever comes later as soon as it begins.
  void end_all(ec why);

private:
  friend class watch;

  std::unordered_set<watch*> members_;
  ec over_ = ec::none;
};

/// One coroutine's time budget: `co_await (work() || limit.ended())`. A local
/// of that coroutine; the list outlives it.
class watch {
public:
  /// `time_max` of 0: no budget, but `end_all` still ends it.
  watch(watch_list& home, const asio::any_io_executor& on, duration time_max,
        ec when_late)
    : home_{home},
      timer_{on},
      why_{when_late} {
    expire_after(timer_, time_max);
    home_.members_.insert(this);
    if (home_.over_ != ec::none)
      end(home_.over_);
  }

  watch(const watch&) = delete;
  watch& operator=(const watch&) = delete;

  ~watch() {
    home_.members_.erase(this);
  }

  asio::awaitable<void> ended() {
    co_await timer_.async_wait(no_throw);
  }

  /// Why it ended; meaningful once `ended` came first.
  [[nodiscard]] ec why() const noexcept {
    return why_;
  }

private:
  friend class watch_list;

  void end(ec why) {
    why_ = why;
    timer_.expires_at(asio::steady_timer::time_point::min());
  }

  watch_list& home_;
  asio::steady_timer timer_;
  ec why_;
};

inline void watch_list::end_all(ec why) {
  over_ = why;
  for (auto* each : members_)
    each->end(why);
}

} // namespace cenote::proxy::edge
