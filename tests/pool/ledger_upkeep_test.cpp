// Retiring, administration and numbers.

#include "ledger_fixture.hpp"

using namespace cenote;
using namespace cenote::pool;
using namespace cenote::pool::test;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(ledger_upkeep_suite)

// -- retiring -----------------------------------------------------------------

BOOST_AUTO_TEST_CASE(old_servers_are_closed_one_after_the_other) {
  // Four servers of one age and an hour's life: one each quarter of an hour.
  auto it = lane{4, {.server_lifetime = 1h, .server_count_max = 4}};
  BOOST_TEST(!it.uut.retire_due(start + 1h - 1ns));
  for (int n = 0; n < 4; ++n) {
    const auto due = start + 1h + n * 15min;
    if (n > 0)
      BOOST_TEST(!it.uut.retire_due(due - 1ns));
    const auto retired = it.uut.retire_due(due);
    BOOST_TEST_REQUIRE(retired.has_value());
    BOOST_TEST((retired->why == ec::server_lifetime));
    BOOST_TEST(!it.uut.retire_due(due));
  }
  BOOST_TEST(it.uut.numbers().servers() == 0u);
}

BOOST_AUTO_TEST_CASE(an_old_server_that_is_never_idle_is_closed_at_checkin) {
  auto it = lane{2, {.server_lifetime = 1h, .server_count_max = 2}};
  const auto a = it.checkout(1);
  const auto b = it.checkout(2);
  const auto end = it.checkin(a, server_verdict::clean, start + 1h);
  BOOST_TEST(end.fate == server_fate::closing);
  BOOST_TEST((end.why == ec::server_lifetime));
  // Paced: the other one goes on.
  BOOST_TEST(it.checkin(b, server_verdict::clean, start + 1h).fate
             == server_fate::parked);
}

BOOST_AUTO_TEST_CASE(a_tick_of_life_means_use_once) {
  auto it = lane{0, {.server_lifetime = 1ns}};
  for (std::uint64_t n = 1; n <= 3; ++n) {
    it.checkout(n);
    const auto next = it.uut.add_server(server(n), start, start);
    BOOST_TEST(next.fate == server_fate::lent);
    BOOST_TEST(it.checkin(next.next, server_verdict::clean, start + 1ns).fate
               == server_fate::closing);
  }
}

BOOST_AUTO_TEST_CASE(a_server_from_another_lane_keeps_its_age) {
  auto it = lane{0, {.server_lifetime = 1h}};
  BOOST_TEST(it.uut.add_server(server(1), start - 30min, start).fate
             == server_fate::parked);
  BOOST_TEST(!it.uut.retire_due(start + 30min - 1ns));
  BOOST_TEST(it.uut.retire_due(start + 30min).has_value());
}

BOOST_AUTO_TEST_CASE(servers_idle_too_long_are_closed_down_to_the_minimum) {
  auto it = lane{3, {.server_idle_max = 10min, .server_count_min = 1}};
  BOOST_TEST(!it.uut.retire_due(start + 10min - 1ns));
  for (std::uint64_t n = 1; n <= 2; ++n) {
    const auto retired = it.uut.retire_due(start + 10min);
    BOOST_TEST_REQUIRE(retired.has_value());
    BOOST_TEST((retired->server == server(n)));
    BOOST_TEST((retired->why == ec::server_idle));
  }
  BOOST_TEST(!it.uut.retire_due(start + 24h));
}

BOOST_AUTO_TEST_CASE(the_idle_clock_starts_at_checkin) {
  auto it = lane{1, {.server_idle_max = 10min}};
  it.checkin(it.checkout(1), server_verdict::clean, start + 5min);
  BOOST_TEST(!it.uut.retire_due(start + 15min - 1ns));
  BOOST_TEST(it.uut.retire_due(start + 15min).has_value());
}

BOOST_AUTO_TEST_CASE(a_smaller_pool_closes_its_surplus_as_it_becomes_free) {
  auto it = lane{4, {.server_count_max = 4}};
  const auto a = it.checkout(1);
  const auto b = it.checkout(2);
  it.uut.configure({.server_count_max = 1});
  for (std::uint64_t n = 1; n <= 2; ++n) {
    const auto retired = it.uut.retire_due(start);
    BOOST_TEST_REQUIRE(retired.has_value());
    BOOST_TEST((retired->server == server(n)));
    BOOST_TEST((retired->why == ec::server_retired));
  }
  BOOST_TEST(!it.uut.retire_due(start));
  BOOST_TEST(it.checkin(a).fate == server_fate::closing);
  BOOST_TEST(it.checkin(b).fate == server_fate::parked);
  BOOST_TEST(it.uut.add_server(server(9), start, start).fate
             == server_fate::closing);
}

BOOST_AUTO_TEST_CASE(the_coldest_idle_server_is_given_away) {
  auto it = lane{2};
  BOOST_TEST((it.uut.take_coldest_idle() == server(1)));
  BOOST_TEST((it.uut.take_coldest_idle() == server(2)));
  BOOST_TEST(!it.uut.take_coldest_idle());
}

// -- admin --------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(a_pause_lends_nothing_and_loses_nobody) {
  auto it = lane{2};
  const auto lent = it.checkout(1);
  it.uut.pause();
  BOOST_TEST((it.checkout(2) == assignment{}));
  BOOST_TEST((it.checkout(3) == assignment{}));
  BOOST_TEST((it.checkout(4) == assignment{}));
  BOOST_TEST(!it.uut.is_quiet());
  BOOST_TEST(it.checkin(lent).fate == server_fate::parked);
  BOOST_TEST(it.uut.is_quiet());
  BOOST_TEST(it.uut.servers_wanted(0) == 0u);
  std::vector<assignment> resumed;
  it.uut.resume(resumed);
  BOOST_TEST_REQUIRE(resumed.size() == 2u);
  BOOST_TEST((resumed[0].client == client(2)));
  BOOST_TEST((resumed[1].client == client(3)));
  BOOST_TEST(it.uut.is_waiting(client(4)));
  it.uut.resume(resumed);
  BOOST_TEST(resumed.size() == 2u);
}

BOOST_AUTO_TEST_CASE(a_drain_ends_waiters_and_closes_what_becomes_free) {
  auto it = lane{4};
  const auto a = it.checkout(1);
  const auto b = it.checkout(2);
  it.uut.pause();
  it.checkout(3);
  std::vector<client_id> ended;
  std::vector<server_id> closed;
  it.uut.drain(ended, closed);
  BOOST_TEST((ended == std::vector{client(3)}));
  BOOST_TEST((closed == std::vector{server(2), server(1)}));
  BOOST_TEST((it.refusal(4) == ec::pool_draining));
  BOOST_TEST(it.uut.servers_wanted(0) == 0u);
  BOOST_TEST(it.checkin(a).fate == server_fate::closing);
  BOOST_TEST(!it.uut.is_quiet());
  // No reset for a server that is closed anyway.
  BOOST_TEST(it.checkin(b, server_verdict::tainted).fate
             == server_fate::closing);
  BOOST_TEST(it.uut.is_quiet());
  BOOST_TEST(it.uut.add_server(server(9), start, start).fate
             == server_fate::closing);
}

BOOST_AUTO_TEST_CASE(a_reconnect_replaces_every_present_server) {
  auto it = lane{4};
  const auto lent = it.checkout(1);
  const auto tainted = it.checkout(2);
  it.checkin(tainted, server_verdict::tainted);
  it.uut.block(server(2));
  std::vector<server_id> closed;
  it.uut.reconnect(closed);
  BOOST_TEST((closed == std::vector{server(1)}));
  BOOST_TEST(it.uut.add_server(server(5), start, start).fate
             == server_fate::parked);
  const auto end = it.checkin(lent);
  BOOST_TEST(end.fate == server_fate::closing);
  BOOST_TEST((end.why == ec::server_retired));
  BOOST_TEST(it.uut.reset_done(tainted.server, start).fate
             == server_fate::closing);
  BOOST_TEST(it.uut.unblock(server(2), start).fate == server_fate::closing);
  BOOST_TEST((it.checkout(3).server == server(5)));
}

// -- numbers ------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(the_numbers_name_every_server_and_waiter_once) {
  auto it = lane{4};
  BOOST_TEST((it.uut.numbers() == ledger_numbers{.idle = 4}));
  const auto a = it.checkout(1);
  it.checkout(2);
  it.checkin(a, server_verdict::tainted);
  it.uut.block(server(1));
  BOOST_TEST(
    (it.uut.numbers()
     == ledger_numbers{.idle = 1, .lent = 1, .resetting = 1, .held = 1}));
  BOOST_TEST(it.uut.numbers().servers() == 4u);
  it.checkout(3);
  it.checkout(4, start + 3s);
  it.checkout(5, start + 1s);
  BOOST_TEST(it.uut.numbers().waiting == 2u);
  BOOST_TEST((it.uut.numbers().oldest_waiter_since == start + 3s));
}

BOOST_AUTO_TEST_CASE(servers_are_wanted_for_waiters_and_for_the_minimum) {
  struct row {
    std::size_t servers, clients, logins, least, most, wanted;
  };
  const row rows[] = {
    {0, 0, 0, 0, 0, 0},                     // Nobody there, nothing wanted.
    {0, 0, 0, 3, 0, 3},                     // Warm start.
    {1, 0, 1, 3, 0, 1}, {0, 1, 0, 0, 5, 1}, // One waiter, one server.
    {0, 1, 1, 0, 5, 0},                     // It is coming already.
    {2, 6, 0, 0, 5, 3}, // Four wait, but the pool ends at five.
    {2, 6, 2, 0, 5, 1}, {2, 6, 3, 0, 5, 0},
    {2, 6, 0, 0, 0, 4}, // No limit here.
    {2, 3, 0, 4, 5, 2}, // The minimum asks for more than the waiter.
    {2, 0, 0, 9, 5, 3}, // A minimum above the size.
    {6, 0, 9, 0, 5, 0},
  };
  for (const auto& row : rows) {
    auto it = lane{row.servers, {.server_count_min = row.least}};
    for (std::size_t n = 1; n <= row.clients; ++n)
      it.checkout(n);
    it.uut.configure(
      {.server_count_min = row.least, .server_count_max = row.most});
    BOOST_TEST(it.uut.servers_wanted(row.logins) == row.wanted,
               "row " << (&row - rows) << ": "
                      << it.uut.servers_wanted(row.logins));
  }
}

BOOST_AUTO_TEST_CASE(a_server_being_reset_covers_a_waiter) {
  auto it = lane{1};
  it.checkin(it.checkout(1), server_verdict::tainted);
  it.checkout(2);
  BOOST_TEST(it.uut.servers_wanted(0) == 0u);
  it.checkout(3);
  BOOST_TEST(it.uut.servers_wanted(0) == 1u);
}

BOOST_AUTO_TEST_SUITE_END()
