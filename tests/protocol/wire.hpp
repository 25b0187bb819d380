#pragma once

#include <cstddef>
#include <functional>
#include <ostream>
#include <span>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace cenote {

inline std::ostream& operator<<(std::ostream& out, ec code) {
  return out << name(code);
}

} // namespace cenote

namespace cenote::protocol::test {

using bytes = std::vector<std::byte>;

/// Bytes from annotated hex: digits in pairs, white space anywhere, and 'text'
/// as it is. `wire("51 0000000d 'select 1' 00")`.
inline bytes wire(std::string_view text) {
  bytes out;
  auto digit
    = [](char c) { return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10; };
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == ' ')
      continue;
    if (text[i] == '\'') {
      for (++i; text[i] != '\''; ++i)
        out.push_back(static_cast<std::byte>(text[i]));
      continue;
    }
    out.push_back(
      static_cast<std::byte>(digit(text[i]) << 4 | digit(text[i + 1])));
    ++i;
  }
  return out;
}

/// The body of a tagged message.
inline std::span<const std::byte> body_of(const bytes& message) {
  return std::span{message}.subspan(5);
}

inline void append(bytes& to, std::span<const std::byte> more) {
  to.insert(to.end(), more.begin(), more.end());
}

/// `what` for all ways to hand over `whole`: at once, in two at every cut, and
/// byte by byte.
inline void for_every_cut(
  const bytes& whole,
  const std::function<void(const std::vector<std::span<const std::byte>>&)>&
    what) {
  const auto all = std::span<const std::byte>{whole};
  for (std::size_t cut = 0; cut <= all.size(); ++cut)
    what({all.first(cut), all.subspan(cut)});
  std::vector<std::span<const std::byte>> single;
  for (std::size_t i = 0; i < all.size(); ++i)
    single.push_back(all.subspan(i, 1));
  what(single);
}

} // namespace cenote::protocol::test
