#pragma once

#include <cstddef>
#include <span>

#include "net/engine.hpp"
#include "protocol/message_walker.hpp"

namespace cenote::proxy {

/// Gathers pieces that lie next to each other in one received slice, so that
/// several messages leave in one send. `Sink` has
/// `send(slice, bool ends_message)` and `send_copy(span, bool ends_message)`.
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

  void add(const protocol::piece& part) noexcept {
    if (part.bytes.empty())
      return;
    auto* begin = part.bytes.data();
    if (begin != end_ || size_ == 0) {
      flush();
      begin_ = begin;
    }
    size_ += part.bytes.size();
    end_ = begin + part.bytes.size();
    ends_message_ = part.ends();
    // A header that arrived cut lies in the walker and lives only until its
    // next call.
    if (!is_inside(begin))
      flush();
  }

  void flush() noexcept {
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
  [[nodiscard]] bool is_inside(const std::byte* at) const noexcept {
    return at >= in_.bytes.data() && at < in_.bytes.data() + in_.bytes.size();
  }

  Sink sink_;
  net::slice in_;
  const std::byte* begin_ = nullptr;
  const std::byte* end_ = nullptr;
  std::size_t size_ = 0;
  bool ends_message_ = true;
  bool borrowed_;
};

} // namespace cenote::proxy
