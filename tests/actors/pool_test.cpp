#include <boost/test/unit_test.hpp>

#include "actors/pool_worker.hpp"
#include "base/limits.hpp"
#include "tests/actors/actor_fixture.hpp"

using namespace cenote;
using namespace cenote::test;
using namespace std::chrono_literals;

BOOST_FIXTURE_TEST_SUITE(pool_suite, node_fixture)

// -- a cold pool --------------------------------------------------------------

BOOST_AUTO_TEST_CASE(the_first_client_of_a_pool_waits_for_one_login) {
  auto first = join_and_run(1);
  auto second = join_and_run(2);
  BOOST_TEST(!first->has_answer());
  BOOST_TEST(opener.ordered() == 1u);
  opener.succeed();
  run();
  BOOST_TEST(first->is_seated());
  BOOST_TEST(second->is_seated());
  BOOST_TEST((*first->seat().greet == fake_opener::greeting()));
  BOOST_TEST(first->seat().lane.lane.value() == 1u);
  // A warm pool seats at once, without another login.
  BOOST_TEST(join_and_run(3)->is_seated());
  BOOST_TEST(opener.ordered() == 1u);
  BOOST_TEST(pool()->client_count == 3u);
}

BOOST_AUTO_TEST_CASE(a_failed_first_login_is_told_to_all_in_the_servers_words) {
  auto first = join_and_run(1);
  auto second = join_and_run(2);
  opener.fail(ec::server_login_rejected, "no such role");
  run();
  for (auto& slot : {first, second}) {
    BOOST_TEST((slot->code() == ec::server_login_rejected));
    BOOST_REQUIRE(slot->refusal().server_error != nullptr);
    BOOST_TEST(slot->refusal().server_error->size() == 12u);
  }
  BOOST_TEST(pool()->client_count == 0u);
}

BOOST_AUTO_TEST_CASE(after_the_backoff_nobody_remembers_the_failure) {
  auto first = join_and_run(1);
  opener.fail(ec::server_connect_failed);
  run();
  // Within the window: at once, and without a login.
  BOOST_TEST((join_and_run(2)->code() == ec::server_connect_failed));
  BOOST_TEST(opener.ordered() == 1u);
  advance(16s);
  auto third = join_and_run(3);
  BOOST_TEST(opener.ordered() == 2u);
  opener.succeed();
  run();
  BOOST_TEST(third->is_seated());
}

BOOST_AUTO_TEST_CASE(without_a_backoff_the_next_client_tries_at_once) {
  auto spec = make_spec();
  spec.settings.server_login_retry = 0ms;
  join_and_run(1, spec);
  opener.fail(ec::server_connect_failed);
  run();
  auto second = join_and_run(2, spec);
  BOOST_TEST(!second->has_answer());
  BOOST_TEST(opener.ordered() == 2u);
}

BOOST_AUTO_TEST_CASE(a_lane_that_cannot_be_opened_is_told_and_forgotten) {
  shards.refuses_lanes = true;
  BOOST_TEST((join_and_run(1)->code() == ec::pool_start_failed));
  BOOST_TEST(shared->pools.size() == 0u);
  shards.refuses_lanes = false;
  join_and_run(2);
  BOOST_TEST(opener.ordered() == 1u);
}

// -- seats --------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(who_gave_up_while_waiting_leaves_no_seat) {
  auto slot = join_and_run(1);
  BOOST_TEST(slot->abandon());
  opener.succeed();
  run();
  BOOST_TEST(!slot->has_answer());
  BOOST_TEST(pool()->client_count == 0u);
}

BOOST_AUTO_TEST_CASE(who_gave_up_is_forgotten_even_if_no_login_ever_ends) {
  auto slot = join_and_run(1);
  BOOST_TEST(slot->abandon());
  advance(2s);
  BOOST_TEST(pool()->client_count == 0u);
}

BOOST_AUTO_TEST_CASE(leaving_twice_counts_once) {
  opener.is_automatic = true;
  join_and_run(1);
  join_and_run(2);
  pool()->client_left(client_id{1});
  pool()->client_left(client_id{1});
  run();
  BOOST_TEST(pool()->client_count == 1u);
}

BOOST_AUTO_TEST_CASE(too_many_pools_of_a_tenant_are_refused) {
  auto spec = make_spec();
  spec.settings.tenant_pools_max = 1;
  join_and_run(1, spec);
  auto other = make_spec("acme", "other");
  other.settings.tenant_pools_max = 1;
  BOOST_TEST((join_and_run(2, other)->code() == ec::too_many_pools));
}

// -- servers ------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(a_pool_opens_what_is_wanted_four_logins_at_a_time) {
  opener.is_automatic = false;
  join_and_run(1);
  opener.succeed();
  run();
  starve(10);
  BOOST_TEST(opener.under_way() == 4u);
  opener.succeed();
  run();
  BOOST_TEST(opener.under_way() == 4u);
  while (opener.under_way() > 0) {
    opener.succeed();
    run();
  }
  BOOST_TEST(opener.open_servers() == 11u);
}

BOOST_AUTO_TEST_CASE(pool_size_is_never_exceeded) {
  auto spec = make_spec();
  spec.settings.pool_size = 3;
  opener.is_automatic = true;
  join_and_run(1, spec);
  for (int i = 0; i < 5; ++i)
    starve(10);
  BOOST_TEST(opener.open_servers() == 3u);
  opener.lose();
  starve(10);
  BOOST_TEST(opener.open_servers() == 3u);
}

BOOST_AUTO_TEST_CASE(pool_size_holds_over_restarts_in_the_middle_of_logins) {
  auto spec = make_spec();
  spec.settings.pool_size = 3;
  join_and_run(1, spec);
  opener.succeed();
  run();
  starve(10);
  BOOST_TEST(opener.under_way() == 2u);
  for (int i = 0; i < 4; ++i) {
    kill_now(pool()->now().worker);
    run();
    starve(10);
    BOOST_TEST(opener.under_way() + opener.open_servers() == 3u);
  }
  opener.succeed();
  opener.succeed();
  run();
  starve(10);
  BOOST_TEST(opener.open_servers() == 3u);
  BOOST_TEST(opener.under_way() == 0u);
}

BOOST_AUTO_TEST_CASE(min_pool_size_is_kept) {
  auto spec = make_spec();
  spec.settings.min_pool_size = 2;
  opener.is_automatic = true;
  join_and_run(1, spec);
  BOOST_TEST(opener.open_servers() == 2u);
  opener.lose();
  run();
  BOOST_TEST(opener.open_servers() == 2u);
}

BOOST_AUTO_TEST_CASE(waiters_hear_of_a_failed_login_when_no_server_is_left) {
  join_and_run(1);
  opener.succeed();
  run();
  opener.lose();
  starve(1);
  opener.fail(ec::server_connect_failed);
  run();
  auto told = [this] {
    return shards.with(1, [](auto& lane) { return lane.failures_told; });
  };
  BOOST_TEST(told() == 1u);
  // Who comes to the queue within the window is told without a login.
  starve(1);
  BOOST_TEST(told() == 2u);
  BOOST_TEST(opener.ordered() == 2u);
  advance(16s);
  starve(1);
  BOOST_TEST(opener.ordered() == 3u);
}

BOOST_AUTO_TEST_CASE(that_postgresql_is_starting_is_told_only_after_a_while) {
  using namespace std::string_literals;
  const auto not_yet = "E\0\0\0\x1eSFATAL\0C57P03\0Mnot yet\0\0"s;
  join_and_run(1);
  opener.succeed();
  run();
  opener.lose();
  starve(1);
  auto told = [this] {
    return shards.with(1, [](auto& lane) { return lane.failures_told; });
  };
  opener.fail(ec::server_login_rejected, not_yet);
  run();
  BOOST_TEST(told() == 0u);
  advance(300ms);
  BOOST_TEST(opener.ordered() == 3u);
  for (int i = 0; i < 12; ++i) {
    if (opener.under_way() > 0)
      opener.fail(ec::server_login_rejected, not_yet);
    starve(1);
    advance(1s);
  }
  BOOST_TEST(told() > 0u);
  for (int i = 0; i < 20 && opener.under_way() == 0; ++i) {
    starve(1);
    advance(1s);
  }
  opener.succeed();
  run();
  // It counts anew from the next time on.
  auto before = told();
  opener.lose();
  starve(1);
  opener.fail(ec::server_login_rejected, not_yet);
  run();
  BOOST_TEST(told() == before);
}

BOOST_AUTO_TEST_CASE(a_failed_login_beside_a_working_server_is_tried_again) {
  join_and_run(1);
  opener.succeed();
  run();
  starve(1);
  opener.fail(ec::server_connect_failed);
  run();
  BOOST_TEST(shards.with(1, [](auto& lane) { return lane.failures_told; })
             == 0u);
  BOOST_TEST(opener.under_way() == 0u);
  advance(16s);
  BOOST_TEST(opener.under_way() == 1u);
}

BOOST_AUTO_TEST_CASE(logins_that_fail_together_hide_no_working_server) {
  join_and_run(1);
  opener.succeed();
  run();
  starve(2);
  BOOST_REQUIRE(opener.under_way() == 2u);
  opener.fail(ec::server_connect_failed);
  opener.fail(ec::server_connect_failed);
  run();
  BOOST_TEST(shards.with(1, [](auto& lane) { return lane.failures_told; })
             == 0u);
  BOOST_TEST(join_and_run(2)->is_seated());
}

// -- idle, drained, changed ---------------------------------------------------

BOOST_AUTO_TEST_CASE(a_pool_without_clients_is_closed_after_its_idle_time) {
  auto spec = make_spec();
  spec.settings.pool_idle_timeout = 5s;
  opener.is_automatic = true;
  join_and_run(1, spec);
  advance(10s);
  BOOST_TEST(shared->pools.size() == 1u);
  pool()->client_left(client_id{1});
  run();
  for (int i = 0; i < 8; ++i)
    advance(1s);
  BOOST_TEST(shared->pools.size() == 0u);
  BOOST_TEST(shards.live() == 0u);
  BOOST_TEST(join_and_run(2, spec)->is_seated());
  BOOST_TEST(shards.live() == 1u);
}

BOOST_AUTO_TEST_CASE(a_client_on_its_way_to_the_lane_keeps_the_pool_open) {
  auto spec = make_spec();
  spec.settings.pool_idle_timeout = 5s;
  opener.is_automatic = true;
  join_and_run(1, spec);
  // The new MANAGER never heard of this client; the lane knows it.
  kill_now(pool()->now().manager);
  run();
  shards.with(1, [](auto& lane) { lane.present.clients = {client_id{1}}; });
  for (int i = 0; i < 8; ++i)
    advance(1s);
  BOOST_TEST(shared->pools.size() == 1u);
  BOOST_TEST(pool()->client_count == 1u);
}

BOOST_AUTO_TEST_CASE(a_subscribe_during_retirement_gets_the_new_pool) {
  auto spec = make_spec();
  spec.settings.pool_idle_timeout = 5s;
  opener.is_automatic = true;
  join_and_run(1, spec);
  auto old = pool();
  old->client_left(client_id{1});
  run();
  // MANAGER proposes, and before it is asked whether it is sure, clients come.
  caf::anon_send(old->now().supervisor, atom::idle_v, spec.key);
  auto slots = std::vector<slot_ptr>{};
  for (std::uint64_t i = 2; i < 12; ++i) {
    slots.push_back(join(i, spec));
    sched.run(1);
  }
  run();
  for (auto& slot : slots)
    BOOST_TEST(slot->is_seated());
  BOOST_TEST(shards.live() == 1u);
}

BOOST_AUTO_TEST_CASE(a_drain_refuses_new_clients_and_ends_with_the_lane) {
  opener.is_automatic = true;
  join_and_run(1);
  auto self = caf::scoped_actor{system};
  auto drained
    = self->request(node, caf::infinite, atom::drain_v,
                    actors::drain_order{"acme.", 10s, ec::shutting_down});
  run();
  BOOST_TEST((join_and_run(2)->code() == ec::shutting_down));
  auto port = shards.port(1);
  port->drained(fake_shards::ref(1), 1);
  run();
  drained.receive(
    [](const actors::drain_report& report) {
      BOOST_TEST(report.pools == 1u);
      BOOST_TEST(report.clients == 1u);
      BOOST_TEST(report.cut_short == 1u);
    },
    [](const caf::error&) { BOOST_ERROR("drain failed"); });
  BOOST_TEST(shards.live() == 0u);
  BOOST_TEST(join_and_run(3)->is_seated());
}

BOOST_AUTO_TEST_CASE(a_drain_that_never_ends_is_killed) {
  opener.is_automatic = true;
  join_and_run(1);
  caf::anon_send(pool()->now().supervisor, atom::drain_v,
                 actors::drain_order{"", 10s, ec::shutting_down});
  run();
  advance(16s);
  BOOST_TEST(shards.with(1, [](auto& lane) { return lane.is_killed; }));
  BOOST_TEST(shards.live() == 0u);
}

BOOST_AUTO_TEST_CASE(a_drain_under_way_may_be_given_less_time_and_not_more) {
  opener.is_automatic = true;
  join_and_run(1);
  auto supervisor = pool()->now().supervisor;
  auto deadline_after_order = [&](duration time_max) {
    caf::anon_send(supervisor, atom::drain_v,
                   actors::drain_order{"", time_max, ec::shutting_down});
    run();
    return shards.with(1, [](auto& lane) { return lane.drain_deadline; });
  };
  const auto first = deadline_after_order(60s);
  const auto second = deadline_after_order(10s);
  BOOST_TEST((first - second == 50s));
  BOOST_TEST((deadline_after_order(30s) == second));
  advance(16s);
  BOOST_TEST(shards.with(1, [](auto& lane) { return lane.is_killed; }));
  BOOST_TEST(shards.live() == 0u);
}

BOOST_AUTO_TEST_CASE(a_catalog_changes_settings_targets_and_removes) {
  auto all = [](std::uint32_t size, const char* host, bool has_shop) {
    auto tenant = tenants::tenant{};
    tenant.id = "acme";
    auto database = tenants::database{};
    database.name = has_shop ? "shop" : "other";
    database.host = host;
    database.options.pool_size = size;
    tenant.databases = {database};
    auto user = tenants::user{};
    user.name = "app";
    tenant.users = {user};
    return std::make_shared<const tenants::catalog>(
      std::vector{tenant}, tenants::pool_options{}, tenants::node_limits{});
  };
  auto apply = [this](tenants::catalog_ptr now) {
    shared->set_catalog(now);
    quotas.apply(*now);
    caf::anon_send(node, atom::apply_v, now);
    run();
  };
  auto first = all(5, "a.example", true);
  apply(first);
  auto spec = *tenants::resolve(*first, "acme", "app", "shop",
                                tenants::pool_mode::transaction);
  opener.is_automatic = true;
  BOOST_TEST(join_and_run(1, spec)->is_seated());
  apply(all(7, "a.example", true));
  BOOST_TEST(shards.with(1, [](auto& lane) { return lane.settings.pool_size; })
             == 7u);
  BOOST_TEST(shards.with(1, [](auto& lane) { return lane.retired_below; })
             == 0u);
  BOOST_TEST(pool(spec)->quotas().pool->limit() == 7u);
  apply(all(7, "b.example", true));
  BOOST_TEST(shards.with(1, [](auto& lane) { return lane.retired_below; })
             == 2u);
  BOOST_TEST(pool(spec)->target()->host == "b.example");
  // The old greeting is forgotten: one login to the new server first.
  auto before = opener.ordered();
  BOOST_TEST(join_and_run(2, spec)->is_seated());
  BOOST_TEST(opener.ordered() == before + 1);
  apply(all(7, "b.example", false));
  BOOST_TEST(shards.with(1, [](auto& lane) { return lane.is_draining; }));
  BOOST_TEST((join_and_run(3, spec)->code() == ec::tenant_removed));
}

BOOST_AUTO_TEST_SUITE_END()
