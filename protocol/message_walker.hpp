#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "base/error.hpp"

namespace cenote::protocol {

/// Byte1 tag, Int32 length (itself included, the tag not).
inline constexpr std::size_t header_bytes = 5;

/// Which part of its message a piece is.
enum class part : std::uint8_t { whole, first, middle, last };

/// A run of bytes that belongs to one message. `bytes` of a `whole` or `first`
/// piece starts with the complete five byte header.
struct piece {
  char tag = 0;
  part which = part::whole;
  std::uint32_t body_bytes = 0; ///< Of the whole message, without the header.
  std::span<const std::byte> bytes;

  [[nodiscard]] bool starts() const noexcept {
    return which == part::whole || which == part::first;
  }

  [[nodiscard]] bool ends() const noexcept {
    return which == part::whole || which == part::last;
  }
};

/// Walks received bytes message by message without gathering them: bodies pass
/// in pieces, and only a header that arrived cut is kept (five bytes). No I/O,
/// no clock, no allocation. Protocol: "Message Formats"; every message but the
/// startup packet is Byte1 tag, Int32 length (self included), body.
class message_walker {
public:
  enum class outcome : std::uint8_t { piece, need_data, failed };

  /// `message_bytes_max` bounds a message's body; it is checked before the body
  /// is waited for. Above what an Int32 can say it is what an Int32 can say.
  explicit message_walker(std::uint64_t message_bytes_max) noexcept;

  /// Takes the next piece off the front of `input`. `need_data`: `input` is
  /// used up. `failed`: see `error()`; the walker stays failed and takes
  /// nothing more. A piece whose header arrived cut points into the walker and
  /// is valid until the next call; all others point into `input`. No piece is
  /// empty.
  outcome next(std::span<const std::byte>& input, piece& out) noexcept {
    if (body_left_ != 0)
      return next_of_body(input, out);
    if (header_have_ != 0 || input.size() < header_bytes) {
      if (header_have_ == 0 && input.empty())
        return outcome::need_data;
      return next_of_cut_header(input, out);
    }
    const auto body = body_bytes_of(input.data());
    if (body > body_bytes_max_)
      return fail(body);
    out.tag = static_cast<char>(input[0]);
    out.body_bytes = body;
    if (input.size() - header_bytes >= body) {
      out.which = part::whole;
      out.bytes = input.first(header_bytes + body);
    } else {
      out.which = part::first;
      out.bytes = input;
      tag_ = out.tag;
      body_bytes_ = body;
      body_left_
        = body - static_cast<std::uint32_t>(input.size() - header_bytes);
    }
    input = input.subspan(out.bytes.size());
    return outcome::piece;
  }

  /// Whether the last message is complete (nothing of the next has arrived).
  [[nodiscard]] bool at_boundary() const noexcept {
    return body_left_ == 0 && header_have_ == 0;
  }

  /// `protocol_violation` (length below 4) or `message_too_large`.
  [[nodiscard]] ec error() const noexcept {
    return error_;
  }

private:
  /// The length word without itself. A word below 4 wraps around to more than
  /// any limit, so that one comparison finds both kinds of bad length.
  [[nodiscard]] static std::uint32_t
  body_bytes_of(const std::byte* header) noexcept {
    std::uint32_t word = 0;
    std::memcpy(&word, header + 1, sizeof(word));
    return __builtin_bswap32(word) - 4u;
  }

  outcome next_of_body(std::span<const std::byte>& input, piece& out) noexcept;
  outcome next_of_cut_header(std::span<const std::byte>& input,
                             piece& out) noexcept;
  outcome fail(std::uint32_t body) noexcept;

  std::uint32_t body_bytes_max_;
  std::uint32_t body_left_ = 0; ///< Not yet handed out of the open message.
  std::uint32_t body_bytes_ = 0;
  std::array<std::byte, header_bytes> header_{};
  std::uint8_t header_have_ = 0; ///< `header_stuck` once the walker failed.
  char tag_ = 0;
  ec error_ = ec::none;
};

} // namespace cenote::protocol
