#include "protocol/writer.hpp"

#include <algorithm>
#include <cstring>

#include "base/assert.hpp"
#include "protocol/reader.hpp"

namespace cenote::protocol {

namespace {

/// More than most messages of our own have.
constexpr std::size_t first_bytes = 128;

} // namespace

void writer::begin(char tag) {
  if (out_.capacity() == 0)
    out_.reserve(first_bytes);
  byte1(tag);
  begin_untyped();
}

void writer::begin_untyped() {
  CENOTE_ASSERT(length_at_ == closed);
  if (out_.capacity() == 0)
    out_.reserve(first_bytes);
  length_at_ = out_.size();
  append_unsigned(0, 4);
}

void writer::end() {
  CENOTE_ASSERT(length_at_ != closed);
  const std::uint64_t size = out_.size() - length_at_;
  CENOTE_ASSERT(size <= 0x7fff'ffff);
  const auto word = __builtin_bswap32(static_cast<std::uint32_t>(size));
  std::memcpy(out_.data() + length_at_, &word, sizeof(word));
  length_at_ = closed;
}

void writer::int8(std::int8_t value) {
  append_unsigned(static_cast<std::uint64_t>(value), 1);
}

void writer::int16(std::int16_t value) {
  append_unsigned(static_cast<std::uint64_t>(value), 2);
}

void writer::int32(std::int32_t value) {
  append_unsigned(static_cast<std::uint64_t>(value), 4);
}

void writer::int64(std::int64_t value) {
  append_unsigned(static_cast<std::uint64_t>(value), 8);
}

void writer::byte1(char value) {
  out_.push_back(static_cast<std::byte>(value));
}

void writer::string(std::string_view text) {
  text = text.substr(0, text.find('\0'));
  const auto at = out_.size();
  out_.resize(at + text.size() + 1); // The last byte stays 0.
  std::copy(text.begin(), text.end(),
            reinterpret_cast<char*>(out_.data() + at));
}

void writer::byte_n(std::span<const std::byte> bytes) {
  out_.insert(out_.end(), bytes.begin(), bytes.end());
}

void writer::byte_n(std::string_view text) {
  byte_n(as_byte_span(text));
}

void writer::append_unsigned(std::uint64_t value, std::size_t size) {
  // All eight in the order of the wire; the last `size` are meant.
  const auto word = __builtin_bswap64(value);
  const auto at = out_.size();
  out_.resize(at + size);
  std::memcpy(out_.data() + at,
              reinterpret_cast<const std::byte*>(&word) + sizeof(word) - size,
              size);
}

} // namespace cenote::protocol
