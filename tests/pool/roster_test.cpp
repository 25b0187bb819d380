#include "pool/roster.hpp"

#include <boost/test/unit_test.hpp>

using namespace cenote;
using namespace std::chrono_literals;
using pool::roster;

namespace {

const auto start = time_point{} + 1h;

client_id client(std::uint64_t n) {
  return client_id{n};
}

} // namespace

BOOST_AUTO_TEST_SUITE(roster_suite)

BOOST_AUTO_TEST_CASE(the_limit_holds_at_one_below_and_one_above) {
  auto uut = roster{{.client_count_max = 2}, start};
  BOOST_TEST(bool{uut.admit(client(1))});
  BOOST_TEST(bool{uut.admit(client(2))});
  const auto third = uut.admit(client(3));
  BOOST_TEST(!third);
  BOOST_TEST((third.error().code == ec::too_many_clients_user));
  BOOST_TEST(uut.client_count() == 2u);
  uut.leave(client(1), start);
  BOOST_TEST(bool{uut.admit(client(3))});
}

BOOST_AUTO_TEST_CASE(no_limit_means_no_limit) {
  auto uut = roster{{}, start};
  for (std::uint64_t n = 1; n <= 1'000; ++n)
    BOOST_TEST_REQUIRE(bool{uut.admit(client(n))});
}

BOOST_AUTO_TEST_CASE(the_limit_says_its_own_code) {
  auto uut = roster{
    {.client_count_max = 1, .when_full = ec::too_many_clients_tenant}, start};
  BOOST_TEST(bool{uut.admit(client(1))});
  BOOST_TEST(
    (uut.admit(client(2)).error().code == ec::too_many_clients_tenant));
}

BOOST_AUTO_TEST_CASE(a_repeated_subscribe_is_not_a_second_client) {
  auto uut = roster{{.client_count_max = 1}, start};
  BOOST_TEST(bool{uut.admit(client(1))});
  BOOST_TEST(bool{uut.admit(client(1))});
  BOOST_TEST(uut.client_count() == 1u);
}

BOOST_AUTO_TEST_CASE(leaving_is_idempotent) {
  auto uut = roster{{}, start};
  BOOST_TEST(!uut.leave(client(1), start));
  BOOST_TEST(bool{uut.admit(client(1))});
  BOOST_TEST(uut.leave(client(1), start + 1s));
  BOOST_TEST(!uut.leave(client(1), start + 2s));
  BOOST_TEST((uut.empty_since() == start + 1s));
}

BOOST_AUTO_TEST_CASE(the_idle_clock_starts_when_the_last_one_leaves) {
  auto uut = roster{{}, start};
  BOOST_TEST((uut.empty_since() == start));
  BOOST_TEST(bool{uut.admit(client(1))});
  BOOST_TEST(bool{uut.admit(client(2))});
  BOOST_TEST(!uut.empty_since());
  uut.leave(client(1), start + 1s);
  BOOST_TEST(!uut.empty_since());
  uut.leave(client(2), start + 2s);
  BOOST_TEST((uut.empty_since() == start + 2s));
}

BOOST_AUTO_TEST_CASE(a_drain_refuses_new_clients_and_ends_with_the_last_one) {
  auto uut = roster{{}, start};
  BOOST_TEST(bool{uut.admit(client(1))});
  uut.drain();
  BOOST_TEST(uut.is_draining());
  BOOST_TEST(!uut.is_drained());
  BOOST_TEST((uut.admit(client(2)).error().code == ec::pool_draining));
  BOOST_TEST(bool{uut.admit(client(1))});
  uut.leave(client(1), start);
  BOOST_TEST(uut.is_drained());
}

BOOST_AUTO_TEST_CASE(a_ban_refuses_until_it_is_lifted) {
  auto uut = roster{{}, start};
  BOOST_TEST(bool{uut.admit(client(1))});
  uut.ban(true);
  BOOST_TEST((uut.admit(client(2)).error().code == ec::tenant_banned));
  BOOST_TEST(uut.contains(client(1)));
  uut.ban(false);
  BOOST_TEST(bool{uut.admit(client(2))});
}

BOOST_AUTO_TEST_CASE(a_paused_pool_still_admits) {
  auto uut = roster{{}, start};
  uut.pause(true);
  BOOST_TEST(uut.is_paused());
  BOOST_TEST(bool{uut.admit(client(1))});
}

BOOST_AUTO_TEST_CASE(a_rebuild_believes_the_shards) {
  auto uut = roster{{.client_count_max = 1}, start};
  BOOST_TEST(bool{uut.admit(client(9))});
  uut.rebuild({client(1), client(2), client(1)}, start + 1s);
  BOOST_TEST(uut.client_count() == 2u);
  BOOST_TEST(!uut.contains(client(9)));
  BOOST_TEST(uut.clients().size() == 2u);
  BOOST_TEST(!uut.admit(client(3)));
  uut.rebuild({}, start + 2s);
  BOOST_TEST((uut.empty_since() == start + 2s));
}

BOOST_AUTO_TEST_SUITE_END()
