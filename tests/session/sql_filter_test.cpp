#include "session/sql_filter.hpp"

#include <boost/test/unit_test.hpp>

#include <string>

#include "session/sql_look.hpp"

using namespace cenote::session;
using namespace std::string_literals;

namespace {

void asks(const std::string& sql, bool expected) {
  BOOST_TEST(asks_for_a_look(sql) == expected, "`" << sql << "`");
  // Wherever it stands in a word of eight bytes.
  for (std::size_t shift = 1; shift < 8; ++shift)
    BOOST_TEST(asks_for_a_look(std::string(shift, ' ') + sql) == expected,
               shift << " spaces before `" << sql << "`");
}

} // namespace

BOOST_AUTO_TEST_SUITE(sql_filter)

BOOST_AUTO_TEST_CASE(a_first_keyword_asks) {
  for (auto* sql : {"set x = 1",
                    "SET x TO 1",
                    "Reset all",
                    "prepare a as select 1",
                    "execute a",
                    "EXECUTE\"a\"",
                    "deallocate a",
                    "discard all",
                    "listen a",
                    "unlisten *",
                    "load 'x'",
                    "begin; set x = 1",
                    "declare c cursor for select 1",
                    "close c",
                    "explain select 1",
                    "do $$begin end$$",
                    "do'begin end'",
                    "call f()",
                    ";; \t\n\r\f\v set x = 1",
                    "((execute a",
                    "/* a */ set x = 1",
                    "/* a /* b */ ' */set x = 1",
                    "-- a\nset x = 1",
                    "-- a\rset x = 1",
                    "--\n;--\n/**/;set x = 1",
                    "create temp table t (a int)",
                    "create temporary view v as select 1",
                    "create or replace temp view v as select 1",
                    "create local temp sequence s",
                    "CREATE/**/TEMP\nTABLE t ()",
                    "create unlogged table t as execute a",
                    "create table pg_temp.t ()"})
    asks(sql, true);
}

BOOST_AUTO_TEST_CASE(usual_statements_do_not_ask) {
  for (auto* sql : {"",
                    " ",
                    ";",
                    "select 1",
                    "SELECT 1;",
                    "select 1 ; \n;\t",
                    "select 1;;",
                    "select 1; -- done",
                    "select 1; /* done; */ ;",
                    "(select 1)",
                    "insert into t values (1, 'a')",
                    "update t set a = 1",
                    "delete from t",
                    "with a as (select 1) table a",
                    "values (1)",
                    "table t",
                    "copy t from stdin",
                    "commit",
                    "rollback",
                    "rollback to a",
                    "savepoint a",
                    "release a",
                    "end",
                    "abort",
                    "settle",
                    "set_x()",
                    "sets x",
                    "do_it",
                    "begin",
                    "BEGIN;",
                    "begin isolation level serializable, read only",
                    "start transaction",
                    "begin_it",
                    "create table t (a int)",
                    "create index on t (a)",
                    "fetch 1 from c",
                    "move c",
                    "vacuum t",
                    "select temperature, template from t where attempt = 1",
                    "select temp from t",
                    "select into_temp from t",
                    "select my_config, visory, pg_tem, set_confi from t",
                    "show search_path",
                    "select '",
                    "/* set x = 1",
                    "-- set x = 1"})
    asks(sql, false);
}

BOOST_AUTO_TEST_CASE(telling_words_ask_wherever_they_are) {
  for (auto* sql :
       {"select set_config('a', 'b', false)",
        "SELECT PG_CATALOG.SET_CONFIG('a', 'b', false)",
        "select \"set_config\"('a', 'b', false)",
        "with x as (select set_config('a', 'b', true)) table x",
        "select 1 where (select set_config('a', 'b', false)) is null",
        "values (set_config('a', 'b', false))",
        "select U&\"\\0073et_config\"('a', 'b', false)", "select u&\"a\"()",
        "select pg_advisory_lock(1)",
        "select pg_try_advisory_lock_shared(1, 2)",
        "select pg_advisory_unlock_all()", "select 1 into temp t",
        "select 1 into temporary table t", "SELECT 1 INTO/**/LOCAL TEMP t",
        "select 1 into pg_temp.t", "insert into PG_TEMP_3.t values (1)",
        "select 'set_config'"})
    asks(sql, true);
}

BOOST_AUTO_TEST_CASE(an_update_of_the_settings_asks) {
  for (auto* sql :
       {"update pg_settings set setting = 'x'", "UPDATE PG_SETTINGS SET a = 1",
        "update pg_catalog.pg_settings set setting = 'x' where name = 'y'",
        "update only \"pg_settings\" set setting = 1",
        "/* a */ update/**/pg_settings set setting = 1;",
        "update a set b = c from pg_settings"})
    asks(sql, true);
  for (auto* sql :
       {"update a_settings set setting = 'x'", "update g_settings set a = 1",
        "update pg_setting set a = '_s'", "select 1 from pg_settings",
        "delete from pg_settings", "update t set pg_s = 'settings'"})
    asks(sql, false);
}

BOOST_AUTO_TEST_CASE(a_second_statement_asks) {
  for (auto* sql :
       {"select 1; set x = 1", "select 1;x", "select 1;;;x",
        "select 1; /* a */ x", "select 1; -- a\nx", "select ';'; x",
        "select \";\"; x", "select $$;$$; x", "select $a$;$$;$a$; x",
        "select e'\\';'; x", "select 'a''b'; x", "select 1 /* ; */; x",
        "select 1 -- ;\n; x", "select 'abc; -- foo'; set x = 1", "select $1; x",
        "select a$b$; x $b$", "select 1 - --;\n 1; x"})
    asks(sql, true);
  for (auto* sql :
       {"select ';x'", "select \";x\"", "select $$;x$$", "select $a$;x$a$",
        "select $a$;$b$;$a$", "select 'a'';x'", "select e'\\';x'",
        "select E'\\\\;x'", "select 1 /* ;x */", "select 1 -- ;x",
        "select 1 /* /* ;x */ ; x */", "insert into t values ('a; b', $1)",
        "select $1 || ';x'", "select \"a\"\";x\"", "select n';x', b'0', 1.5e3"})
    asks(sql, false);
}

BOOST_AUTO_TEST_CASE(what_is_not_certain_asks) {
  // With standard_conforming_strings off the first string ends later.
  asks("select '\\'; x'", true);
  asks("select '\\', ';x'", true);
  // The second byte of a character may look like a backslash.
  asks("select e'\x95\\'; x'", true);
  asks("select e'a'\n'\\'; x'", true);
  BOOST_TEST(asks_for_a_look("select 1", false));
  BOOST_TEST(asks_for_a_look("", false));
}

BOOST_AUTO_TEST_CASE(bytes_of_any_encoding_are_letters) {
  asks("select 'd\xc3\xa9j\xc3\xa0; vu'", false);
  asks("\xc3\xa9set x", false);
  asks("set\xc3\xa9 x", false);
  asks("select \xe6\x97\xa5temp from t where into_it", false);
  asks("select '\xff\xfe;x'", false);
}

BOOST_AUTO_TEST_CASE(a_long_text_is_read_to_its_end) {
  const auto filler = std::string(100'000, 'a');
  asks("select '" + filler + "', set_config('a', 'b', false)", true);
  asks("select '" + filler + "'; set x = 1", true);
  asks("select '" + filler + ";'", false);
}

BOOST_AUTO_TEST_SUITE_END()
