#include "base/utf8.hpp"

#include <boost/test/unit_test.hpp>

#include <set>
#include <string>

using namespace cenote;

namespace {

/// U+FFFD, and the digits of the bytes that it stands for.
std::string shown(std::string_view digits) {
  auto out = std::string{};
  for (; !digits.empty(); digits.remove_prefix(2))
    out += "\xef\xbf\xbd" + std::string{digits.substr(0, 2)};
  return out;
}

} // namespace

BOOST_AUTO_TEST_SUITE(utf8)

BOOST_AUTO_TEST_CASE(what_is_utf8_stays_as_it_is) {
  for (const auto* text :
       {"", "acme", "a\"b\\c\n\x01\x7f", "\\xff", "\xc2\x80", "\xdf\xbf",
        "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80", "\xef\xbf\xbe",
        "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf", "d\xc3\xa9j\xc3\xa0"})
    BOOST_TEST(to_utf8(text) == text);
  const auto with_zero = std::string{"a\0b", 3};
  BOOST_TEST(to_utf8(with_zero) == with_zero);
}

BOOST_AUTO_TEST_CASE(what_is_not_is_shown_byte_by_byte) {
  const struct {
    std::string_view bytes;
    std::string expected;
  } table[] = {
    {"x\xff", "x" + shown("ff")},
    {"\xff\xfe", shown("fffe")},
    {"\x80y", shown("80") + "y"},
    // Cut off, at the end and in the middle.
    {"\xc3", shown("c3")},
    {"\xc3(", shown("c3") + "("},
    {"\xe2\x82", shown("e282")},
    {"\xe2\x82x", shown("e282") + "x"},
    {"\xf0\x9f\x98", shown("f09f98")},
    {"\xe2\xc3\xa9", shown("e2") + "\xc3\xa9"},
    // Overlong, a surrogate, beyond the last character.
    {"\xc0\xaf", shown("c0af")},
    {"\xe0\x9f\xbf", shown("e09fbf")},
    {"\xf0\x8f\xbf\xbf", shown("f08fbfbf")},
    {"\xed\xa0\x80", shown("eda080")},
    {"\xf4\x90\x80\x80", shown("f4908080")},
    {"\xf5\x80\x80\x80", shown("f5808080")},
    // U+FFFD itself.
    {"\xef\xbf\xbd", shown("efbfbd")},
  };
  for (const auto& row : table) {
    BOOST_TEST(to_utf8(row.bytes) == row.expected);
    // Now it is UTF-8.
    auto text = std::string_view{row.expected};
    while (!text.empty())
      BOOST_REQUIRE(take_utf8(text));
  }
}

BOOST_AUTO_TEST_CASE(different_names_stay_different) {
  const auto names
    = {std::string{"x\xff"}, std::string{"x\xfe"}, std::string{"x\\xff"},
       std::string{"xff"},   "x" + shown("ff"),    "x" + shown("fe")};
  auto seen = std::set<std::string>{};
  for (const auto& each : names)
    seen.insert(to_utf8(each));
  BOOST_TEST(seen.size() == names.size());
}

BOOST_AUTO_TEST_SUITE_END()
