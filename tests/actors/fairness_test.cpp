#include <boost/test/unit_test.hpp>

#include "actors/pool_worker.hpp"
#include "base/limits.hpp"
#include "tests/actors/actor_fixture.hpp"

using namespace cenote;
using namespace cenote::test;
using namespace std::chrono_literals;

BOOST_FIXTURE_TEST_SUITE(fairness_suite, node_fixture)

BOOST_AUTO_TEST_CASE(under_a_full_host_tenants_take_turns) {
  auto greedy = make_spec("greedy");
  auto modest = make_spec("modest");
  for (auto* spec : {&greedy, &modest}) {
    spec->settings.host_servers_max = 4;
    spec->settings.tenant_servers_max = 0;
  }
  opener.is_automatic = true;
  join_and_run(1, greedy);
  starve(10, greedy);
  BOOST_TEST(opener.open_servers() == 4u);
  auto second = join_and_run(2, modest);
  BOOST_TEST(!second->has_answer());
  // The greedy tenant's own queue is long; the unit still goes to the other.
  opener.is_automatic = false;
  starve(10, greedy);
  opener.lose();
  run();
  opener.lose();
  run();
  auto served = opener.tenants_under_way();
  BOOST_REQUIRE(served.size() == 2u);
  BOOST_TEST(std::ranges::count(served, "modest") == 1);
  BOOST_TEST(std::ranges::count(served, "greedy") == 1);
}

BOOST_AUTO_TEST_CASE(a_restarted_admission_is_asked_again) {
  auto spec = make_spec();
  auto other = make_spec("other");
  spec.settings.host_servers_max = other.settings.host_servers_max = 1;
  opener.is_automatic = true;
  join_and_run(1, spec);
  auto waits = join_and_run(2, other);
  BOOST_TEST(!waits->has_answer());
  auto quota = pool(other)->quotas().shared[2];
  BOOST_TEST(quota->queued == 1u);
  kill_now(shared->admission());
  run();
  BOOST_TEST(quota->queued == 0u);
  advance(1s);
  BOOST_TEST(quota->queued == 1u);
  opener.lose();
  run();
  BOOST_TEST(waits->is_seated());
  BOOST_TEST(quota->queued == 0u);
}

namespace {

/// Pools of one tenant, by their databases, that share `servers_max`.
tenants::pool_spec sharing(std::string database, std::uint32_t servers_max) {
  auto spec = make_spec("acme", std::move(database));
  spec.settings.tenant_servers_max = servers_max;
  return spec;
}

} // namespace

BOOST_AUTO_TEST_CASE(
  an_idle_server_makes_room_for_a_waiter_of_the_same_tenant) {
  opener.is_automatic = true;
  shards.on_shrink = [this](std::uint64_t lane) { opener.lose_of(lane); };
  join_and_run(1, sharing("one", 1));
  BOOST_TEST(opener.open_servers_of(1) == 1u);
  BOOST_TEST(join_and_run(2, sharing("two", 1))->is_seated());
  BOOST_TEST((shards.shrunk == std::vector<std::uint64_t>{1}));
  BOOST_TEST(opener.open_servers_of(1) == 0u);
  BOOST_TEST(opener.open_servers_of(2) == 1u);
}

BOOST_AUTO_TEST_CASE(a_pool_that_lent_all_its_servers_is_asked_again) {
  opener.is_automatic = true;
  join_and_run(1, sharing("one", 1));
  auto waits = join_and_run(2, sharing("two", 1));
  BOOST_TEST((shards.shrunk == std::vector<std::uint64_t>{1}));
  advance(1s);
  BOOST_TEST((shards.shrunk == std::vector<std::uint64_t>{1, 1}));
  BOOST_TEST(!waits->has_answer());
  shards.on_shrink = [this](std::uint64_t lane) { opener.lose_of(lane); };
  advance(1s);
  BOOST_TEST(waits->is_seated());
  advance(2s);
  BOOST_TEST(shards.shrunk.size() == 3u);
}

BOOST_AUTO_TEST_CASE(who_has_nothing_idle_does_not_hide_who_has) {
  opener.is_automatic = true;
  join_and_run(1, sharing("large", 4));
  starve(2, sharing("large", 4));
  starve(0, sharing("large", 4));
  join_and_run(2, sharing("small", 4));
  BOOST_TEST(opener.open_servers() == 4u);
  shards.on_shrink = [this](std::uint64_t lane) {
    if (lane == 2)
      opener.lose_of(lane);
  };
  auto waits = join_and_run(3, sharing("other", 4));
  BOOST_TEST((shards.shrunk == std::vector<std::uint64_t>{1}));
  advance(1s);
  BOOST_TEST((shards.shrunk == std::vector<std::uint64_t>{1, 2}));
  BOOST_TEST(waits->is_seated());
}

BOOST_AUTO_TEST_CASE(a_long_line_is_served_by_many_pools_with_one_idle_server) {
  opener.is_automatic = true;
  shards.on_shrink = [this](std::uint64_t lane) { opener.lose_of(lane); };
  auto joined = std::vector<slot_ptr>{};
  for (std::uint64_t i = 0; i < 30; ++i)
    joined.push_back(join_and_run(i + 1, sharing("db" + std::to_string(i), 3)));
  for (int i = 0; i < 20; ++i)
    advance(50ms);
  for (const auto& each : joined)
    BOOST_TEST(each->is_seated());
  BOOST_TEST(opener.open_servers() == 3u);
}

BOOST_AUTO_TEST_CASE(a_pool_whose_waiters_left_does_not_get_its_unit_back) {
  opener.is_automatic = true;
  join_and_run(1, sharing("one", 1));
  // Its waiter was served by the server that there is, which nobody says.
  starve(1, sharing("one", 1));
  BOOST_TEST(pool(sharing("one", 1))->quotas().shared[1]->queued == 1u);
  shards.on_shrink = [this](std::uint64_t lane) { opener.lose_of(lane); };
  BOOST_TEST(join_and_run(2, sharing("two", 1))->is_seated());
  BOOST_TEST(opener.ordered() == 2u);
  BOOST_TEST(pool(sharing("one", 1))->quotas().shared[1]->queued == 0u);
}

BOOST_AUTO_TEST_CASE(a_lane_that_says_nothing_any_more_waits_for_nothing) {
  opener.is_automatic = true;
  join_and_run(1, sharing("one", 1));
  starve(1, sharing("one", 1));
  auto quota = pool(sharing("one", 1))->quotas().shared[1];
  advance(1s);
  BOOST_TEST(quota->queued == 1u);
  for (int i = 0; i < 3; ++i)
    advance(1s);
  BOOST_TEST(quota->queued == 0u);
}

BOOST_AUTO_TEST_CASE(a_reserve_takes_no_server_from_others_but_fills_up_later) {
  opener.is_automatic = true;
  join_and_run(1, sharing("one", 2));
  auto reserved = sharing("two", 2);
  reserved.settings.min_pool_size = 2;
  join_and_run(2, reserved);
  for (int i = 0; i < 3; ++i)
    advance(1s);
  BOOST_TEST(opener.open_servers_of(2) == 1u);
  BOOST_TEST(shards.shrunk.empty());
  BOOST_TEST(pool(reserved)->quotas().shared[1]->queued == 0u);
  opener.lose_of(1);
  advance(1s);
  BOOST_TEST(opener.open_servers_of(2) == 2u);
}

BOOST_AUTO_TEST_CASE(logins_to_one_host_are_limited_over_all_pools) {
  auto joined = std::vector<slot_ptr>{};
  for (std::uint64_t i = 0; i < 40; ++i)
    joined.push_back(join_and_run(i + 1, make_spec("t" + std::to_string(i))));
  BOOST_TEST(opener.under_way() == limits::server_logins_per_host_max);
  while (opener.under_way() > 0) {
    BOOST_TEST(opener.under_way() <= limits::server_logins_per_host_max);
    opener.succeed();
    run();
  }
  for (auto& slot : joined)
    BOOST_TEST(slot->is_seated());
}

BOOST_AUTO_TEST_SUITE_END()
