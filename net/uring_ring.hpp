#pragma once

#include <cstdint>

#include <liburing.h>

#include "base/clock.hpp"
#include "base/result.hpp"

namespace cenote::net {

/// One submission and completion ring and its table of registered descriptors.
/// Made on any thread; belongs to the one that calls `adopt` first.
class uring_ring {
public:
  /// Entries of the submission queue; when it is full, what is in it goes to
  /// the kernel early.
  static constexpr unsigned submissions = 1024;
  /// Entries of the completion queue. What finds no room there waits in the
  /// kernel and is fetched by the next `enter`.
  static constexpr unsigned completions = 4096;

  /// Descriptors that can be registered; those beyond are used as they are.
  static constexpr unsigned files_max = 65'536;

  uring_ring() = default;
  uring_ring(const uring_ring&) = delete;
  uring_ring& operator=(const uring_ring&) = delete;
  ~uring_ring();

  /// Asks the kernel for the ring, disabled until `adopt`. Fails with
  /// `engine_unavailable`.
  result<void> open();

  /// The calling thread is the only one to use the ring from now on.
  void adopt() noexcept;

  [[nodiscard]] bool is_adopted() const noexcept {
    return adopted_;
  }

  /// For registrations.
  [[nodiscard]] io_uring& raw() noexcept {
    return ring_;
  }

  // -- descriptors ------------------------------------------------------------

  /// Slots of the table of registered descriptors.
  [[nodiscard]] unsigned files() const noexcept {
    return files_;
  }

  /// Puts `fd` (-1: nothing) into a slot of the table. False: refused.
  bool set_file(unsigned slot, int fd) noexcept;

  // -- submissions ------------------------------------------------------------

  /// An empty entry, submitted by the next `submit` or `enter`.
  io_uring_sqe& next(io_uring_op operation) noexcept;

  /// Hands what there is to the kernel. What can be done at once is done when
  /// this returns.
  void submit() noexcept;

  /// The same, then runs what the kernel put off for this thread, and waits for
  /// a completion, if it `sleeps`.
  void enter(bool sleeps) noexcept;

  // -- completions ------------------------------------------------------------

  /// Takes the oldest completion. False: there is none.
  bool pop(io_uring_cqe& into) noexcept;

  /// Calls `look` with each completion that is there, and takes none.
  template <class Look>
  void peek(Look look) const {
    auto tail = io_uring_smp_load_acquire(ring_.cq.ktail);
    for (auto at = *ring_.cq.khead; at != tail; ++at)
      look(ring_.cq.cqes[at & ring_.cq.ring_mask]);
  }

  /// Whether the kernel keeps completions for which there was no room.
  [[nodiscard]] bool has_overflow() const noexcept {
    return (__atomic_load_n(ring_.sq.kflags, __ATOMIC_RELAXED)
            & IORING_SQ_CQ_OVERFLOW)
        != 0;
  }

  /// io_uring_enter calls so far.
  [[nodiscard]] std::uint64_t enters() const noexcept {
    return enters_;
  }

private:
  unsigned flush() noexcept;
  void hand_over(unsigned wanted, unsigned flags) noexcept;

  io_uring ring_{};
  unsigned files_ = 0;
  std::uint64_t enters_ = 0;
  bool is_open_ = false;
  bool adopted_ = false;
  bool registered_ = false;
};

} // namespace cenote::net
