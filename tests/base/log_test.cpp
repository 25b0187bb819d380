#include "base/log.hpp"

#include <boost/test/unit_test.hpp>

#include <string>

using namespace cenote;

BOOST_AUTO_TEST_SUITE(log_lines)

BOOST_AUTO_TEST_CASE(values_end_neither_their_quotes_nor_the_line_nor_utf8) {
  const struct {
    std::string_view value;
    std::string json;
    std::string text;
  } table[] = {
    {"acme", R"("acme")", "acme"},
    {"", R"("")", R"("")"},
    {"a b", R"("a b")", R"("a b")"},
    {"a\"\\\n\x01", R"("a\"\\\n\u0001")", R"("a\"\\\n\u0001")"},
    {"x\xff",
     "\"x\xef\xbf\xbd"
     "ff\"",
     "x\xef\xbf\xbd"
     "ff"},
    {"x \xc3(",
     "\"x \xef\xbf\xbd"
     "c3(\"",
     "\"x \xef\xbf\xbd"
     "c3(\""},
    {"\xc3\xa9", "\"\xc3\xa9\"", "\xc3\xa9"},
  };
  for (const auto& row : table) {
    BOOST_TEST(log::render(log::format::json, log::level::info, "said",
                           {log::kv("it", row.value)}, 0)
               == R"({"time":"1970-01-01T00:00:00.000Z","level":"INFO",)"
                  R"("event":"said","it":)"
                    + row.json + "}");
    BOOST_TEST(log::render(log::format::text, log::level::info, "said",
                           {log::kv("it", row.value)}, 0)
               == "1970-01-01T00:00:00.000Z INFO  said it=" + row.text);
  }
}

BOOST_AUTO_TEST_SUITE_END()
