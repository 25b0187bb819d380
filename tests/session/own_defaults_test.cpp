#include "session/own_defaults.hpp"

#include <boost/test/unit_test.hpp>

#include "protocol/reader.hpp"
#include "session/own_portals.hpp"

using namespace cenote;
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
  out.text = put_into(sql, made.puts);
  each_move(sql, made.puts, [&](int at, int longer_by) {
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

BOOST_AUTO_TEST_CASE(the_text_of_a_parse_says_what_it_stands_for) {
  struct row {
    std::string_view sql;
    std::string_view text;
    std::string_view says;
  };
  const row table[] = {
    {"reset timezone", R"(set "timezone" to 'Asia/Tokyo' /* for RESET */)",
     "RESET"},
    {" /* x */ RESET work_mem ; -- y",
     " /* x */ set \"work_mem\" to '11MB' "
     "/* for RESET */",
     "RESET"},
    {"set work_mem to default", R"(set "work_mem" to '11MB')", ""},
    {"set search_path to default",
     "do 'begin perform pg_catalog.set_config(''search_path'', ''a,b'', "
     "false); end' /* for SET */",
     "SET"},
    {"reset all", "reset all", ""},
    {"discard all", "discard all", ""},
    {"reset enable_sort", "reset enable_sort", ""},
    {"reset work_mem; select 1", "reset work_mem; select 1", ""},
    {"reset work_mem; reset timezone", "reset work_mem; reset timezone", ""},
  };
  for (const auto& each : table) {
    const auto puts = own_text_of_parse(each.sql, traces_of(each.sql), given);
    const auto text = put_into(each.sql, puts);
    BOOST_TEST(text == each.text);
    BOOST_TEST(traces_of(text).says == each.says, text);
    BOOST_TEST(own_text_of_parse(text, traces_of(text), given).empty());
  }
}

BOOST_AUTO_TEST_CASE(a_definition_keeps_what_is_behind_its_text) {
  const std::string body{"reset a\0\0\1\0\0\0\x17", 14};
  const replacement puts[] = {{0, 7, "set a to 1"}};
  const auto made = definition_with(protocol::as_byte_span(body), puts);
  const std::string wanted{"set a to 1\0\0\1\0\0\0\x17", 17};
  BOOST_TEST(protocol::as_text(made) == wanted);
}

BOOST_AUTO_TEST_CASE(behind_a_discard_comes_all_that_was_given) {
  BOOST_TEST(statements_behind(traces_of("discard all"), given)->size() == 4u);
  BOOST_TEST(!statements_behind(traces_of("discard all"), {{"a.b", "\xff"}}));
  BOOST_TEST(!statements_behind(traces_of("select '\\'; reset a"), given));
}

namespace {

own_portal portal(std::string name, std::string_view says,
                  std::vector<std::string> behind = {}) {
  own_portal out;
  out.name = std::move(name);
  out.says = says;
  out.behind = std::move(behind);
  return out;
}

} // namespace

BOOST_AUTO_TEST_CASE(of_portals_the_latest_of_a_name_counts) {
  own_portals all;
  all.add(portal("p", "RESET"));
  all.add(portal("", "SET"));
  all.add(portal("p", "", {"set a to 1"}));
  BOOST_TEST(all.find("p")->behind.size() == 1u);
  BOOST_TEST(all.find("")->says == "SET");
  all.drop("p");
  all.drop("q");
  BOOST_TEST(!all.find("p"));
  for (int i = 0; i < 1000; ++i)
    all.add(portal(std::to_string(i), "RESET"));
  BOOST_TEST(!all.find("1"));
  BOOST_TEST(all.find("999") != nullptr);
  all.clear();
  BOOST_TEST(all.empty());
}

BOOST_AUTO_TEST_CASE(set_config_with_null_gets_the_clients_value) {
  struct row {
    std::string_view sql;
    std::string_view text;
  };
  const row table[] = {
    {"select set_config('timezone', NULL, false)",
     "select set_config('timezone', 'Asia/Tokyo', false)"},
    {"select pg_catalog.set_config('TimeZone', null::text, true), "
     "set_config('work_mem', cast(null as text), $1)",
     "select pg_catalog.set_config('TimeZone', 'Asia/Tokyo'::text, true), "
     "set_config('work_mem', cast('11MB' as text), $1)"},
    {"select set_config('work_mem', $12, false)",
     "select set_config('work_mem', coalesce($12, '11MB'), false)"},
    {"select set_config('enable_sort', null, false)",
     "select set_config('enable_sort', null, false)"},
    {"select set_config('work_mem', '1MB', false)",
     "select set_config('work_mem', '1MB', false)"},
    {"create view v as select set_config('work_mem', null, false)",
     "create view v as select set_config('work_mem', null, false)"},
    {"insert into t select set_config(lower('x'), null, false)",
     "insert into t select set_config(lower('x'), null, false)"},
  };
  for (const auto& each : table) {
    BOOST_TEST(splice(each.sql).text == each.text);
    BOOST_TEST(splice(each.sql).retags.empty());
    const auto puts = own_text_of_parse(each.sql, traces_of(each.sql), given);
    BOOST_TEST(put_into(each.sql, puts) == each.text);
  }
  const settings_list two = {{"TimeZone", "UTC"}, {"app.x", "it's"}};
  BOOST_TEST(splice("select set_config($1, $2, false)", two).text
             == "select set_config($1, coalesce($2, (case pg_catalog.lower($1"
                "::text) when 'timezone' then 'UTC' when 'app.x' then 'it''s' "
                "end)), false)");
  BOOST_TEST(
    splice("select set_config('app.x', null, false); reset timezone", two).text
    == "select set_config('app.x', 'it''s', false); set \"timezone\" "
       "to 'UTC'");
}

BOOST_AUTO_TEST_CASE(a_list_of_names_needs_no_snapshot_if_set_spells_it_so) {
  const std::pair<std::string_view, std::string_view> table[] = {
    {"a", "'a'"},
    {"a, public", "'a', 'public'"},
    {R"("$user", public)", "'$user', 'public'"},
    {R"("A ""b", "c\d")", R"('A "b', 'c\\d')"},
  };
  for (const auto& [value, names] : table) {
    std::string wanted{names};
    if (const auto at = wanted.find("'c"); at != wanted.npos)
      wanted.insert(at, " E");
    BOOST_TEST(setting_sql("search_path", value, false).value()
               == "set \"search_path\" to " + wanted);
  }
  BOOST_TEST(setting_sql("Search_Path", "a", true).value()
             == "set local \"Search_Path\" to 'a'");
  // PostgreSQL would show these otherwise.
  for (const auto* value : {"a,b", "A", R"("a")", "a , b", "a,  b", "", "user",
                            "a, table", "1", "a b", "a, ", " a", "a$"})
    BOOST_TEST(setting_sql("search_path", value, false)->starts_with("do "),
               value);
}
