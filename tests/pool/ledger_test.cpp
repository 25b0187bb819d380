#include "ledger_fixture.hpp"

using namespace cenote;
using namespace cenote::pool;
using namespace cenote::pool::test;
using namespace std::chrono_literals;

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

// -- several lanes ------------------------------------------------------------

BOOST_AUTO_TEST_CASE(a_free_server_moves_to_who_waits_longer_elsewhere) {
  struct given {
    bool has_waiter; ///< Ours, since `start`.
    duration elsewhere;
    server_fate fate;
  };
  for (auto each : {given{false, 5s, server_fate::moving},
                    given{false, -5s, server_fate::moving},
                    given{true, -1ns, server_fate::moving},
                    given{true, 0s, server_fate::lent},
                    given{true, 1ns, server_fate::lent}}) {
    auto it = lane{1};
    const auto held = it.checkout(1);
    if (each.has_waiter)
      it.checkout(2);
    const auto next = it.uut.checkin(held.loan, server_verdict::clean,
                                     start + 9s, start + each.elsewhere);
    BOOST_TEST(next.fate == each.fate);
    BOOST_TEST(it.uut.numbers().servers()
               == (each.fate == server_fate::moving ? 0u : 1u));
  }
}

BOOST_AUTO_TEST_CASE(what_may_not_be_lent_does_not_move) {
  auto it = lane{3};
  const auto blocked = it.checkout(1);
  it.uut.block(blocked.server);
  const auto tainted = it.checkout(2);
  const auto stale = it.checkout(3);
  BOOST_TEST(
    it.uut.checkin(blocked.loan, server_verdict::clean, start, start).fate
    == server_fate::parked);
  BOOST_TEST(it.uut.numbers().held == 1u);
  BOOST_TEST(it.uut.unblock(blocked.server, start, start).fate
             == server_fate::moving);
  BOOST_TEST(
    it.uut.checkin(tainted.loan, server_verdict::tainted, start, start).fate
    == server_fate::resetting);
  BOOST_TEST(it.uut.reset_done(tainted.server, start, start).fate
             == server_fate::moving);
  std::vector<server_id> closed;
  it.uut.reconnect(closed);
  BOOST_TEST(
    it.uut.checkin(stale.loan, server_verdict::clean, start, start).fate
    == server_fate::closing);
}

BOOST_AUTO_TEST_CASE(a_paused_lane_keeps_what_it_has) {
  auto it = lane{1};
  const auto held = it.checkout(1);
  it.uut.pause();
  BOOST_TEST(it.uut.checkin(held.loan, server_verdict::clean, start, start).fate
             == server_fate::parked);
  BOOST_TEST(it.uut.numbers().idle == 1u);
}

BOOST_AUTO_TEST_CASE(size_and_minimum_are_those_of_all_lanes) {
  auto it = lane{
    1, {.server_idle_max = 1s, .server_count_min = 3, .server_count_max = 4}};
  BOOST_TEST(it.uut.servers_wanted(0) == 2u);
  BOOST_TEST(!it.uut.retire_due(start + 2s).has_value());
  it.uut.set_elsewhere(3);
  BOOST_TEST(it.uut.servers_wanted(0) == 0u);
  it.checkout(1);
  it.checkout(2);
  BOOST_TEST(it.uut.servers_wanted(0) == 0u); // The pool is full.
  it.uut.set_elsewhere(2);
  BOOST_TEST(it.uut.servers_wanted(0) == 1u);
  BOOST_TEST(it.uut.servers_wanted(0, 1) == 0u); // One is coming.
  it.uut.set_elsewhere(4);
  BOOST_TEST(it.uut.add_server(server(9), start, start).fate
             == server_fate::closing);
}

BOOST_AUTO_TEST_CASE(a_minimum_held_by_other_lanes_lets_ours_go) {
  auto it = lane{1, {.server_idle_max = 1s, .server_count_min = 1}};
  BOOST_TEST(!it.uut.retire_due(start + 2s).has_value());
  it.uut.set_elsewhere(1);
  BOOST_TEST(it.uut.retire_due(start + 2s).has_value());
}

BOOST_AUTO_TEST_SUITE_END()
