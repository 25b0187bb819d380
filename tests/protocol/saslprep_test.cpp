#include <boost/test/unit_test.hpp>

#include "protocol/scram.hpp"
#include "wire.hpp"

using namespace cenote;
using namespace cenote::protocol;

BOOST_AUTO_TEST_SUITE(saslprep_test)

BOOST_AUTO_TEST_CASE(passwords_are_prepared_as_postgresql_does) {
  const struct {
    std::string_view in;
    std::string_view expected;
  } table[] = {
    {"", ""},
    {"pencil", "pencil"},
    {" a\tb\x7f ", " a\tb\x7f "}, // ASCII is not even looked at.
    {"p\u00e4ssw\u00f6rd", "p\u00e4ssw\u00f6rd"},
    {"\u65e5\u672c", "\u65e5\u672c"},
    {"\U0001f600", "\U0001f600"},
    {"a\u00a0b", "a b"}, // No-break space.
    {"a\u3000b", "a b"}, // Ideographic space.
    {"a\u200bb", "a b"}, // In both tables: a space.
    {"I\u00adX", "IX"},  // Soft hyphen: RFC 4013 section 3.
    {"a\ufeffb", "ab"},
    {"\u00aa", "a"}, // RFC 4013 section 3.
    {"x\u00b2", "x2"},
    {"\u00b5", "\u03bc"},
    {"\uff21\uff5e", "A~"}, // Full width.
    {"\u00bd", "1\u20442"},
    // Used raw: nothing is left,
    {"\u00ad", "\u00ad"},
    // prohibited characters,
    {"\u00a0\u0085", "\u00a0\u0085"},
    {"\u00a0\t", "\u00a0\t"},
    {"\u00a0\ue000", "\u00a0\ue000"},
    {"\u00a0\ufffd", "\u00a0\ufffd"},
    {"\u00a0\U0001f600", "\u00a0\U0001f600"}, // newer than Unicode 3.2,
    // and what is not UTF-8.
    {"\xc2\xa0\xff", "\xc2\xa0\xff"},
    {"\xc2\xa0\xc2", "\xc2\xa0\xc2"},
    {"\xc2\xa0\xc0\xa0", "\xc2\xa0\xc0\xa0"},         // Overlong.
    {"\xc2\xa0\xe0\x80\xa0", "\xc2\xa0\xe0\x80\xa0"}, // Overlong.
    {"\xc2\xa0\xed\xa0\x80", "\xc2\xa0\xed\xa0\x80"}, // A surrogate.
    {"\xc2\xa0\xf4\x90\x80\x80", "\xc2\xa0\xf4\x90\x80\x80"},
    {"\xc2\xa0\x80", "\xc2\xa0\x80"},
  };
  for (const auto& row : table)
    BOOST_TEST((saslprep(secret{std::string{row.in}}).reveal() == row.expected),
               row.in);
}

BOOST_AUTO_TEST_SUITE_END()
