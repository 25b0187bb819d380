#pragma once

#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include "net/engine.hpp"
#include "protocol/message_walker.hpp"

namespace cenote::proxy {

/// Gathers pieces that lie next to each other in one received slice, so that
/// several messages leave in one send. What is not part of the slice (messages
/// of our own, or made anew) is copied together with its small neighbours.
/// `Sink` has `send(slice, bool ends_message)`, `send_copy(span, bool
/// ends_message)`, and `take_buffer` / `give_buffer` as a shard has.
template <class Sink>
class byte_run {
public:
  /// `borrowed`: `in` is the engine's and may be sent as it is; else it is our
  /// own memory and must be copied by the engine.
  byte_run(Sink sink, net::slice in, bool borrowed) noexcept
    : sink_{sink},
      in_{in},
      borrowed_{borrowed} {
    // nop
  }

  byte_run(const byte_run&) = delete;
  byte_run& operator=(const byte_run&) = delete;

  ~byte_run() {
    if (copied_.capacity() != 0)
      sink_.give_buffer(std::move(copied_));
  }

  void add(const protocol::piece& part) noexcept {
    add(part.bytes, part.ends());
  }

  void add(std::span<const std::byte> bytes, bool ends_message) noexcept {
    if (bytes.empty())
      return;
    auto* begin = bytes.data();
    if (begin != end_ || size_ == 0) {
      make_room();
      begin_ = begin;
    }
    size_ += bytes.size();
    end_ = begin + bytes.size();
    ends_message_ = ends_message;
    // A header that arrived cut lies in the walker and lives only until its
    // next call.
    if (!is_inside(begin) && !keep_together())
      flush();
  }

  /// Takes a copy, at this place in the order.
  void add_copy(std::span<const std::byte> bytes, bool ends_message) {
    if (bytes.empty())
      return;
    if (!keep_together())
      flush();
    if (copied_.capacity() == 0)
      copied_ = sink_.take_buffer();
    copied_.insert(copied_.end(), bytes.begin(), bytes.end());
    ends_message_ = ends_message;
    if (copied_.size() >= copied_bytes_max)
      flush();
  }

  [[gnu::hot]] void flush() noexcept {
    const auto together = size_ == 0 || (!copied_.empty() && keep_together());
    if (!copied_.empty()) {
      sink_.send_copy(copied_, together ? ends_message_ : false);
      copied_.clear();
    }
    if (size_ == 0)
      return;
    if (borrowed_ && is_inside(begin_))
      sink_.send(
        in_.part(static_cast<std::size_t>(begin_ - in_.bytes.data()), size_),
        ends_message_);
    else
      sink_.send_copy({begin_, size_}, ends_message_);
    size_ = 0;
    end_ = nullptr;
  }

private:
  /// Runs up to this size are worth a copy to save a send.
  static constexpr std::size_t small_bytes_max = 4096;
  static constexpr std::size_t copied_bytes_max = 16 * 1024;

  [[nodiscard]] bool is_inside(const std::byte* at) const noexcept {
    return at >= in_.bytes.data() && at < in_.bytes.data() + in_.bytes.size();
  }

  /// A new run begins: the old one joins the copies, or leaves.
  void make_room() noexcept {
    if (size_ != 0 && (copied_.empty() || !keep_together()))
      flush();
  }

  /// Puts a small run behind the copies. False: it is too large for that.
  bool keep_together() noexcept {
    if (size_ == 0)
      return true;
    if (size_ > small_bytes_max)
      return false;
    if (copied_.capacity() == 0)
      copied_ = sink_.take_buffer();
    copied_.insert(copied_.end(), begin_, begin_ + size_);
    size_ = 0;
    end_ = nullptr;
    return true;
  }

  Sink sink_;
  net::slice in_;
  const std::byte* begin_ = nullptr;
  const std::byte* end_ = nullptr;
  std::size_t size_ = 0;
  std::vector<std::byte> copied_;
  bool ends_message_ = true;
  bool borrowed_;
};

} // namespace cenote::proxy
