#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

#include <sys/eventfd.h>
#include <unistd.h>

#include "net/unique_fd.hpp"

namespace cenote::net {

/// Ends the sleep of an engine's thread, from any thread. A thread that is
/// awake looks before it sleeps; only a sleeper costs a system call.
class waker {
public:
  /// Null if the system refuses it; errno says why.
  [[nodiscard]] static unique_fd make_event() noexcept {
    return unique_fd{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  }

  explicit waker(unique_fd event) noexcept
    : event_{std::move(event)} {
    // nop
  }

  /// Becomes readable when a sleeper is woken. Whoever waits for it need not
  /// read it if each write is an event of its own.
  [[nodiscard]] int fd() const noexcept {
    return event_.get();
  }

  /// Any thread.
  void wake() noexcept {
    if (awareness_.exchange(awareness::woken, std::memory_order_acq_rel)
        != awareness::asleep)
      return;
    std::uint64_t one = 1;
    [[maybe_unused]] auto count = ::write(fd(), &one, sizeof(one));
  }

  /// The engine's thread is about to sleep. False: somebody called `wake` since
  /// it last awoke, it must not.
  [[nodiscard]] bool may_sleep() noexcept {
    auto expected = awareness::awake;
    return awareness_.compare_exchange_strong(expected, awareness::asleep,
                                              std::memory_order_acq_rel);
  }

  /// The engine's thread is up, and looks at everything.
  void awoke() noexcept {
    awareness_.exchange(awareness::awake, std::memory_order_acq_rel);
  }

private:
  enum class awareness : std::uint8_t { awake, asleep, woken };

  unique_fd event_;
  std::atomic<awareness> awareness_{awareness::awake};
};

} // namespace cenote::net
