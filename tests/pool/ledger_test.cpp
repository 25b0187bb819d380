#include "pool/ledger.hpp"

#include <ostream>

#include <boost/test/unit_test.hpp>

using namespace cenote;
using namespace cenote::pool;
using namespace std::chrono_literals;

namespace cenote::pool {

std::ostream& operator<<(std::ostream& out, server_fate fate) {
  return out << static_cast<int>(fate);
}

} // namespace cenote::pool

namespace {

const auto start = time_point{} + 10h;

// The first generation, so that no id is 0.
client_id client(std::uint64_t n) {
  return client_id{(1ull << 32) | n};
}

server_id server(std::uint64_t n) {
  return server_id{(1ull << 32) | n};
}

/// A ledger with `count` idle servers, 1 the coldest.
struct lane {
  explicit lane(std::size_t count, ledger::settings with = {})
    : uut{with} {
    for (std::size_t n = 1; n <= count; ++n)
      BOOST_TEST(uut.add_server(server(n), start, start).fate
                 == server_fate::parked);
  }

  ~lane() {
    uut.check();
  }

  /// The assignment, or an empty one if queued.
  assignment checkout(std::uint64_t n, time_point now = start) {
    auto outcome = uut.checkout(client(n), now);
    if (auto* lent = std::get_if<assignment>(&outcome))
      return *lent;
    BOOST_TEST(std::holds_alternative<queued>(outcome));
    return {};
  }

  ec refusal(std::uint64_t n) {
    auto outcome = uut.checkout(client(n), start);
    auto* no = std::get_if<refused>(&outcome);
    return no == nullptr ? ec::none : no->why;
  }

  turn checkin(const assignment& lent,
               server_verdict verdict = server_verdict::clean,
               time_point now = start) {
    return uut.checkin(lent.loan, verdict, now);
  }

  ledger uut;
};

} // namespace

BOOST_AUTO_TEST_SUITE(ledger_suite)

// -- lending ------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(the_server_used_last_is_lent_first) {
  auto it = lane{3};
  const auto a = it.checkout(1);
  const auto b = it.checkout(2);
  BOOST_TEST((a.server == server(3)));
  BOOST_TEST((b.server == server(2)));
  BOOST_TEST(it.checkin(a).fate == server_fate::parked);
  BOOST_TEST((it.checkout(3).server == server(3)));
}

BOOST_AUTO_TEST_CASE(who_waits_longest_is_served_first) {
  auto it = lane{1};
  auto held = it.checkout(1);
  for (std::uint64_t n = 2; n <= 4; ++n)
    BOOST_TEST((it.checkout(n) == assignment{}));
  for (std::uint64_t n = 2; n <= 4; ++n) {
    const auto next = it.checkin(held);
    BOOST_TEST(next.fate == server_fate::lent);
    BOOST_TEST((next.next.client == client(n)));
    BOOST_TEST((next.next.server == server(1)));
    held = next.next;
  }
  BOOST_TEST(it.checkin(held).fate == server_fate::parked);
}

BOOST_AUTO_TEST_CASE(a_new_server_goes_to_the_first_waiter) {
  auto it = lane{0};
  it.checkout(1);
  it.checkout(2);
  const auto next = it.uut.add_server(server(1), start, start);
  BOOST_TEST(next.fate == server_fate::lent);
  BOOST_TEST((next.next.client == client(1)));
  BOOST_TEST(it.uut.numbers().waiting == 1u);
}

BOOST_AUTO_TEST_CASE(late_word_about_an_old_loan_changes_nothing) {
  auto it = lane{1};
  const auto old = it.checkout(1);
  it.checkin(old);
  const auto present = it.checkout(2);
  BOOST_TEST((old.server == present.server));
  BOOST_TEST((old.loan != present.loan));
  for (auto verdict :
       {server_verdict::clean, server_verdict::tainted, server_verdict::broken})
    BOOST_TEST(it.checkin(old, verdict).fate == server_fate::ignored);
  BOOST_TEST((it.uut.loan_of(server(1)) == present));
  BOOST_TEST(it.uut.checkin(loan_id{}, server_verdict::clean, start).fate
             == server_fate::ignored);
  BOOST_TEST(
    it.uut.checkin(loan_id{0xffff'ffff'ffff}, server_verdict::clean, start).fate
    == server_fate::ignored);
}

BOOST_AUTO_TEST_CASE(a_tainted_server_is_lent_only_after_its_reset) {
  auto it = lane{1};
  const auto lent = it.checkout(1);
  it.checkout(2);
  BOOST_TEST(it.checkin(lent, server_verdict::tainted).fate
             == server_fate::resetting);
  BOOST_TEST((it.checkout(3) == assignment{}));
  BOOST_TEST(it.uut.numbers().resetting == 1u);
  const auto next = it.uut.reset_done(server(1), start);
  BOOST_TEST(next.fate == server_fate::lent);
  BOOST_TEST((next.next.client == client(2)));
  BOOST_TEST(it.uut.reset_done(server(1), start).fate == server_fate::ignored);
}

BOOST_AUTO_TEST_CASE(a_broken_server_is_forgotten) {
  auto it = lane{1};
  const auto lent = it.checkout(1);
  const auto end = it.checkin(lent, server_verdict::broken);
  BOOST_TEST(end.fate == server_fate::closing);
  BOOST_TEST((end.why == ec::server_dirty));
  BOOST_TEST(it.uut.numbers().servers() == 0u);
  BOOST_TEST(!it.uut.server_lost(server(1)));
}

BOOST_AUTO_TEST_CASE(a_lost_server_ends_its_loan_in_any_state) {
  auto it = lane{3};
  const auto lent = it.checkout(1);
  BOOST_TEST((it.uut.server_lost(lent.server) == lent));
  BOOST_TEST(it.checkin(lent).fate == server_fate::ignored);
  BOOST_TEST(!it.uut.server_lost(server(1)));
  const auto tainted = it.checkout(2);
  it.checkin(tainted, server_verdict::tainted);
  BOOST_TEST(!it.uut.server_lost(tainted.server));
  BOOST_TEST(it.uut.reset_done(tainted.server, start).fate
             == server_fate::ignored);
  BOOST_TEST(it.uut.numbers().servers() == 0u);
}

BOOST_AUTO_TEST_CASE(a_slot_used_again_does_not_revive_old_ids) {
  auto it = lane{1};
  const auto lent = it.checkout(1);
  it.uut.server_lost(server(1));
  const auto again = server_id{(2ull << 32) | 1};
  BOOST_TEST(it.uut.add_server(again, start, start).fate
             == server_fate::parked);
  BOOST_TEST(!it.uut.server_lost(server(1)));
  const auto present = it.checkout(2);
  BOOST_TEST(it.checkin(lent).fate == server_fate::ignored);
  BOOST_TEST((it.uut.loan_of(again) == present));
}

// -- waiting ------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(the_queue_has_a_limit) {
  auto it = lane{0, {.waiter_count_max = 2}};
  it.checkout(1);
  it.checkout(2);
  BOOST_TEST((it.refusal(3) == ec::too_many_waiters));
  BOOST_TEST(it.uut.leave_queue(client(1)));
  BOOST_TEST((it.checkout(3) == assignment{}));
  auto none = lane{1, {.waiter_count_max = 0}};
  BOOST_TEST(bool{none.checkout(1).loan});
  BOOST_TEST((none.refusal(2) == ec::too_many_waiters));
}

BOOST_AUTO_TEST_CASE(who_leaves_the_queue_is_passed_over) {
  for (std::uint64_t leaver = 2; leaver <= 4; ++leaver) {
    auto it = lane{1};
    auto held = it.checkout(1);
    for (std::uint64_t n = 2; n <= 4; ++n)
      it.checkout(n);
    BOOST_TEST(it.uut.leave_queue(client(leaver)));
    BOOST_TEST(!it.uut.leave_queue(client(leaver)));
    BOOST_TEST(!it.uut.is_waiting(client(leaver)));
    it.uut.check();
    for (std::uint64_t n = 2; n <= 4; ++n) {
      if (n == leaver)
        continue;
      held = it.checkin(held).next;
      BOOST_TEST((held.client == client(n)));
    }
  }
}

BOOST_AUTO_TEST_CASE(a_borrower_is_not_in_the_queue) {
  auto it = lane{1};
  it.checkout(1);
  BOOST_TEST(!it.uut.leave_queue(client(1)));
  BOOST_TEST(it.uut.numbers().lent == 1u);
}

BOOST_AUTO_TEST_CASE(waiters_expire_at_their_deadline_and_not_before) {
  auto it = lane{0, {.query_wait_max = 10s}};
  BOOST_TEST((it.uut.next_deadline() == never));
  it.checkout(1, start);
  it.checkout(2, start + 1s);
  BOOST_TEST((it.uut.next_deadline() == start + 10s));
  std::vector<client_id> expired;
  it.uut.expire_waiters(start + 10s - 1ns, expired);
  BOOST_TEST(expired.empty());
  it.uut.expire_waiters(start + 10s, expired);
  BOOST_TEST((expired == std::vector{client(1)}));
  BOOST_TEST((it.uut.next_deadline() == start + 11s));
  it.uut.expire_waiters(start + 1h, expired);
  BOOST_TEST((expired == std::vector{client(1), client(2)}));
  BOOST_TEST(it.uut.numbers().waiting == 0u);
}

BOOST_AUTO_TEST_CASE(without_a_wait_limit_nobody_expires) {
  for (auto wait : {duration{0}, duration::max()}) {
    auto it = lane{0, {.query_wait_max = wait}};
    it.checkout(1);
    std::vector<client_id> expired;
    it.uut.expire_waiters(start + 24h, expired);
    BOOST_TEST(expired.empty());
    BOOST_TEST((it.uut.next_deadline() == never));
  }
}

BOOST_AUTO_TEST_CASE(a_new_wait_limit_holds_for_those_who_wait) {
  auto it = lane{0};
  it.checkout(1);
  it.uut.configure({.query_wait_max = 5s});
  BOOST_TEST((it.uut.next_deadline() == start + 5s));
}

BOOST_AUTO_TEST_CASE(a_failed_login_can_end_all_waiters) {
  auto it = lane{0};
  it.checkout(1);
  it.checkout(2);
  std::vector<client_id> ended;
  it.uut.take_waiters(ended);
  BOOST_TEST((ended == std::vector{client(1), client(2)}));
  BOOST_TEST(it.uut.add_server(server(1), start, start).fate
             == server_fate::parked);
}

// -- cancel -------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(a_server_with_a_cancel_in_flight_is_not_lent) {
  auto it = lane{1};
  const auto lent = it.checkout(1);
  it.uut.block(server(1));
  it.uut.block(server(1));
  it.checkout(2);
  BOOST_TEST(it.checkin(lent).fate == server_fate::parked);
  BOOST_TEST(it.uut.numbers().held == 1u);
  BOOST_TEST(it.uut.unblock(server(1), start).fate == server_fate::ignored);
  const auto next = it.uut.unblock(server(1), start);
  BOOST_TEST(next.fate == server_fate::lent);
  BOOST_TEST((next.next.client == client(2)));
}

BOOST_AUTO_TEST_CASE(a_cancel_acknowledged_during_the_loan_changes_nothing) {
  auto it = lane{1};
  const auto lent = it.checkout(1);
  it.uut.block(server(1));
  BOOST_TEST(it.uut.unblock(server(1), start).fate == server_fate::ignored);
  BOOST_TEST(it.uut.unblock(server(1), start).fate == server_fate::ignored);
  BOOST_TEST(it.checkin(lent).fate == server_fate::parked);
  BOOST_TEST(it.uut.numbers().idle == 1u);
}

BOOST_AUTO_TEST_CASE(an_idle_server_can_be_blocked) {
  auto it = lane{1};
  it.uut.block(server(1));
  BOOST_TEST((it.checkout(1) == assignment{}));
  BOOST_TEST(it.uut.unblock(server(1), start).fate == server_fate::lent);
}

BOOST_AUTO_TEST_CASE(a_reset_under_a_block_waits_for_both) {
  auto it = lane{1};
  const auto lent = it.checkout(1);
  it.uut.block(server(1));
  it.checkin(lent, server_verdict::tainted);
  it.checkout(2);
  BOOST_TEST(it.uut.reset_done(server(1), start).fate == server_fate::parked);
  BOOST_TEST(it.uut.unblock(server(1), start).fate == server_fate::lent);
}

BOOST_AUTO_TEST_CASE(unknown_servers_cannot_be_blocked) {
  auto it = lane{0};
  it.uut.block(server(7));
  BOOST_TEST(it.uut.unblock(server(7), start).fate == server_fate::ignored);
}

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
