#include "session/watched_words.hpp"

#include <string>
#include <string_view>

#include <boost/test/unit_test.hpp>

using namespace cenote::session;
using namespace std::string_view_literals;

namespace {

watched_words some() {
  watched_words out;
  out.add("set_tenant", {});
  out.add("t_audited", {true, false});
  out.add("set_any", {false, true});
  out.add("my func", {});
  out.add("\"quoted\"\"", {});
  out.add("1st", {});
  return out;
}

mention look(std::string_view sql) {
  return some().look_at(sql);
}

/// As long as PostgreSQL has names.
std::string long_name(char last, std::size_t size = 63) {
  return std::string(size - 1, 'n') + last;
}

} // namespace

BOOST_TEST_DONT_PRINT_LOG_VALUE(mention)

BOOST_AUTO_TEST_SUITE(watched_words_suite)

BOOST_AUTO_TEST_CASE(nothing_is_watched_at_first) {
  watched_words none;
  BOOST_TEST(none.empty());
  BOOST_TEST((none.look_at("select set_tenant('a')") == mention::none));
  BOOST_TEST(!some().empty());
  BOOST_TEST(some().size() == 6u);
}

BOOST_AUTO_TEST_CASE(a_name_is_found_however_it_is_written) {
  for (auto sql :
       {"select set_tenant('a')", "SELECT Set_Tenant ('a')", "set_tenant",
        "select \"set_tenant\"()", "select public.set_tenant()",
        "select public . /* x */ set_tenant()", "select 1;select set_tenant()",
        "select(set_tenant())", "select 1 as a,set_tenant()--",
        "select /*set_tenant*/ 1", "select 'set_tenant'", "$$set_tenant$$",
        "$a$set_tenant$a$", "select 1set_tenant()",
        "do $x$begin perform set_tenant();end$x$"})
    BOOST_TEST((look(sql) == mention::changes), sql);
}

BOOST_AUTO_TEST_CASE(a_part_of_a_word_is_another_word) {
  for (auto sql : {"", "select set_tenants()", "select reset_tenant()",
                   "select set_tenant1", "select set_tenant_$", "set_ tenant",
                   "select _set_tenant", "select set_tenan", "select 1",
                   "select \xc3\xa9set_tenant()", "set_tenant\xc3\xa9"})
    BOOST_TEST((look(sql) == mention::none), sql);
}

BOOST_AUTO_TEST_CASE(what_only_writes_change_needs_a_word_that_writes) {
  BOOST_TEST((look("select * from t_audited") == mention::none));
  for (auto sql :
       {"insert into t_audited values (1)", "UPDATE t_audited set a = 1",
        "delete from t_audited", "merge into t_audited using x on true",
        "copy t_audited from", "truncate t_audited",
        "alter table t_audited add a int",
        "with x as (insert into y select 1) select t_audited"})
    BOOST_TEST((look(sql) == mention::changes), sql);
  BOOST_TEST((look("select inserted from t_audited") == mention::none));
}

BOOST_AUTO_TEST_CASE(names_of_other_bytes_are_found_by_their_words) {
  BOOST_TEST((look("select \"My Func\"()") == mention::changes));
  BOOST_TEST((look("select \"\"\"quoted\"\"\"()") == mention::changes));
  BOOST_TEST((look("select * from \"1st\"") == mention::changes));
  watched_words none;
  none.add("!?", {});
  BOOST_TEST(none.watches_all());
  BOOST_TEST((none.look_at("select 1") == mention::changes));
}

BOOST_AUTO_TEST_CASE(where_a_setting_is_computed_it_is_said) {
  BOOST_TEST((look("select set_any('a', 'b')") == mention::changes_anything));
  BOOST_TEST((look("select set_tenant('a'), set_any('a', 'b')")
              == mention::changes_anything));
  BOOST_TEST(some().has_any_setting());
}

BOOST_AUTO_TEST_CASE(names_with_other_letters_make_such_texts_suspicious) {
  watched_words words;
  words.add("caf\xc3\xa9", {});
  BOOST_TEST(!words.empty());
  BOOST_TEST((words.look_at("select caf\xe9()") == mention::changes));
  BOOST_TEST((words.look_at("select '\xc3\xa4'") == mention::changes));
  BOOST_TEST((words.look_at("select cafe()") == mention::none));
  BOOST_TEST((look("select '\xc3\xa4'") == mention::none));
}

BOOST_AUTO_TEST_CASE(escaped_names_are_any_name) {
  BOOST_TEST(
    (look("select U&\"\\0073et_tenant\"()") == mention::changes_anything));
  BOOST_TEST((look("select u&'x'") == mention::none));
  BOOST_TEST((look("select au&\"x\"") == mention::none));
}

BOOST_AUTO_TEST_CASE(long_names_are_cut_as_postgresql_cuts_them) {
  watched_words words;
  words.add(long_name('a'), {});
  BOOST_TEST(
    (words.look_at("select " + long_name('a') + "()") == mention::changes));
  BOOST_TEST(
    (words.look_at("select " + long_name('a') + "more()") == mention::changes));
  BOOST_TEST((words.look_at("select " + long_name('b')) == mention::none));
  BOOST_TEST((words.look_at("select " + long_name('a', 62)) == mention::none));
  // The last word of one that was cut may be longer in the text.
  watched_words cut;
  cut.add("one " + std::string(59, 'x'), {});
  BOOST_TEST(
    (cut.look_at("\"one " + std::string(70, 'x') + "\"") == mention::changes));
  watched_words end;
  end.add(std::string(60, '-') + "abc", {});
  BOOST_TEST(end.watches_all());
}

BOOST_AUTO_TEST_CASE(flags_of_one_word_add_up) {
  watched_words words;
  words.add("t", {true, false});
  words.add("t", {false, false});
  BOOST_TEST(words.size() == 1u);
  BOOST_TEST((words.look_at("select * from t") == mention::changes));
  words.add("t", {false, true});
  BOOST_TEST((words.look_at("select * from t") == mention::changes_anything));
}

BOOST_AUTO_TEST_CASE(many_words_are_all_found_up_to_the_limit) {
  watched_words words;
  for (std::size_t i = 0; i < watched_words::words_max; ++i)
    words.add("word_" + std::to_string(i), {});
  BOOST_TEST(!words.watches_all());
  BOOST_TEST(words.size() == watched_words::words_max);
  for (std::size_t i = 0; i < watched_words::words_max; i += 7)
    BOOST_TEST((words.look_at("select WORD_" + std::to_string(i) + "()")
                == mention::changes));
  BOOST_TEST((words.look_at("select word_x()") == mention::none));
  words.add("one_more", {});
  BOOST_TEST(words.watches_all());
  BOOST_TEST((words.look_at("select 1") == mention::changes));
}

BOOST_AUTO_TEST_CASE(too_many_settings_are_not_known) {
  watched_words words;
  words.add("f", {});
  for (std::size_t i = 0; i < watched_words::settings_max; ++i)
    words.add_setting("app.s" + std::to_string(i));
  BOOST_TEST(words.settings().size() == watched_words::settings_max);
  BOOST_TEST((words.look_at("select f()") == mention::changes));
  words.add_setting("app.one_more");
  BOOST_TEST(words.settings().size() == watched_words::settings_max);
  BOOST_TEST((words.look_at("select f()") == mention::changes_anything));
}

BOOST_AUTO_TEST_SUITE_END()
