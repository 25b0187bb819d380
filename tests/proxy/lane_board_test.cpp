#include "proxy/lane_board.hpp"

#include <chrono>

#include <boost/test/unit_test.hpp>

using namespace cenote;
using namespace cenote::proxy;
using namespace std::chrono_literals;

namespace {

constexpr auto start = time_point{} + 1h;

struct board_fixture {
  board_fixture() {
    uut.open(3, 2, 4);
  }

  void wait(std::uint32_t index, std::uint32_t count, duration since) {
    uut.at(index).oldest_since = (start + since).time_since_epoch().count();
    uut.at(index).waiting = count;
  }

  lane_board uut;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(lane_board_suite, board_fixture)

BOOST_AUTO_TEST_CASE(a_board_nobody_opened_is_for_one_lane) {
  auto closed = lane_board{};
  BOOST_TEST(closed.count() == 1u);
  BOOST_TEST(!closed.is_shared());
  BOOST_TEST(!closed.on_shard(0).has_value());
}

BOOST_AUTO_TEST_CASE(each_lane_lives_on_the_next_shard) {
  BOOST_TEST(uut.at(0).shard == 2u);
  BOOST_TEST(uut.at(1).shard == 3u);
  BOOST_TEST(uut.at(2).shard == 0u);
  BOOST_TEST(uut.on_shard(3).value() == 1u);
  BOOST_TEST(!uut.on_shard(1).has_value());
}

BOOST_AUTO_TEST_CASE(the_oldest_waiter_elsewhere_is_found) {
  BOOST_TEST((uut.oldest_but(0).since == never));
  wait(0, 1, 1s);
  wait(1, 1, 3s);
  wait(2, 1, 2s);
  BOOST_TEST(uut.oldest_but(0).index == 2u);
  BOOST_TEST((uut.oldest_but(0).since == start + 2s));
  BOOST_TEST(uut.oldest_but(1).index == 0u);
  BOOST_TEST(uut.oldest_but(2).index == 0u);
}

BOOST_AUTO_TEST_CASE(whom_a_server_is_on_its_way_to_does_not_count) {
  wait(1, 2, 1s);
  wait(2, 1, 2s);
  uut.at(1).incoming = 1;
  BOOST_TEST(uut.oldest_but(0).index == 1u);
  BOOST_TEST(uut.at(1).unserved() == 1u);
  uut.at(1).incoming = 2;
  BOOST_TEST(uut.oldest_but(0).index == 2u);
  uut.at(1).incoming = 3; // Its waiters gave up meanwhile.
  BOOST_TEST(uut.at(1).unserved() == 0u);
}

BOOST_AUTO_TEST_CASE(sums_are_those_of_all_lanes) {
  for (std::uint32_t i = 0; i < 3; ++i) {
    uut.at(i).servers = i + 1;
    uut.at(i).wanted = 10 * i;
  }
  BOOST_TEST(uut.servers() == 6u);
  BOOST_TEST(uut.wanted() == 30u);
  BOOST_TEST(uut.servers_but(1) == 4u);
}

BOOST_AUTO_TEST_CASE(a_client_goes_where_fewest_are) {
  BOOST_TEST(uut.emptiest() == 0u);
  uut.at(0).clients = 1;
  BOOST_TEST(uut.emptiest() == 1u);
  uut.at(1).clients = 1;
  BOOST_TEST(uut.emptiest() == 2u);
}

BOOST_AUTO_TEST_CASE(a_server_goes_where_most_lack_one_else_where_fewest_are) {
  uut.at(0).servers = 1;
  BOOST_TEST(uut.neediest() == 1u);
  wait(0, 1, 0s);
  BOOST_TEST(uut.neediest() == 0u);
  wait(2, 3, 5s);
  BOOST_TEST(uut.neediest() == 2u);
  uut.at(2).incoming = 3;
  BOOST_TEST(uut.neediest() == 0u);
}

BOOST_AUTO_TEST_CASE(quiet_is_when_all_lanes_say_so_of_the_same_pause) {
  uut.at(0).quiet_since = 7;
  uut.at(1).quiet_since = 7;
  BOOST_TEST(!uut.is_quiet_since(7));
  uut.at(2).quiet_since = 6;
  BOOST_TEST(!uut.is_quiet_since(7));
  uut.at(2).quiet_since = 7;
  BOOST_TEST(uut.is_quiet_since(7));
}

BOOST_AUTO_TEST_SUITE_END()
