#pragma once

#include <memory>
#include <unordered_set>

#include <asio/any_io_executor.hpp>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/steady_timer.hpp>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "net/timer_queue.hpp"

namespace cenote::proxy::edge {

class watch;

/// Everything of an edge that runs against a clock: one timer for all of it, so
/// that a login that is in time costs no timer. Edge thread.
class watch_list {
public:
  explicit watch_list(const asio::any_io_executor& on)
    : timer_{on} {
    // nop
  }

  /// Ends all of it now, and whatever comes later as soon as it begins.
  void end_all(ec why);

private:
  friend class watch;

  void wait_until(time_point deadline);
  void look();

  asio::steady_timer timer_;
  time_point awaited_ = never; ///< When the timer goes off.
  net::timer_queue<watch> deadlines_;
  std::unordered_set<watch*> members_;
  ec over_ = ec::none;
};

/// One coroutine's time budget. A local of a coroutine that `spawn_watched`
/// started; the list outlives it. When the time is up, whatever the coroutine
/// waits for is cancelled, and from then on each `co_await` of it throws until
/// it resets its cancellation state. It may be over from the beginning.
class watch {
public:
  /// `time_max` of 0: no budget, but `end_all` still ends it.
  watch(watch_list& home, asio::cancellation_signal& stop, duration time_max,
        ec when_late);

  watch(const watch&) = delete;
  watch& operator=(const watch&) = delete;

  ~watch() {
    home_.members_.erase(this);
  }

  [[nodiscard]] bool is_over() const noexcept {
    return is_over_;
  }

  /// Why it ended; meaningful once it is over.
  [[nodiscard]] ec why() const noexcept {
    return why_;
  }

private:
  friend class watch_list;

  void end(ec why);

  watch_list& home_;
  asio::cancellation_signal& stop_;
  net::timer_queue<watch>::entry deadline_;
  ec why_;
  bool is_over_ = false;
};

/// Starts the coroutine that `make` returns for the signal that ends it.
template <class Make>
void spawn_watched(const asio::any_io_executor& on, Make make) {
  auto stop = std::make_shared<asio::cancellation_signal>();
  auto& signal = *stop;
  asio::co_spawn(on, make(signal),
                 asio::bind_cancellation_slot(
                   signal.slot(), [stop](const std::exception_ptr&) {
                     // As `detached`; the signal lives till here.
                   }));
}

} // namespace cenote::proxy::edge
