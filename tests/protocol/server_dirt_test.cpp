#include "protocol/server_dirt.hpp"

#include <boost/test/unit_test.hpp>

#include <array>
#include <string>
#include <string_view>

#include "protocol/reply_mirror.hpp"
#include "tests/protocol/mirror_script.hpp"

using namespace cenote::protocol;
using namespace cenote::protocol::test;

namespace {

bytes complete(std::string_view tag) {
  bytes out = wire("'C' 000000");
  out.push_back(static_cast<std::byte>(tag.size() + 5));
  append(out, std::as_bytes(std::span{tag}));
  out.push_back(std::byte{0});
  return out;
}

dirt_set only(dirt what) {
  dirt_set out;
  out.add(what);
  return out;
}

/// The dirt that one command leaves, run after `way`.
dirt_set after_tag(std::string_view way, std::string_view tag) {
  auto uut = reply_mirror{100};
  message_walker walker{1 << 20};
  BOOST_REQUIRE(play(uut, way));
  BOOST_REQUIRE(!feed(uut, walker, complete(tag)).violation);
  return uut.dirt();
}

struct row {
  std::string_view tag;
  dirt what;
};

constexpr std::array rows{
  row{"SET", dirt::settings},
  row{"RESET", dirt::settings},
  row{"PREPARE", dirt::statements},
  row{"LISTEN", dirt::listens},
  row{"DECLARE CURSOR", dirt::cursors},
  row{"CREATE TABLE", dirt::maybe_temp},
  row{"CREATE TABLE AS", dirt::maybe_temp},
  row{"CREATE VIEW", dirt::maybe_temp},
  row{"CREATE SEQUENCE", dirt::maybe_temp},
  row{"CREATE TEXT SEARCH CONFIGURATION", dirt::maybe_temp}, // Cut at 24.
  row{"EXPLAIN", dirt::maybe_temp},
  row{"LOAD", dirt::libraries},
  row{"DO", dirt::opaque},
  row{"CALL", dirt::opaque},
};

constexpr std::array<std::string_view, 22> harmless{
  "INSERT 0 1",      "UPDATE 3",
  "DELETE 0",        "BEGIN",
  "COMMIT",          "ROLLBACK",
  "SET CONSTRAINTS", "UNLISTEN",
  "NOTIFY",          "PREPARE TRANSACTION",
  "COMMIT PREPARED", "DEALLOCATE",
  "FETCH 1",         "CLOSE CURSOR",
  "DROP TABLE",      "COPY 5",
  "DISCARD PLANS",   "SAVEPOINT",
  "LOCK TABLE",      "TRUNCATE TABLE",
  "SETTING",         ""};

} // namespace

BOOST_AUTO_TEST_SUITE(server_dirt_test)

BOOST_AUTO_TEST_CASE(a_command_tag_tells_what_is_left_behind) {
  for (const auto& one : rows)
    BOOST_TEST((after_tag(">Q", one.tag) == only(one.what)), one.tag);
  for (const auto tag : harmless)
    BOOST_TEST(after_tag(">Q", tag).empty(), tag);
}

BOOST_AUTO_TEST_CASE(a_select_without_rows_may_have_made_a_table) {
  BOOST_TEST(after_tag(">Q<T", "SELECT 0").empty());
  BOOST_TEST(after_tag(">Q<TD", "SELECT 1").empty());
  BOOST_TEST((after_tag(">Q", "SELECT 1") == only(dirt::maybe_temp)));
  BOOST_TEST((after_tag(">Q", "SELECT 0") == only(dirt::maybe_temp)));
  BOOST_TEST((after_tag(">Q<TDC", "SELECT 1") == only(dirt::maybe_temp)));
  BOOST_TEST(after_tag(">E<D", "SELECT 1").empty());
  BOOST_TEST((after_tag(">E", "SELECT 1") == only(dirt::maybe_temp)));
  BOOST_TEST((after_tag(">E", "SELECT 0") == only(dirt::select_nothing)));
}

BOOST_AUTO_TEST_CASE(a_function_call_may_have_done_anything) {
  auto uut = reply_mirror{100};
  BOOST_REQUIRE(play(uut, ">F<Vi"));
  BOOST_TEST((uut.dirt() == only(dirt::opaque)));
  auto failed = reply_mirror{100};
  BOOST_REQUIRE(play(failed, ">F<Ei"));
  BOOST_TEST(failed.dirt().empty());
}

BOOST_AUTO_TEST_CASE(dirt_is_gathered_until_it_is_cleared) {
  auto uut = reply_mirror{100};
  message_walker walker{1 << 20};
  BOOST_REQUIRE(play(uut, ">Q"));
  feed(uut, walker, complete("SET"));
  feed(uut, walker, complete("LISTEN"));
  feed(uut, walker, complete("INSERT 0 1"));
  BOOST_TEST(uut.dirt().has(dirt::settings));
  BOOST_TEST(uut.dirt().has(dirt::listens));
  uut.clear_dirt();
  BOOST_TEST(uut.dirt().empty());
  feed(uut, walker, complete("SET"));
  feed(uut, walker, complete("DISCARD ALL"));
  BOOST_TEST(uut.dirt().empty());
  feed(uut, walker, complete("SET"));
  feed(uut, walker, complete("LOAD"));
  feed(uut, walker, complete("DISCARD ALL"));
  BOOST_TEST((uut.dirt() == only(dirt::libraries))); // Nothing unloads it.
}

BOOST_AUTO_TEST_CASE(only_what_was_prepared_before_is_deallocated) {
  const auto left = [](std::string_view later, std::string_view tag) {
    auto uut = reply_mirror{100};
    message_walker walker{1 << 20};
    uut.note_named_statement();
    BOOST_REQUIRE(play(uut, ">Q"));
    BOOST_REQUIRE(play(uut, later));
    feed(uut, walker, complete(tag));
    return uut.dirt();
  };
  BOOST_TEST(left("", "DEALLOCATE ALL").empty());
  BOOST_TEST(left("", "DISCARD ALL").empty());
  BOOST_TEST((left("", "DEALLOCATE") == only(dirt::statements)));
  // A Parse is on its way behind it.
  BOOST_TEST((left(">P", "DEALLOCATE ALL") == only(dirt::statements)));
  BOOST_TEST((left(">P", "DISCARD ALL") == only(dirt::statements)));
}

BOOST_AUTO_TEST_CASE(a_command_tag_is_read_from_any_pieces) {
  for (const std::string_view tag :
       {"SET", "DECLARE CURSOR", "CREATE TEXT SEARCH CONFIGURATION"})
    for_every_cut(complete(tag), [&](const auto& cuts) {
      auto uut = reply_mirror{100};
      message_walker walker{1 << 20};
      BOOST_REQUIRE(play(uut, ">Q"));
      for (const auto& cut : cuts)
        feed(uut, walker, cut);
      BOOST_TEST(!uut.dirt().empty(), tag);
    });
}

BOOST_AUTO_TEST_SUITE_END()
