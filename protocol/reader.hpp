#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace cenote::protocol {

/// The characters of `bytes`, borrowed.
[[nodiscard]] inline std::string_view
as_text(std::span<const std::byte> bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// The bytes of `text`, borrowed.
[[nodiscard]] inline std::span<const std::byte>
as_byte_span(std::string_view text) noexcept {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

/// A bounded cursor over one message body, with the specification's field
/// names. A read beyond the end makes the reader fail for good: it and all
/// later ones give zero or empty, so that a decoder reads all its fields and
/// asks once, with `complete()` or `ok()`. What it returns is borrowed.
class reader {
public:
  explicit reader(std::span<const std::byte> input) noexcept
    : left_{input} {
    // nop
  }

  std::int8_t int8() noexcept {
    return static_cast<std::int8_t>(unsigned_of(1));
  }

  std::int16_t int16() noexcept {
    return static_cast<std::int16_t>(unsigned_of(2));
  }

  std::int32_t int32() noexcept {
    return static_cast<std::int32_t>(unsigned_of(4));
  }

  std::int64_t int64() noexcept {
    return static_cast<std::int64_t>(unsigned_of(8));
  }

  /// Byte1 that stands for a character.
  char byte1() noexcept {
    return static_cast<char>(unsigned_of(1));
  }

  /// NUL terminated; the NUL is taken and not returned.
  std::string_view string() noexcept {
    const void* end
      = left_.empty() ? nullptr : std::memchr(left_.data(), 0, left_.size());
    if (end == nullptr) {
      fail();
      return {};
    }
    auto size = static_cast<std::size_t>(static_cast<const std::byte*>(end)
                                         - left_.data());
    auto out = as_text(left_.first(size));
    left_ = left_.subspan(size + 1);
    return out;
  }

  /// Exactly `size` bytes. A negative size, as a hostile Int32 may be, fails.
  std::span<const std::byte> byte_n(std::int64_t size) noexcept {
    if (size < 0 || static_cast<std::uint64_t>(size) > left_.size()) {
      fail();
      return {};
    }
    auto out = left_.first(static_cast<std::size_t>(size));
    left_ = left_.subspan(static_cast<std::size_t>(size));
    return out;
  }

  /// Whatever is left.
  std::span<const std::byte> rest() noexcept {
    auto out = left_;
    left_ = {};
    return out;
  }

  [[nodiscard]] std::size_t left() const noexcept {
    return left_.size();
  }

  /// No read went beyond the end so far.
  [[nodiscard]] bool ok() const noexcept {
    return !failed_;
  }

  /// `ok()`, and nothing is left.
  [[nodiscard]] bool complete() const noexcept {
    return !failed_ && left_.empty();
  }

private:
  std::uint64_t unsigned_of(std::size_t size) noexcept {
    if (left_.size() < size) {
      fail();
      return 0;
    }
    std::uint64_t out = 0;
    for (auto byte : left_.first(size))
      out = out << 8 | std::to_integer<std::uint64_t>(byte);
    left_ = left_.subspan(size);
    return out;
  }

  void fail() noexcept {
    failed_ = true;
    left_ = {};
  }

  std::span<const std::byte> left_;
  bool failed_ = false;
};

} // namespace cenote::protocol
