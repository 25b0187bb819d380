#pragma once

#include <cstddef>
#include <vector>

#include "base/assert.hpp"
#include "base/clock.hpp"

namespace cenote::net {

/// Deadlines of many owners, for one thread. A binary heap of entries that live
/// inside their owners. A deadline that only moves later, or goes away, does
/// not touch the heap: the entry is looked at when its old time comes. Memory
/// is taken when more entries than ever before are armed at once.
template <class Owner>
class timer_queue {
public:
  /// One deadline. Member of its owner; leaves the queue when it dies.
  class entry {
  public:
    explicit entry(Owner& owner) noexcept
      : owner_{&owner} {
      // nop
    }

    entry(const entry&) = delete;
    entry& operator=(const entry&) = delete;

    ~entry() {
      if (queue_ != nullptr)
        queue_->remove(*this);
    }

    [[nodiscard]] bool is_armed() const noexcept {
      return deadline_ != never;
    }

    /// When it is due; `never` if it is not armed.
    [[nodiscard]] time_point deadline() const noexcept {
      return deadline_;
    }

  private:
    friend class timer_queue;

    Owner* owner_;
    timer_queue* queue_ = nullptr;
    std::size_t index_ = 0;
    time_point deadline_ = never;
  };

  timer_queue() = default;
  timer_queue(const timer_queue&) = delete;
  timer_queue& operator=(const timer_queue&) = delete;

  /// All entries must be gone or are forgotten; none fires any more.
  ~timer_queue() {
    for (auto& at : heap_)
      at.who->queue_ = nullptr;
  }

  /// Sets the deadline of `which`, armed or not. O(1) if it moves later,
  /// O(log n) otherwise. `never` disarms.
  void arm(entry& which, time_point deadline) {
    which.deadline_ = deadline;
    if (which.queue_ == nullptr) {
      if (deadline == never)
        return;
      which.queue_ = this;
      which.index_ = heap_.size();
      heap_.push_back({deadline, &which});
      sift_up(which.index_);
      return;
    }
    CENOTE_ASSERT(which.queue_ == this);
    if (deadline < heap_[which.index_].when) {
      heap_[which.index_].when = deadline;
      sift_up(which.index_);
    }
  }

  /// Forgets the deadline. O(1).
  void disarm(entry& which) noexcept {
    which.deadline_ = never;
  }

  /// The owner of one entry that is due at `now`, which is then not armed any
  /// more; null when there is none left. In order of deadlines.
  [[nodiscard]] Owner* pop_due(time_point now) noexcept {
    // No entry is due before the time of its node, and none before the first.
    if (heap_.empty() || heap_.front().when > now)
      return nullptr;
    settle();
    if (heap_.empty() || heap_.front().when > now)
      return nullptr;
    auto& which = *heap_.front().who;
    which.deadline_ = never;
    remove(which);
    return which.owner_;
  }

  /// When the first entry is due, `never` if none is armed.
  [[nodiscard]] time_point next() noexcept {
    settle();
    return heap_.empty() ? never : heap_.front().when;
  }

  /// Entries held, those disarmed and not yet looked at included.
  [[nodiscard]] std::size_t size() const noexcept {
    return heap_.size();
  }

private:
  struct node {
    time_point when; ///< At or before the entry's deadline.
    entry* who;
  };

  /// Brings the first node's time up to date until it is true.
  void settle() noexcept {
    while (!heap_.empty()) {
      auto& first = heap_.front();
      if (first.when == first.who->deadline_)
        return;
      if (first.who->deadline_ == never) {
        remove(*first.who);
      } else {
        first.when = first.who->deadline_;
        sift_down(0);
      }
    }
  }

  void remove(entry& which) noexcept {
    auto index = which.index_;
    which.queue_ = nullptr;
    auto last = heap_.back();
    heap_.pop_back();
    if (index == heap_.size())
      return;
    place(index, last);
    sift_up(index);
    sift_down(last.who->index_);
  }

  void place(std::size_t index, node what) noexcept {
    heap_[index] = what;
    what.who->index_ = index;
  }

  void sift_up(std::size_t index) noexcept {
    auto moving = heap_[index];
    while (index > 0) {
      auto parent = (index - 1) / 2;
      if (!(moving.when < heap_[parent].when))
        break;
      place(index, heap_[parent]);
      index = parent;
    }
    place(index, moving);
  }

  void sift_down(std::size_t index) noexcept {
    auto moving = heap_[index];
    for (;;) {
      auto child = 2 * index + 1;
      if (child >= heap_.size())
        break;
      if (child + 1 < heap_.size() && heap_[child + 1].when < heap_[child].when)
        ++child;
      if (!(heap_[child].when < moving.when))
        break;
      place(index, heap_[child]);
      index = child;
    }
    place(index, moving);
  }

  std::vector<node> heap_;
};

} // namespace cenote::net
