#include "session/begin_look.hpp"

#include <boost/test/unit_test.hpp>

#include <string>
#include <string_view>

using namespace cenote::session;
using namespace std::string_view_literals;

BOOST_AUTO_TEST_SUITE(begin_look)

BOOST_AUTO_TEST_CASE(a_lone_begin_is_known) {
  for (auto sql :
       {"begin"sv, "BEGIN;"sv, " Begin\t;\n"sv, "begin work"sv,
        "begin transaction"sv, "begin isolation level serializable"sv,
        "BEGIN ISOLATION LEVEL READ COMMITTED"sv,
        "begin isolation level read uncommitted;"sv,
        "begin work isolation level repeatable read, read only"sv,
        "begin read only"sv, "begin read write deferrable"sv,
        "begin\fnot\rdeferrable"sv,
        "begin isolation level serializable,read only , deferrable ;"sv})
    BOOST_TEST((lone_begin(sql) == begin_kind::begin), sql);
  for (auto sql :
       {"start transaction"sv, "START TRANSACTION;"sv,
        "start transaction isolation level serializable read only"sv})
    BOOST_TEST((lone_begin(sql) == begin_kind::start_transaction), sql);
}

BOOST_AUTO_TEST_CASE(anything_else_is_not) {
  for (auto sql :
       {""sv,
        ";"sv,
        " "sv,
        "start"sv,
        "start work"sv,
        "commit"sv,
        "begin;;"sv,
        "begin; select 1"sv,
        "begin;commit"sv,
        "beginx"sv,
        "begin1"sv,
        "begin_"sv,
        "begin -- x"sv,
        "begin /* x */"sv,
        "/**/begin"sv,
        "\"begin\""sv,
        "begin\vread only"sv,
        "begin\0"sv,
        "begin,"sv,
        "begin, read only"sv,
        "begin read only,"sv,
        "begin read only,;"sv,
        "begin read only,,deferrable"sv,
        "begin work transaction"sv,
        "start transaction work"sv,
        "begin isolation"sv,
        "begin isolation level"sv,
        "begin isolation level read"sv,
        "begin isolation level repeatable"sv,
        "begin isolation level read only"sv,
        "begin not"sv,
        "begin read"sv,
        "begin readonly"sv,
        "begin serializable"sv,
        "begin not read only"sv,
        "begin read only read only"sv,
        "begin read only, read write"sv,
        "begin deferrable not deferrable"sv,
        "b\xc3\xa9gin"sv,
        "begin isolation level serializable isolation level serializable"sv})
    BOOST_TEST(!lone_begin(sql), sql);
}

BOOST_AUTO_TEST_CASE(no_prefix_is_mistaken) {
  constexpr auto sql = "start transaction isolation level read committed"sv;
  for (std::size_t size = 0; size < sql.size(); ++size)
    BOOST_TEST(lone_begin(sql.substr(0, size)).has_value()
                 == (size == "start transaction"sv.size()
                     || size == "start transaction "sv.size()),
               size);
}

BOOST_AUTO_TEST_CASE(a_lone_end_is_known) {
  for (auto sql : {"commit"sv, "COMMIT;"sv, " end\n"sv, "commit work"sv,
                   "End Transaction ; "sv})
    BOOST_TEST((lone_end(sql) == end_kind::commit), sql);
  for (auto sql :
       {"rollback"sv, "ROLLBACK WORK;"sv, "abort"sv, "abort\ttransaction"sv})
    BOOST_TEST((lone_end(sql) == end_kind::rollback), sql);
  for (auto sql : {""sv,
                   ";"sv,
                   "work"sv,
                   "commit;;"sv,
                   "commit; begin"sv,
                   "commit and chain"sv,
                   "commit and no chain"sv,
                   "rollback work and chain"sv,
                   "rollback to s"sv,
                   "rollback transaction to savepoint s"sv,
                   "commit prepared 'x'"sv,
                   "rollback prepared 'x'"sv,
                   "commit work transaction"sv,
                   "commits"sv,
                   "end_"sv,
                   "/**/ commit"sv,
                   "commit -- x"sv,
                   "commit\0"sv,
                   "begin"sv,
                   "release s"sv,
                   "prepare transaction 'x'"sv})
    BOOST_TEST(!lone_end(sql), sql);
}

BOOST_AUTO_TEST_SUITE_END()
