#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <span>

#include "protocol/message_walker.hpp"

namespace cenote::protocol {

/// Gathers the first `Size` bytes of the body of the message that is passing
/// by, over its pieces and without allocation: a CommandComplete's tag, a
/// Parse's statement name, an ErrorResponse's code.
template <std::size_t Size>
class body_prefix {
public:
  /// To be fed with every piece of a message; a piece that starts one makes it
  /// forget the last one.
  void take(const piece& part) noexcept {
    auto body = part.bytes;
    if (part.starts()) {
      have_ = 0;
      body_bytes_ = part.body_bytes;
      body = body.subspan(header_bytes);
    }
    auto size = std::min(body.size(), Size - have_);
    if (size != 0)
      std::memcpy(bytes_.data() + have_, body.data(), size);
    have_ += size;
  }

  /// What there is of the body: all of it, or its first `Size` bytes, or less
  /// while pieces are missing.
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept {
    return {bytes_.data(), have_};
  }

  /// No later piece will add to `bytes()`.
  [[nodiscard]] bool is_full() const noexcept {
    return have_ == Size || have_ == body_bytes_;
  }

  /// `bytes()` is the whole body.
  [[nodiscard]] bool is_whole() const noexcept {
    return have_ == body_bytes_;
  }

private:
  std::array<std::byte, Size> bytes_;
  std::size_t have_ = 0;
  std::size_t body_bytes_ = 0;
};

} // namespace cenote::protocol
