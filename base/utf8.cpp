#include "base/utf8.hpp"

#include <cstddef>

namespace cenote {

namespace {

constexpr char32_t replacement = 0xfffd;
constexpr std::string_view replacement_text = "\xef\xbf\xbd";

void append_shown(std::string& out, char byte) {
  constexpr std::string_view digits = "0123456789abcdef";
  const auto value = static_cast<unsigned char>(byte);
  out += replacement_text;
  out += digits[value >> 4];
  out += digits[value & 0x0f];
}

} // namespace

std::optional<char32_t> take_utf8(std::string_view& text) noexcept {
  const auto lead = static_cast<unsigned char>(text[0]);
  std::size_t size = 1;
  char32_t out = lead;
  char32_t least = 0;
  if (lead >= 0xf0 && lead <= 0xf4) {
    size = 4;
    out = lead & 0x07;
    least = 0x10000;
  } else if (lead >= 0xe0 && lead <= 0xef) {
    size = 3;
    out = lead & 0x0f;
    least = 0x800;
  } else if (lead >= 0xc2 && lead <= 0xdf) {
    size = 2;
    out = lead & 0x1f;
    least = 0x80;
  } else if (lead >= 0x80) {
    return std::nullopt;
  }
  if (text.size() < size)
    return std::nullopt;
  for (auto c : text.substr(1, size - 1)) {
    const auto next = static_cast<unsigned char>(c);
    if ((next & 0xc0) != 0x80)
      return std::nullopt;
    out = out << 6 | (next & 0x3fu);
  }
  if (out < least || out > 0x10ffff || (out >= 0xd800 && out <= 0xdfff))
    return std::nullopt;
  text.remove_prefix(size);
  return out;
}

std::string to_utf8(std::string_view bytes) {
  auto out = std::string{};
  out.reserve(bytes.size());
  while (!bytes.empty()) {
    auto rest = bytes;
    const auto c = take_utf8(rest);
    const auto size = c ? bytes.size() - rest.size() : 1;
    for (auto each : bytes.substr(0, size)) {
      if (c && *c != replacement)
        out += each;
      else
        append_shown(out, each);
    }
    bytes.remove_prefix(size);
  }
  return out;
}

} // namespace cenote
