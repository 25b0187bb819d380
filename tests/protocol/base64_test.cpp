#include "protocol/base64.hpp"

#include <boost/test/unit_test.hpp>

#include "wire.hpp"

using namespace cenote;
using namespace cenote::protocol;

BOOST_AUTO_TEST_SUITE(base64_test)

BOOST_AUTO_TEST_CASE(the_vectors_of_rfc_4648_go_both_ways) {
  const struct {
    std::string_view raw;
    std::string_view text;
  } table[] = {
    {"", ""},
    {"f", "Zg=="},
    {"fo", "Zm8="},
    {"foo", "Zm9v"},
    {"foob", "Zm9vYg=="},
    {"fooba", "Zm9vYmE="},
    {"foobar", "Zm9vYmFy"},
  };
  for (const auto& row : table) {
    BOOST_TEST(base64_encode(row.raw) == row.text);
    const auto got = base64_decode(row.text);
    BOOST_REQUIRE_MESSAGE(got, row.text);
    BOOST_TEST(*got == row.raw);
  }
}

BOOST_AUTO_TEST_CASE(every_byte_survives) {
  std::string all;
  for (int i = 0; i < 256; ++i)
    all += static_cast<char>(i);
  BOOST_TEST(*base64_decode(base64_encode(all)) == all);
}

BOOST_AUTO_TEST_CASE(sloppy_forms_are_refused) {
  for (std::string_view text :
       {"Z", "Zg", "Zg=", "Zg===", "====", "Z===", "=Zg=", "Zg==Zg==", "Zm9v ",
        "Zm9v\n", "Zm 9", "Zh==", "Zm9=", "Zm-_", "Zm9\x80"})
    BOOST_TEST(!base64_decode(text), text);
}

BOOST_AUTO_TEST_SUITE_END()
