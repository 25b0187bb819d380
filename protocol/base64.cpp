#include "protocol/base64.hpp"

#include <array>
#include <cstdint>

namespace cenote::protocol {

namespace {

constexpr std::string_view alphabet
  = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr std::uint8_t none = 0xff;

constexpr auto values = [] {
  std::array<std::uint8_t, 256> out{};
  out.fill(none);
  for (std::size_t i = 0; i < alphabet.size(); ++i)
    out[static_cast<unsigned char>(alphabet[i])] = static_cast<std::uint8_t>(i);
  return out;
}();

constexpr std::uint32_t value_of(char c) noexcept {
  return values[static_cast<unsigned char>(c)];
}

} // namespace

std::string base64_encode(std::string_view bytes) {
  auto out = std::string((bytes.size() + 2) / 3 * 4, '=');
  auto* to = out.data();
  const auto byte_at = [&](std::size_t i) {
    return std::uint32_t{static_cast<unsigned char>(bytes[i])};
  };
  std::size_t at = 0;
  for (; bytes.size() - at >= 3; at += 3) {
    const auto bits
      = byte_at(at) << 16 | byte_at(at + 1) << 8 | byte_at(at + 2);
    for (int shift : {18, 12, 6, 0})
      *to++ = alphabet[bits >> shift & 63];
  }
  if (at == bytes.size())
    return out;
  // One byte or two: the rest stays padding.
  const auto has_two = bytes.size() - at == 2;
  const auto bits = byte_at(at) << 16 | (has_two ? byte_at(at + 1) << 8 : 0u);
  *to++ = alphabet[bits >> 18];
  *to++ = alphabet[bits >> 12 & 63];
  if (has_two)
    *to = alphabet[bits >> 6 & 63];
  return out;
}

std::optional<std::string> base64_decode(std::string_view text) {
  if (text.size() % 4 != 0)
    return std::nullopt;
  std::size_t padding = 0;
  while (padding < 2 && text.ends_with('=')) {
    text.remove_suffix(1);
    ++padding;
  }
  auto out = std::string(text.size() * 6 / 8, '\0');
  auto* to = out.data();
  for (; text.size() >= 4; text.remove_prefix(4)) {
    const std::uint32_t group[] = {value_of(text[0]), value_of(text[1]),
                                   value_of(text[2]), value_of(text[3])};
    if ((group[0] | group[1] | group[2] | group[3]) > 63)
      return std::nullopt;
    const auto three
      = group[0] << 18 | group[1] << 12 | group[2] << 6 | group[3];
    for (int shift : {16, 8, 0})
      *to++ = static_cast<char>(three >> shift & 0xffu);
  }
  std::uint32_t bits = 0;
  unsigned bit_count = 0;
  for (char c : text) {
    const auto value = value_of(c);
    if (value == none)
      return std::nullopt;
    bits = (bits << 6 | value) & 0xffffu;
    bit_count += 6;
    if (bit_count >= 8) {
      bit_count -= 8;
      *to++ = static_cast<char>(bits >> bit_count & 0xffu);
    }
  }
  // What is left belongs to no byte and is zero.
  if ((bits & ((1u << bit_count) - 1)) != 0)
    return std::nullopt;
  return out;
}

} // namespace cenote::protocol
