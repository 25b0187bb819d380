#include <boost/test/unit_test.hpp>

#include "tests/actors/actor_fixture.hpp"

using namespace cenote;
using namespace cenote::test;
using namespace std::chrono_literals;

BOOST_FIXTURE_TEST_SUITE(supervision_suite, node_fixture)

BOOST_AUTO_TEST_CASE(a_dead_manager_takes_its_worker_with_it) {
  opener.is_automatic = true;
  join_and_run(1);
  auto before = pool()->now();
  shards.with(1, [](auto& lane) {
    lane.present.clients = {client_id{1}};
    lane.present.last_greeting
      = std::make_shared<proxy::greeting>(fake_opener::greeting());
  });
  kill_now(before.manager);
  run();
  auto after = pool()->now();
  BOOST_TEST((after.manager && after.manager != before.manager));
  BOOST_TEST((after.worker && after.worker != before.worker));
  BOOST_TEST(pool()->client_count == 1u);
  BOOST_TEST(join_and_run(2)->is_seated());
  BOOST_TEST(shards.opened() == 1u);
}

BOOST_AUTO_TEST_CASE(a_dead_worker_dies_alone) {
  opener.is_automatic = true;
  join_and_run(1);
  auto before = pool()->now();
  kill_now(before.worker);
  run();
  auto after = pool()->now();
  BOOST_TEST((after.manager == before.manager));
  BOOST_TEST((after.worker && after.worker != before.worker));
}

BOOST_AUTO_TEST_CASE(
  a_client_that_waits_for_the_first_login_survives_a_worker) {
  auto slot = join_and_run(1);
  BOOST_TEST(opener.under_way() == 1u);
  kill_now(pool()->now().worker);
  run();
  opener.succeed();
  run();
  BOOST_TEST(slot->is_seated());
}

BOOST_AUTO_TEST_CASE(an_order_that_died_with_its_manager_is_told_so) {
  auto slot = join_and_run(1);
  kill_now(pool()->now().manager);
  run();
  BOOST_TEST(slot->is_lost());
  auto again = join_and_run(1);
  opener.succeed();
  run();
  BOOST_TEST(again->is_seated());
}

BOOST_AUTO_TEST_CASE(orders_wait_while_a_new_manager_asks_who_is_there) {
  opener.is_automatic = true;
  join_and_run(1);
  shards.answers_reports = false;
  kill_now(pool()->now().manager);
  run();
  auto slot = join_and_run(2);
  BOOST_TEST(!slot->has_answer());
  shards.answers_reports = true;
  advance(1s);
  BOOST_TEST(slot->is_seated());
}

BOOST_AUTO_TEST_CASE(a_dead_tenant_supervisor_leaves_its_pools_alone) {
  opener.is_automatic = true;
  join_and_run(1);
  auto before = pool();
  shards.with(1, [](auto& lane) { lane.present.clients = {client_id{1}}; });
  kill_now(before->now().supervisor);
  run();
  BOOST_TEST((pool() == before));
  BOOST_TEST((before->now().supervisor != nullptr));
  BOOST_TEST(before->client_count == 1u);
  BOOST_TEST(join_and_run(2)->is_seated());
  BOOST_TEST(shards.opened() == 1u);
  BOOST_TEST(!shards.with(1, [](auto& lane) { return lane.is_killed; }));
}

BOOST_AUTO_TEST_CASE(a_new_registry_is_told_the_names) {
  opener.is_automatic = true;
  join_and_run(1);
  auto holder = pool()->now().supervisor;
  kill_now(shared->names());
  run();
  auto self = caf::scoped_actor{system};
  auto answer = self->request(shared->names(), caf::infinite, atom::whereis_v,
                              std::string{"acme"});
  run();
  answer.receive(
    [&](const registry::registration& found) {
      BOOST_TEST(
        (caf::actor_cast<caf::actor_addr>(found.actor) == holder.address()));
    },
    [](const caf::error&) { BOOST_ERROR("the name is gone"); });
}

BOOST_AUTO_TEST_CASE(a_client_comes_in_while_the_registry_is_dead) {
  kill_now(shared->names());
  auto slot = join(1);
  opener.is_automatic = true;
  run();
  BOOST_TEST(slot->is_seated());
}

BOOST_AUTO_TEST_CASE(too_many_restarts_take_the_tenant_down_for_a_while) {
  opener.is_automatic = true;
  join_and_run(1);
  for (int i = 0; i < 11; ++i) {
    kill_now(pool()->now().worker);
    run();
  }
  BOOST_TEST(pool()->is_down);
  BOOST_TEST((join_and_run(2)->code() == ec::tenant_down));
  BOOST_TEST(shards.with(1, [](auto& lane) {
    return lane.last_failure && lane.last_failure->why.code == ec::tenant_down;
  }));
  // Other tenants do not notice.
  BOOST_TEST(join_and_run(3, make_spec("other"))->is_seated());
  advance(61s);
  BOOST_TEST(!pool()->is_down);
  BOOST_TEST(join_and_run(4)->is_seated());
}

BOOST_AUTO_TEST_CASE(resume_brings_a_tenant_back_at_once) {
  opener.is_automatic = true;
  join_and_run(1);
  for (int i = 0; i < 11; ++i) {
    kill_now(pool()->now().manager);
    run();
  }
  BOOST_TEST((join_and_run(2)->code() == ec::tenant_down));
  caf::anon_send(node, atom::resume_v, std::string{"acme."});
  run();
  BOOST_TEST(join_and_run(3)->is_seated());
}

BOOST_AUTO_TEST_CASE(a_tenant_whose_supervisor_keeps_dying_is_down) {
  opener.is_automatic = true;
  join_and_run(1);
  for (int i = 0; i < 11; ++i) {
    kill_now(pool()->now().supervisor);
    run();
  }
  BOOST_TEST((join_and_run(2)->code() == ec::tenant_down));
  advance(61s);
  BOOST_TEST(join_and_run(3)->is_seated());
  BOOST_TEST(shards.opened() == 1u);
}

BOOST_AUTO_TEST_CASE(an_idle_tenant_leaves_no_supervisor_behind) {
  auto spec = make_spec();
  spec.settings.pool_idle_timeout = 5s;
  opener.is_automatic = true;
  auto before = system.registry().running();
  join_and_run(1, spec);
  pool()->client_left(client_id{1});
  run();
  for (int i = 0; i < 10; ++i)
    advance(1s);
  BOOST_TEST(system.registry().running() == before);
}

BOOST_AUTO_TEST_CASE(the_root_takes_everything_with_it_and_finds_it_again) {
  opener.is_automatic = true;
  join_and_run(1);
  join_and_run(2, make_spec("other"));
  kill_now(node);
  run();
  BOOST_TEST(system.registry().running() == 0u);
  start();
  BOOST_TEST(join_and_run(3)->is_seated());
  BOOST_TEST(shards.opened() == 2u);
}

BOOST_AUTO_TEST_SUITE_END()
