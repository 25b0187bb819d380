#include <algorithm>
#include <iterator>

#include "base/utf8.hpp"
#include "protocol/scram.hpp"

namespace cenote::protocol {

namespace {

struct range {
  char32_t first;
  char32_t last;
};

template <std::size_t Size>
bool is_in(const range (&table)[Size], char32_t c) noexcept {
  return std::any_of(std::begin(table), std::end(table), [c](range each) {
    return c >= each.first && c <= each.last;
  });
}

/// RFC 3454 table C.1.2.
constexpr range other_spaces[] = {
  {0xa0, 0xa0},     {0x1680, 0x1680}, {0x2000, 0x200b},
  {0x202f, 0x202f}, {0x205f, 0x205f}, {0x3000, 0x3000},
};

/// RFC 3454 table B.1.
constexpr range mapped_to_nothing[] = {
  {0xad, 0xad},     {0x34f, 0x34f},   {0x1806, 0x1806}, {0x180b, 0x180d},
  {0x200c, 0x200d}, {0x2060, 0x2060}, {0xfe00, 0xfe0f}, {0xfeff, 0xfeff},
};

/// RFC 4013 section 2.3, less the spaces, which are mapped before; and what
/// Unicode 3.2 did not know and keyboards have since: emoji.
constexpr range prohibited[] = {
  {0x00, 0x1f},        {0x7f, 0x9f},       {0x340, 0x341},
  {0x6dd, 0x6dd},      {0x70f, 0x70f},     {0x180e, 0x180e},
  {0x200e, 0x200f},    {0x2028, 0x202e},   {0x2061, 0x2063},
  {0x206a, 0x206f},    {0x2ff0, 0x2ffb},   {0xd800, 0xf8ff},
  {0xfdd0, 0xfdef},    {0xfff9, 0xffff},   {0x1d173, 0x1d17a},
  {0x1d800, 0x1ffff},  {0x2fffe, 0x2ffff}, {0x3fffe, 0x3ffff},
  {0x4fffe, 0x4ffff},  {0x5fffe, 0x5ffff}, {0x6fffe, 0x6ffff},
  {0x7fffe, 0x7ffff},  {0x8fffe, 0x8ffff}, {0x9fffe, 0x9ffff},
  {0xafffe, 0xaffff},  {0xbfffe, 0xbffff}, {0xcfffe, 0xcffff},
  {0xdfffe, 0xdffff},  {0xe0001, 0xe0001}, {0xe0020, 0xe007f},
  {0xefffe, 0x10ffff},
};

/// What NFKC makes of a few characters that keyboards have.
constexpr struct {
  char32_t from;
  std::u32string_view to;
} folds[] = {
  {0xa8, U" \u0308"},  {0xaa, U"a"},        {0xaf, U" \u0304"},
  {0xb2, U"2"},        {0xb3, U"3"},        {0xb4, U" \u0301"},
  {0xb5, U"\u03bc"},   {0xb8, U" \u0327"},  {0xb9, U"1"},
  {0xba, U"o"},        {0xbc, U"1\u20444"}, {0xbd, U"1\u20442"},
  {0xbe, U"3\u20444"},
};

void append_utf8(char32_t c, std::string& out) {
  auto put = [&out](char32_t byte) { out += static_cast<char>(byte); };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xc0 | c >> 6);
    put(0x80 | (c & 0x3f));
  } else if (c < 0x10000) {
    put(0xe0 | c >> 12);
    put(0x80 | (c >> 6 & 0x3f));
    put(0x80 | (c & 0x3f));
  } else {
    put(0xf0 | c >> 18);
    put(0x80 | (c >> 12 & 0x3f));
    put(0x80 | (c >> 6 & 0x3f));
    put(0x80 | (c & 0x3f));
  }
}

/// Maps and folds one character into `out`.
void append_mapped(char32_t c, std::string& out) {
  // Tables in PostgreSQL's order: U+200B stands in both, and is a space.
  if (is_in(other_spaces, c)) {
    out += ' ';
    return;
  }
  if (is_in(mapped_to_nothing, c))
    return;
  if (c >= 0xff01 && c <= 0xff5e) { // Full-width ASCII.
    append_utf8(c - 0xfee0, out);
    return;
  }
  for (const auto& fold : folds) {
    if (fold.from != c)
      continue;
    for (auto each : fold.to)
      append_utf8(each, out);
    return;
  }
  append_utf8(c, out);
}

} // namespace

secret saslprep(const secret& password) {
  auto text = password.reveal();
  // Also ASCII control characters: PostgreSQL returns before it looks at them.
  if (std::none_of(text.begin(), text.end(),
                   [](char c) { return (c & 0x80) != 0; }))
    return password;
  std::string out;
  // The fractions grow most, from 2 bytes to 5. Growing would leave copies.
  out.reserve(text.size() * 3);
  bool usable = true;
  while (!text.empty() && usable) {
    const auto c = take_utf8(text);
    usable = c && !is_in(prohibited, *c);
    if (usable)
      append_mapped(*c, out);
  }
  if (!usable || out.empty()) {
    wipe(out);
    return password;
  }
  return secret{std::move(out)};
}

} // namespace cenote::protocol
