#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/error.hpp"

namespace cenote::protocol {

/// Which part of its message a piece is.
enum class part : std::uint8_t { whole, first, middle, last };

/// A run of bytes that belongs to one message. `bytes` of a `whole` or `first` piece starts with the
/// complete five byte header.
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

/// Walks received bytes message by message without gathering them: bodies pass in pieces,
/// and only a header that arrived cut is kept (five bytes). No I/O, no clock, no allocation.
/// Protocol: "Message Formats"; every message but the startup packet is Byte1 tag, Int32 length (self
/// included), body.
class message_walker {
public:
  enum class outcome : std::uint8_t { piece, need_data, failed };

  /// `message_bytes_max` bounds a message's body; it is checked before the body is
  /// waited for.
  explicit message_walker(std::uint64_t message_bytes_max) noexcept;

  /// Takes the next piece off the front of `input`. `need_data`: `input` is
  /// used up. `failed`: see `error()`; the walker stays failed.
  /// A piece whose header arrived cut points into the walker and is valid until
  /// the next call; all others point into `input`.
  outcome next(std::span<const std::byte>& input, piece& out) noexcept;

  /// Whether the last message is complete (nothing of the next has arrived).
  [[nodiscard]] bool at_boundary() const noexcept;

  /// `protocol_violation` (length below 4) or `message_too_large`.
  [[nodiscard]] ec error() const noexcept;

private:
  std::uint64_t message_bytes_max_;
  std::uint32_t body_left_ = 0;
  std::uint32_t body_bytes_ = 0;
  std::array<std::byte, 5> header_{};
  std::uint8_t header_have_ = 0;
  char tag_ = 0;
  bool in_body_ = false;
  ec error_ = ec::none;
};

} // namespace cenote::protocol
