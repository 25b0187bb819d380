#include "session/traces.hpp"

#include <string>
#include <string_view>

#include <boost/test/unit_test.hpp>

using namespace cenote::session;
using cenote::protocol::dirt;
using cenote::protocol::dirt_set;

namespace {

/// "settings locks" …, in the order of `trace`.
std::string shown(trace_set kinds) {
  constexpr std::string_view names[]
    = {"settings", "temporary",  "listens",  "cursors",
       "locks",    "statements", "libraries"};
  std::string out;
  for (unsigned i = 0; i < 7; ++i)
    if ((kinds.bits() & (1u << i)) != 0)
      out += (out.empty() ? "" : " ") + std::string{names[i]};
  return out;
}

struct row {
  std::string_view sql;
  std::string_view kinds;
};

constexpr row table[] = {
  {"select 1", ""},
  {"insert into t values ('set')", ""},
  {"begin; select 1; commit", ""},
  {"set work_mem = '1MB'", "settings"},
  {"set local work_mem = '1MB'", ""},
  {"set transaction isolation level serializable", ""},
  {"begin; set local a.b = 'x'; select 1; commit", ""},
  {"select set_config('a.b', 'x', false)", "settings"},
  {"select set_config('a.b', 'x', true)", ""},
  {"select set_config('a.b', 'x', $1)", "settings"},
  {"reset all", "settings"},
  {"create temp table t (x int)", "temporary"},
  {"create table t (x int)", ""},
  {"drop table t", "temporary"},
  {"  DROP table t", "temporary"},
  {"dropping", ""},
  {"select 1; drop table t", "temporary"},
  {"discard temp", "temporary"},
  {"listen x", "listens"},
  {"unlisten *", "listens"},
  {"notify x", ""},
  {"declare c cursor with hold for select 1", "cursors"},
  {"declare c cursor for select 1", ""},
  {"close c", "cursors"},
  {"select pg_advisory_lock(1)", "locks"},
  {"select pg_advisory_xact_lock(1)", ""},
  {"select pg_advisory_unlock_all()", "locks"},
  {"prepare p as select 1", "statements"},
  {"execute p", "settings locks"},
  {"deallocate all", "statements"},
  {"load 'auto_explain'", "libraries"},
  {"do $$ begin end $$", "settings temporary listens cursors locks statements"},
  {"call p()", "settings temporary listens cursors locks statements"},
  {"discard all", "settings temporary listens cursors locks statements"},
  {"set set set", "settings temporary listens cursors locks statements"},
};

} // namespace

BOOST_AUTO_TEST_CASE(what_a_text_may_leave_behind) {
  for (auto& each : table)
    BOOST_TEST(shown(traces_of(each.sql).kinds) == each.kinds, each.sql);
}

BOOST_AUTO_TEST_CASE(only_settings_that_nobody_lists_are_asked_for_by_name) {
  auto found = traces_of("set work_mem = '1MB'; set a.b = 'x'; set role app; "
                         "select set_config($2, 'x', false)");
  BOOST_TEST(found.settings == (std::vector<std::string>{"a.b", "role"}),
             boost::test_tools::per_element());
  BOOST_TEST(found.setting_parameters == (std::vector<std::uint16_t>{2}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(settings_are_found_however_strings_are_read) {
  const auto settings = std::vector<std::string>{"a.b"};
  for (std::string_view sql :
       {R"(select set_config('a.b', '\'', false))", R"(set a.b = '\')",
        R"(select '\'; set a.b = 1; --')", R"(set a.b = E'\'')"})
    BOOST_TEST(traces_of(sql).settings == settings,
               boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(names_are_found_where_they_stand) {
  constexpr std::string_view sql = "prepare \"A b\" as select 1; execute x(1); "
                                   "deallocate X; explain execute y";
  auto found = traces_of(sql);
  BOOST_REQUIRE(found.names.size() == 4u);
  BOOST_TEST(found.names[0].name == "A b");
  BOOST_TEST(sql.substr(found.names[0].at, found.names[0].size) == "\"A b\"");
  BOOST_TEST((found.names[0].use == name_use::prepare));
  BOOST_TEST(found.names[1].name == "x");
  BOOST_TEST((found.names[1].use == name_use::execute));
  BOOST_TEST(found.names[2].name == "x");
  BOOST_TEST(sql.substr(found.names[2].at, found.names[2].size) == "X");
  BOOST_TEST((found.names[2].use == name_use::deallocate));
  BOOST_TEST(found.names[3].name == "y");
}

BOOST_AUTO_TEST_CASE(reset_and_forgetting_are_told) {
  BOOST_TEST(traces_of("reset work_mem").resets);
  BOOST_TEST(traces_of("select 1; discard all").resets);
  BOOST_TEST(!traces_of("set work_mem = '1MB'").resets);
  BOOST_TEST(traces_of("set work_mem to default /* x */").resets);
  BOOST_TEST(traces_of("set time zone local").resets);
  BOOST_TEST(!traces_of("set local work_mem to default").resets);
  BOOST_TEST(traces_of("set local work_mem to default").undoings.size() == 1u);
  BOOST_TEST(!traces_of("set app.x = 'default'").resets);
  BOOST_TEST(traces_of("deallocate all").forgets_statements);
  BOOST_TEST(!traces_of("deallocate one").forgets_statements);
}

BOOST_AUTO_TEST_CASE(tags_tell_what_no_text_does) {
  auto of = [](dirt what) {
    dirt_set seen;
    seen.add(what);
    return shown(traces_of(seen));
  };
  BOOST_TEST(of(dirt::maybe_temp) == "temporary");
  BOOST_TEST(of(dirt::listens) == "listens");
  BOOST_TEST(of(dirt::libraries) == "libraries");
  BOOST_TEST(of(dirt::opaque)
             == "settings temporary listens cursors locks statements");
  BOOST_TEST(of(dirt::settings) == "");
  BOOST_TEST(of(dirt::select_nothing) == "");
}
