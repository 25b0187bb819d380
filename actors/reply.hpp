#pragma once

#include <atomic>
#include <memory>
#include <utility>

namespace cenote::actors {

/// Where an answer arrives. Exactly one of `deliver` and `lost` is called,
/// once, on the thread of the actor that answered or died, unless the asker
/// gave up before.
template <class T>
class reply_slot {
public:
  virtual ~reply_slot() = default;

  /// The asker does not want the answer any more. False: it is being delivered
  /// already, and will arrive.
  bool abandon() noexcept {
    return !settled_.exchange(true);
  }

  [[nodiscard]] bool is_settled() const noexcept {
    return settled_.load();
  }

protected:
  virtual void deliver(T value) noexcept = 0;
  virtual void lost() noexcept = 0;

private:
  template <class>
  friend class reply;

  std::atomic<bool> settled_{false};
};

/// The right to answer, carried inside a message: copyable, spent by the first
/// `complete`. When the last copy is dropped unanswered (the actor died, threw
/// or never understood the message), the slot hears `lost`, without any timer.
template <class T>
class reply {
public:
  reply() = default;

  explicit reply(std::shared_ptr<reply_slot<T>> to)
    : box_{std::make_shared<box>(std::move(to))} {
    // nop
  }

  /// False: nobody will get `value`. Whoever lent something with it takes it
  /// back.
  bool complete(T value) const {
    if (!box_ || !box_->to || box_->to->settled_.exchange(true))
      return false;
    box_->to->deliver(std::move(value));
    return true;
  }

  /// Whether nobody waits any more.
  [[nodiscard]] bool is_settled() const noexcept {
    return !box_ || !box_->to || box_->to->is_settled();
  }

private:
  struct box {
    explicit box(std::shared_ptr<reply_slot<T>> slot)
      : to{std::move(slot)} {
      // nop
    }

    box(const box&) = delete;
    box& operator=(const box&) = delete;

    ~box() {
      if (to && !to->settled_.exchange(true))
        to->lost();
    }

    std::shared_ptr<reply_slot<T>> to;
  };

  std::shared_ptr<box> box_;
};

} // namespace cenote::actors
