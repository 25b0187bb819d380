#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace cenote::protocol {

/// Appends messages to a buffer that it borrows; lengths are filled in when a
/// message ends. Field names are the specification's.
class writer {
public:
  explicit writer(std::vector<std::byte>& out) noexcept
    : out_{out} {
    // nop
  }

  /// Opens a message: its tag, and room for the length. Messages do not nest.
  void begin(char tag);

  /// Opens a packet without a tag: only what a client says first.
  void begin_untyped();

  /// Ends the message and fills in its length.
  void end();

  void int8(std::int8_t value);
  void int16(std::int16_t value);
  void int32(std::int32_t value);
  void int64(std::int64_t value);
  void byte1(char value);

  /// NUL terminated. A NUL inside ends the text early, so that nobody can
  /// smuggle a field behind it.
  void string(std::string_view text);

  void byte_n(std::span<const std::byte> bytes);
  void byte_n(std::string_view text);

private:
  void append_unsigned(std::uint64_t value, std::size_t size);

  static constexpr std::size_t closed = SIZE_MAX;

  std::vector<std::byte>& out_;
  std::size_t length_at_ = closed; ///< Where the open message's length stands.
};

/// One message as bytes of its own.
template <class Message>
[[nodiscard]] std::vector<std::byte> encoded(const Message& message) {
  std::vector<std::byte> out;
  auto to = writer{out};
  message.encode(to);
  return out;
}

} // namespace cenote::protocol
