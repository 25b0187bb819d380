// What each statement is said to do. A case is a text and what is seen in it,
// one `[...]` per statement; facts that are not so are left out.
#include "session/sql_look.hpp"

#include <boost/test/unit_test.hpp>

#include <array>
#include <string>

#include "session/sql_filter.hpp"

using namespace cenote::session;

namespace {

constexpr std::array<std::string_view, 31> verb_names = {
  "other",
  "begin",
  "commit",
  "rollback",
  "savepoint",
  "rollback_to",
  "release",
  "prepare_transaction",
  "set",
  "set_local",
  "set_transaction",
  "reset",
  "reset_all",
  "prepare",
  "execute",
  "deallocate",
  "deallocate_all",
  "discard_all",
  "discard_plans",
  "discard_temp",
  "discard_sequences",
  "listen",
  "unlisten",
  "unlisten_all",
  "declare_hold",
  "close",
  "create_temp",
  "load",
  "do_block",
  "call",
};

std::string shown(const setting_touched& what) {
  std::string out = what.by_function ? " fn:" : " guc:";
  switch (what.is_named) {
    case answer::yes:
      out += what.name;
      break;
    case answer::by_parameter:
      out += "$" + std::to_string(what.name_parameter);
      break;
    case answer::no:
    case answer::computed:
      out += "?";
      break;
  }
  switch (what.is_local) {
    case answer::no:
      break;
    case answer::yes:
      out += "/local";
      break;
    case answer::by_parameter:
      out += "/$" + std::to_string(what.local_parameter);
      break;
    case answer::computed:
      out += "/?";
      break;
  }
  return out;
}

std::string shown(const sql_statement& what, std::string_view sql) {
  auto out = "[" + std::string{verb_names[static_cast<std::size_t>(what.verb)]};
  auto add = [&](std::string_view key, std::string_view value) {
    if (!value.empty())
      out += " " + std::string{key} + "=" + std::string{value};
  };
  add("name", what.name);
  add("at", what.name_at.of(sql));
  add("types", what.types_at.of(sql));
  add("query", what.query_at.of(sql));
  for (const auto& one : what.settings)
    out += shown(one);
  out += what.chains ? " chain" : "";
  out += what.uses_advisory_session_lock ? " lock" : "";
  out += what.uses_advisory_unlock ? " unlock" : "";
  out += what.may_leave_temp ? " temp" : "";
  out += what.drops_something ? " drop" : "";
  return out + "]";
}

std::string seen(std::string_view sql) {
  const auto look = look_at(sql);
  if (!look.parsed())
    return look.error;
  std::string out;
  bool is_plain = look.statements.size() < 2;
  for (const auto& one : look.statements) {
    out += shown(one, sql);
    is_plain = is_plain && one.is_plain();
  }
  BOOST_TEST((is_plain || asks_for_a_look(sql)), "not asked: " << sql);
  return out;
}

struct example {
  std::string_view sql;
  std::string_view expected;
};

void check(std::initializer_list<example> examples) {
  for (const auto& [sql, expected] : examples)
    BOOST_TEST(seen(sql) == expected, sql << " is " << seen(sql));
}

} // namespace

BOOST_AUTO_TEST_SUITE(sql_looks)

BOOST_AUTO_TEST_CASE(transactions_are_told_apart) {
  check({
    {"begin", "[begin]"},
    {"START TRANSACTION READ ONLY", "[begin]"},
    {"commit", "[commit]"},
    {"END", "[commit]"},
    {"commit and chain", "[commit chain]"},
    {"rollback", "[rollback]"},
    {"abort and chain", "[rollback chain]"},
    {"savepoint A", "[savepoint name=a]"},
    {"rollback to savepoint \"A\"", "[rollback_to name=A]"},
    {"release a", "[release name=a]"},
    {"prepare transaction 'x'", "[prepare_transaction]"},
    {"commit prepared 'x'", "[other]"},
  });
}

BOOST_AUTO_TEST_CASE(settings_are_named_as_postgresql_names_them) {
  check({
    {"set x = 1", "[set guc:x]"},
    {"set session Work_Mem to '1MB'", "[set guc:work_mem]"},
    {"set local \"My.Var\" = 'x'", "[set_local guc:my.var/local]"},
    {"set a.b.c = 1", "[set guc:a.b.c]"},
    {"set x to default", "[set guc:x]"},
    {"set local x to default", "[set_local guc:x/local]"},
    {"set time zone local", "[set guc:timezone]"},
    {"set time zone interval '1' hour to minute", "[set guc:timezone]"},
    {"set local time zone 'UTC'", "[set_local guc:timezone/local]"},
    {"set role none", "[set guc:role]"},
    {"set local role x", "[set_local guc:role/local]"},
    {"set session authorization x", "[set guc:session_authorization]"},
    {"set session authorization default", "[set guc:session_authorization]"},
    {"set names 'UTF8'", "[set guc:client_encoding]"},
    {"set schema 'x'", "[set guc:search_path]"},
    {"set seed to 0.5", "[set guc:seed]"},
    {"set xml option document", "[set guc:xmloption]"},
    {"set session characteristics as transaction isolation level "
     "serializable, read only, deferrable",
     "[set guc:default_transaction_isolation guc:default_transaction_read_only "
     "guc:default_transaction_deferrable]"},
    {"set transaction read only", "[set_transaction]"},
    {"set transaction snapshot 'x'", "[set_transaction]"},
    {"reset x", "[reset guc:x]"},
    {"reset time zone", "[reset guc:timezone]"},
    {"reset session authorization", "[reset guc:session_authorization]"},
    {"reset all", "[reset_all]"},
    {"alter role r set x = 1", "[other]"},
    {"create function f() returns int language sql set x = 1 as ''", "[other]"},
  });
}

BOOST_AUTO_TEST_CASE(set_config_is_seen_wherever_it_is_called) {
  check({
    {"select set_config('a.B', 'c', false)", "[other fn:a.b]"},
    {"select PG_CATALOG.SET_CONFIG('a', 'c', true)", "[other fn:a/local]"},
    {"select \"set_config\"('a', 'c', 'f')", "[other fn:a]"},
    {"select U&\"\\0073et_config\"('a', 'c', ' ON ')", "[other fn:a/local]"},
    {"select set_config('a'::text, $1, null)", "[other fn:a]"},
    {"select set_config('a', $1, 'o')", "[other fn:a/?]"},
    {"select set_config($1, $2, $3)", "[other fn:$1/$3]"},
    {"select set_config(cast($2 as text), $1, $3::bool)", "[other fn:$2/$3]"},
    {"select set_config('a' || 'b', 'c', not true)", "[other fn:?/?]"},
    {"select set_config(name, setting, false) from pg_settings",
     "[other fn:?]"},
    {"select set_config(variadic array['a'])", "[other fn:?/?]"},
    {"select set_config('a', 'b', is_local => true)", "[other fn:a/?]"},
    {"select * from set_config('a', 'c', false)", "[other fn:a]"},
    {"with x as (select set_config('a', 'c', false)) insert into t table x",
     "[other fn:a]"},
    {"values (set_config('a', 'b', false), set_config('c', 'd', true))",
     "[other fn:a fn:c/local]"},
    {"select case when set_config('a', set_config('b', 'x', false), true) "
     "= '' then 1 end",
     "[other fn:a/local fn:b]"},
    {"copy (select set_config('a', 'b', false)) to stdout", "[other fn:a]"},
    {"explain analyze select set_config('a', 'b', false)", "[other fn:a]"},
    {"update t set a = set_config('a', 'b', false)", "[other fn:a]"},
    {"select mine.set_config('a', 'b', false)", "[other]"},
    {"select set_config, 'set_config(1)' from t", "[other]"},
  });
}

BOOST_AUTO_TEST_CASE(prepared_statements_are_found_with_their_name) {
  check({
    {"prepare A as select 1", "[prepare name=a at=A query=select 1]"},
    {"prepare \"a;b\" (int, text[]) as select $1, $2 ; ",
     "[prepare name=a;b at=\"a;b\" types=(int, text[]) query=select $1, $2]"},
    {"/* x */ prepare/*y*/ \"A \"\"x\"--z\n(numeric(3,1)) as/**/table t",
     "[prepare name=A \"x at=\"A \"\"x\" types=(numeric(3,1)) query=table t]"},
    {"prepare \"\xc3\xa9\xe2\x82\xac\" as select '\xc3\xa9'",
     "[prepare name=\xc3\xa9\xe2\x82\xac at=\"\xc3\xa9\xe2\x82\xac\" "
     "query=select '\xc3\xa9']"},
    {"prepare U&\"a\\0062\" as select 1",
     "[prepare name=ab at=U&\"a\\0062\" query=select 1]"},
    {"prepare u&\"a\"\"!0062\"\n uescape '!' as select 1",
     "[prepare name=a\"b at=u&\"a\"\"!0062\"\n uescape '!' query=select 1]"},
    {"prepare uescape as select 1",
     "[prepare name=uescape at=uescape query=select 1]"},
    {"prepare prepare as insert into t values ($$as$$)",
     "[prepare name=prepare at=prepare query=insert into t values ($$as$$)]"},
    {"execute a", "[execute name=a at=a]"},
    {"EXECUTE\"X\"(1, ')')", "[execute name=X at=\"X\"]"},
    {"execute execute(1)", "[execute name=execute at=execute]"},
    {"explain execute a", "[execute name=a at=a]"},
    {"explain analyze verbose execute execute",
     "[execute name=execute at=execute]"},
    {"explain (analyze, buffers off) execute b(1)", "[execute name=b at=b]"},
    {"create table t as execute b", "[execute name=b at=b]"},
    {"create table execute (a, b) with (fillfactor = 10) as execute b(1) "
     "with no data",
     "[execute name=b at=b]"},
    {"create temp table t on commit drop as execute b",
     "[execute name=b at=b]"},
    {"create temp table t as execute b", "[execute name=b at=b temp]"},
    {"explain analyze create table t as execute b", "[execute name=b at=b]"},
    {"deallocate a", "[deallocate name=a at=a]"},
    {"deallocate prepare \"A\"", "[deallocate name=A at=\"A\"]"},
    {"deallocate prepare", "[deallocate name=prepare at=prepare]"},
    {"deallocate prepare prepare", "[deallocate name=prepare at=prepare]"},
    {"deallocate all", "[deallocate_all]"},
    {"deallocate prepare all", "[deallocate_all]"},
    {"deallocate \"all\"", "[deallocate name=all at=\"all\"]"},
  });
}

BOOST_AUTO_TEST_CASE(a_long_name_is_cut_as_postgresql_cuts_it) {
  const auto name = std::string(63, 'x');
  const auto look = look_at("prepare " + name + "yz as select 1");
  BOOST_REQUIRE(look.statements.size() == 1u);
  BOOST_TEST(look.statements[0].name == name);
  BOOST_TEST((look.statements[0].name_at == text_range{8, 65}));
}

BOOST_AUTO_TEST_CASE(what_stays_in_the_session_is_seen) {
  check({
    {"discard all", "[discard_all]"},
    {"discard plans", "[discard_plans]"},
    {"discard temporary", "[discard_temp]"},
    {"discard sequences", "[discard_sequences]"},
    {"listen \"A\"", "[listen name=A]"},
    {"unlisten A", "[unlisten name=a]"},
    {"unlisten *", "[unlisten_all]"},
    {"declare c cursor with hold for select 1", "[declare_hold name=c]"},
    {"declare c binary scroll cursor for select 1", "[other name=c]"},
    {"explain declare c cursor with hold for select 1", "[other]"},
    {"close c", "[close name=c]"},
    {"close all", "[close]"},
    {"load 'x'", "[load]"},
    {"do $$begin end$$", "[do_block]"},
    {"call p(set_config('a', 'b', false))", "[call fn:a]"},
    {"drop table t", "[other drop]"},
    {"drop schema s cascade", "[other drop]"},
    {"select pg_advisory_lock(1)", "[other lock]"},
    {"select pg_try_advisory_lock_shared(1, 2)", "[other lock]"},
    {"select 1 where pg_catalog.PG_ADVISORY_UNLOCK(1)", "[other unlock]"},
    {"select pg_advisory_unlock_all()", "[other unlock]"},
    {"select pg_advisory_xact_lock(1), pg_try_advisory_xact_lock(2)",
     "[other]"},
  });
}

BOOST_AUTO_TEST_CASE(temporary_things_are_seen) {
  check({
    {"create temp table t (a int)", "[create_temp temp]"},
    {"create local temporary table t ()", "[create_temp temp]"},
    {"create temp table t (a int) on commit drop", "[create_temp]"},
    {"create temp table t (a int) on commit delete rows", "[create_temp temp]"},
    {"create temp table t as select 1", "[create_temp temp]"},
    {"create temp table if not exists t on commit drop as select 1",
     "[create_temp]"},
    {"create or replace temp view v as select 1", "[create_temp temp]"},
    {"create temp recursive view v (a) as select 1", "[create_temp temp]"},
    {"create temp sequence s", "[create_temp temp]"},
    {"create table pg_temp.t (a int)", "[create_temp temp]"},
    {"create table PG_TEMP_3.t as select 1", "[create_temp temp]"},
    {"select 1 into temp t", "[create_temp temp]"},
    {"select 1 into pg_temp.t union select 2", "[create_temp temp]"},
    {"with a as (select 1) select * into temporary table t from a",
     "[create_temp temp]"},
    {"create function pg_temp.f() returns int language sql as ''",
     "[other temp]"},
    {"create type pg_temp.t as (a int)", "[other temp]"},
    {"create domain pg_temp.d as int", "[other temp]"},
    {"create table t (a int)", "[other]"},
    {"create unlogged table t as select 1", "[other]"},
    {"select 1 into t", "[other]"},
    {"insert into pg_temp.t values (1)", "[other]"},
    {"select temp from temp", "[other]"},
  });
}

BOOST_AUTO_TEST_CASE(statements_are_found_in_their_places) {
  constexpr std::string_view sql
    = ";; /* \xc3\xa9 */ set a = 1 ; -- ;\n ;select ';'; execute b;\n";
  const auto look = look_at(sql);
  BOOST_REQUIRE(look.statements.size() == 3u);
  BOOST_TEST(look.statements[0].where.of(sql) == "set a = 1 ");
  BOOST_TEST(look.statements[1].where.of(sql) == "select ';'");
  BOOST_TEST(look.statements[2].where.of(sql) == "execute b");
  BOOST_TEST(look.statements[2].name_at.of(sql) == "b");
  check({
    {"", ""},
    {" ; /* */ ;", ""},
    {"begin; set local x = 1; commit",
     "[begin][set_local guc:x/local][commit]"},
    {"prepare a as select 1; execute a; deallocate a",
     "[prepare name=a at=a query=select 1][execute name=a at=a]"
     "[deallocate name=a at=a]"},
    {"create rule r as on insert to t do also (select 1; select 2); set x = 1",
     "[other][set guc:x]"},
  });
}

BOOST_AUTO_TEST_CASE(a_text_that_does_not_parse_says_why) {
  const auto look = look_at("set x =");
  BOOST_TEST((look.failure == look_failure::syntax));
  BOOST_TEST(look.error == "syntax error at end of input");
  BOOST_TEST(look.statements.empty());
  BOOST_TEST(!look_at("select 1; sett x = 1").parsed());
  BOOST_TEST(!look_at("select 'a").parsed());
  BOOST_TEST(!look_at("select /* a").parsed());
  BOOST_TEST(!look_at(std::string_view{"set x = 1\0", 10}).parsed());
}

BOOST_AUTO_TEST_CASE(a_backslash_is_mentioned) {
  // What is a string and what is not depends on standard_conforming_strings.
  const auto look = look_at("select '\\'; set x = 1 --'");
  BOOST_TEST(look.has_backslash);
  BOOST_TEST(look.statements.size() == 2u);
  BOOST_TEST(!look_at("select ''; set x = 1").has_backslash);
}

BOOST_AUTO_TEST_SUITE_END()
