#include "session/statement_journal.hpp"

#include <string>

#include <boost/test/unit_test.hpp>

using namespace cenote::session;

namespace {

constexpr auto added = statement_change::name_added;

/// Settles and returns the names that were undone, in order.
std::string undone(statement_journal& uut, std::uint32_t settled) {
  std::string names;
  uut.settle(settled,
             [&](statement_journal::entry& what) { names += what.name; });
  return names;
}

} // namespace

BOOST_AUTO_TEST_CASE(what_was_done_is_forgotten_in_silence) {
  statement_journal uut;
  uut.note(1, 0, added, {}, "a");
  uut.note(2, 0, added, {}, "b");
  uut.done(1);
  BOOST_TEST(undone(uut, 2) == "");
  BOOST_TEST(!uut.empty());
  uut.done(2);
  BOOST_TEST(undone(uut, 3) == "");
  BOOST_TEST(uut.empty());
}

BOOST_AUTO_TEST_CASE(what_was_not_done_is_undone_the_latest_first) {
  statement_journal uut;
  for (std::uint32_t i = 1; i <= 4; ++i)
    uut.note(i, 0, added, {}, std::string(1, static_cast<char>('a' + i)));
  uut.done(1);
  BOOST_TEST(undone(uut, 4) == "dc");
  BOOST_TEST(undone(uut, 4) == "");
  BOOST_TEST(undone(uut, 5) == "e");
}

BOOST_AUTO_TEST_CASE(one_request_can_change_two_things) {
  statement_journal uut;
  uut.note(7, 0, statement_change::server_has, {}, "");
  uut.note(7, 0, added, {}, "x");
  uut.done(7);
  BOOST_TEST(undone(uut, 8) == "");
}

BOOST_AUTO_TEST_CASE(sequence_numbers_wrap_around) {
  statement_journal uut;
  uut.note(0xffff'fffe, 0, added, {}, "a");
  uut.note(0xffff'ffff, 0, added, {}, "b");
  uut.note(0, 0, added, {}, "c");
  uut.done(0xffff'fffe);
  BOOST_TEST(undone(uut, 0) == "b");
  BOOST_TEST(undone(uut, 1) == "c");
  BOOST_TEST(uut.empty());
}

BOOST_AUTO_TEST_CASE(only_earlier_batches_are_open) {
  statement_cache cache;
  auto what = cache.obtain({});
  statement_journal uut;
  uut.note(1, 5, added, what, "a");
  BOOST_TEST(!uut.is_open(nullptr, "a", 5));
  BOOST_TEST(!uut.has_before(5));
  BOOST_TEST(uut.has_before(6));
  BOOST_TEST(uut.is_open(nullptr, "a", 6));
  BOOST_TEST(!uut.is_open(nullptr, "b", 6));
  BOOST_TEST(uut.is_open(what.get(), {}, 6));
  BOOST_TEST(!uut.is_unnamed_open(6));
  uut.note(2, 6, statement_change::unnamed_ours);
  BOOST_TEST(!uut.is_unnamed_open(6));
  BOOST_TEST(uut.is_unnamed_open(7));
  BOOST_TEST(undone(uut, 3) == "a");
  BOOST_TEST(!uut.is_open(nullptr, "a", 7));
}

BOOST_AUTO_TEST_CASE(words_are_found_by_their_request) {
  statement_journal uut;
  uut.note(3, 0, added, {}, "a");
  uut.note(4, 0, statement_change::error_instead);
  uut.last().words.resize(9);
  BOOST_TEST(uut.find_error(3) == nullptr);
  BOOST_REQUIRE(uut.find_error(4) != nullptr);
  BOOST_TEST(uut.find_error(4)->words.size() == 9u);
}

BOOST_AUTO_TEST_CASE(an_endless_pipeline_does_not_grow_it) {
  statement_journal uut;
  for (std::uint32_t i = 0; i < 100'000; ++i) {
    uut.note(i, i, added, {}, "name");
    uut.done(i);
    if (i >= 10)
      uut.settle(i - 10, [](statement_journal::entry&) {
        BOOST_ERROR("all were done");
      });
  }
  BOOST_TEST(!uut.empty());
  BOOST_TEST(undone(uut, 100'000) == "");
  BOOST_TEST(uut.empty());
}

BOOST_AUTO_TEST_CASE(a_query_that_fails_has_dropped_the_unnamed_statement) {
  statement_journal uut;
  uut.note(1, 0, statement_change::unnamed_dropped);
  uut.note(2, 1, statement_change::unnamed_dropped);
  BOOST_TEST(uut.is_unnamed_open(2));
  uut.failed(1);
  std::vector<std::uint32_t> undone;
  uut.settle(3, [&](auto& late) { undone.push_back(late.sequence); });
  BOOST_TEST(undone == std::vector<std::uint32_t>{2u},
             boost::test_tools::per_element());
  BOOST_TEST(!uut.is_unnamed_open(2));
}

BOOST_AUTO_TEST_CASE(positions_are_those_of_the_clients_text) {
  statement_journal uut;
  auto put = [&](std::uint32_t at, std::int32_t longer_by) {
    auto& entry = uut.note(5, 0, statement_change::moves_text);
    entry.at = at;
    entry.longer_by = longer_by;
  };
  // execute a(x); execute b(y)
  put(9, 40);
  put(23, 40);
  BOOST_TEST(uut.has_moved_text(5));
  BOOST_TEST(!uut.has_moved_text(6));
  BOOST_TEST(uut.own_position(5, 1) == 1);
  BOOST_TEST(uut.own_position(5, 9) == 9);
  BOOST_TEST(uut.own_position(5, 30) == 9); // Within the first.
  BOOST_TEST(uut.own_position(5, 51) == 11);
  BOOST_TEST(uut.own_position(5, 63) == 23);
  BOOST_TEST(uut.own_position(5, 80) == 23);
  BOOST_TEST(uut.own_position(5, 105) == 25);
  BOOST_TEST(uut.own_position(6, 105) == 105);
}

BOOST_AUTO_TEST_CASE(what_never_was_is_not_gone_back_to) {
  statement_journal uut;
  const auto one = std::vector<std::byte>(1);
  const auto two = std::vector<std::byte>(2);
  auto& first = uut.note(1, 0, statement_change::unnamed);
  first.edition = 7;
  auto& second = uut.note(2, 1, statement_change::unnamed);
  second.edition = 8;
  second.words = two;
  uut.forget_unnamed(7, one);
  uut.settle(3, [&](auto& late) {
    if (late.sequence == 2)
      BOOST_TEST(late.words.size() == 1u);
  });
}
