#include "session/own_defaults.hpp"

#include <boost/test/unit_test.hpp>

using namespace cenote::session;

namespace {

const settings_list given = {{"TimeZone", "Asia/Tokyo"},
                             {"work_mem", "11MB"},
                             {"app.quote", "it's"},
                             {"search_path", "a,b"}};

struct spliced {
  std::string text;
  std::string retags; ///< "1:RESET 2: "
  std::string moves;  ///< "7+12 "
  bool is_complete = false;
};

spliced splice(std::string_view sql, const settings_list& own = given) {
  const auto made = with_own_defaults(traces_of(sql), own);
  spliced out;
  out.is_complete = made.is_complete;
  for (const auto& each : made.retags)
    out.retags
      += std::to_string(each.statement) + ':' + std::string{each.tag} + ' ';
  out.text = put_into(sql, made.puts, [&](int at, int longer_by) {
    out.moves += std::to_string(at) + (longer_by < 0 ? "" : "+")
               + std::to_string(longer_by) + ' ';
  });
  return out;
}

} // namespace

BOOST_AUTO_TEST_CASE(what_is_undone_is_set_to_what_the_client_gave) {
  struct row {
    std::string_view sql;
    std::string_view text;
    std::string_view retags;
  };
  const row table[] = {
    {"reset timezone", R"(set "timezone" to 'Asia/Tokyo')", "0:RESET "},
    {"RESET TIME ZONE ; select 1",
     R"(set "timezone" to 'Asia/Tokyo'; select 1)", "0:RESET "},
    {"begin;; /* x */ set work_mem to default; commit",
     R"(begin;; /* x */ set "work_mem" to '11MB'; commit)", "1:SET "},
    {"set time zone local", R"(set "timezone" to 'Asia/Tokyo')", "0:SET "},
    {"set local work_mem = default", R"(set local "work_mem" to '11MB')",
     "0:SET "},
    {"reset app.quote", R"(set "app"."quote" to 'it''s')", "0:RESET "},
    {"reset search_path",
     "do 'begin perform pg_catalog.set_config(''search_path'', ''a,b'', "
     "false); end'",
     "0:RESET "},
    {"reset enable_sort", "reset enable_sort", ""},
    {"select 1; reset all; reset work_mem",
     "select 1; reset all; set \"TimeZone\" to 'Asia/Tokyo'; set \"work_mem\" "
     "to '11MB'; set \"app\".\"quote\" to 'it''s'; do 'begin perform "
     "pg_catalog.set_config(''search_path'', ''a,b'', false); end'; set "
     "\"work_mem\" to '11MB'",
     "2: 3: 4: 5: 6:RESET "},
    {"set work_mem = '1MB'", "set work_mem = '1MB'", ""},
  };
  for (const auto& each : table) {
    const auto got = splice(each.sql);
    BOOST_TEST(got.text == each.text, each.sql);
    BOOST_TEST(got.retags == each.retags, each.sql);
    BOOST_TEST(got.is_complete, each.sql);
  }
}

BOOST_AUTO_TEST_CASE(what_cannot_be_said_is_not_complete) {
  BOOST_TEST(!splice("discard all").is_complete);
  BOOST_TEST(splice("discard all").text == "discard all");
  // With standard_conforming_strings off the string ends elsewhere.
  BOOST_TEST(!splice("select '\\'; reset timezone").is_complete);
  const settings_list odd = {{"app.x", "\xc3\xa4"}};
  BOOST_TEST(!splice("reset app.x", odd).is_complete);
  BOOST_TEST(!splice("reset all", odd).is_complete);
  BOOST_TEST(splice("reset work_mem", odd).is_complete);
}

BOOST_AUTO_TEST_CASE(a_role_outlives_reset_all) {
  const settings_list own = {{"role", "x"}, {"work_mem", "1MB"}};
  BOOST_TEST(splice("reset all", own).text
             == "reset all; set \"work_mem\" to '1MB'");
  BOOST_TEST(splice("reset role", own).text == "set \"role\" to 'x'");
}

BOOST_AUTO_TEST_CASE(positions_are_told_in_characters_of_the_clients_text) {
  const auto got = splice("select '\xc3\xa4'; reset work_mem; reset timezone");
  BOOST_TEST(got.moves == "13+10 29+16 ");
}

BOOST_AUTO_TEST_CASE(a_backslash_is_one_whatever_strings_are) {
  BOOST_TEST(setting_sql("app.x", "a\\b'c", false).value()
             == "set \"app\".\"x\" to  E'a\\\\b''c'");
  BOOST_TEST(!setting_sql("app.x", "a\nb", false));
}

BOOST_AUTO_TEST_CASE(behind_an_execute_come_the_same_statements) {
  auto behind = statements_behind(traces_of("reset work_mem"), given);
  BOOST_REQUIRE(behind.has_value());
  BOOST_REQUIRE(behind->size() == 1u);
  BOOST_TEST(behind->front() == "set \"work_mem\" to '11MB'");
  BOOST_TEST(statements_behind(traces_of("reset all"), given)->size() == 4u);
  BOOST_TEST(statements_behind(traces_of("reset enable_sort"), given)->empty());
  BOOST_TEST(!statements_behind(traces_of("reset all"), {{"a.b", "\xff"}}));
}
