#include <boost/test/unit_test.hpp>

#include <caf/actor_system_config.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/scheduler/test_coordinator.hpp>
#include <caf/scoped_actor.hpp>

#include "registry/registry.hpp"

using namespace cenote;
using registry::registration;

namespace {

struct config : caf::actor_system_config {
  config() {
    add_message_types<caf::id_block::cenote_registry>();
    set("scheduler.policy", caf::atom("testing"));
  }
};

// The argument is needed: CAF 0.17.6 dereferences a null pointer to the tuple
// of no arguments, and libstdc++'s assertions notice.
caf::behavior stand_in_behavior(caf::event_based_actor*, int) {
  return {[](int) {
    // nop
  }};
}

struct registry_fixture {
  config cfg;
  caf::actor_system system{cfg};
  caf::scheduler::test_coordinator& sched
    = dynamic_cast<caf::scheduler::test_coordinator&>(system.scheduler());
  caf::scoped_actor self{system};
  registry::registry_actor names
    = system.spawn(registry::registry_behavior, std::string{"n1"});

  ~registry_fixture() {
    kill_now(names);
    sched.run();
  }

  caf::actor stand_in() {
    return system.spawn(stand_in_behavior, 0);
  }

  registration ask_name(const std::string& name, const caf::actor& who) {
    auto candidate = registration{
      name, "n1", caf::actor_cast<caf::strong_actor_ptr>(who), {}, 1};
    auto answer = self->request(names, caf::infinite,
                                atom::register_or_lookup_v, candidate);
    sched.run();
    auto found = registration{};
    answer.receive([&](registration& x) { found = std::move(x); },
                   [](const caf::error&) { BOOST_ERROR("no answer"); });
    return found;
  }

  /// Null if nobody has the name.
  caf::strong_actor_ptr whereis(const std::string& name) {
    auto answer = self->request(names, caf::infinite, atom::whereis_v, name);
    sched.run();
    auto found = caf::strong_actor_ptr{};
    answer.receive([&](registration& x) { found = x.actor; },
                   [](const caf::error& why) {
                     BOOST_TEST((to_ec(why) == ec::unknown_tenant));
                   });
    return found;
  }
};

bool same(const caf::strong_actor_ptr& lhs, const caf::actor& rhs) {
  return lhs == caf::actor_cast<caf::strong_actor_ptr>(rhs);
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(registry_suite, registry_fixture)

BOOST_AUTO_TEST_CASE(
  the_first_candidate_gets_the_name_and_the_second_hears_it) {
  auto first = stand_in();
  auto second = stand_in();
  BOOST_TEST(same(ask_name("acme", first).actor, first));
  BOOST_TEST(same(ask_name("acme", second).actor, first));
  BOOST_TEST(same(ask_name("acme", first).actor, first));
  BOOST_TEST(same(ask_name("other", second).actor, second));
  kill_now(first);
  kill_now(second);
}

BOOST_AUTO_TEST_CASE(a_name_is_free_again_when_its_actor_is_down) {
  auto first = stand_in();
  ask_name("acme", first);
  kill_now(first);
  sched.run();
  BOOST_TEST(!whereis("acme"));
  auto second = stand_in();
  BOOST_TEST(same(ask_name("acme", second).actor, second));
  kill_now(second);
}

BOOST_AUTO_TEST_CASE(only_its_own_actor_is_forgotten) {
  auto first = stand_in();
  auto second = stand_in();
  ask_name("acme", first);
  auto forget = [&](const caf::actor& who) {
    caf::anon_send(names, atom::forget_v, std::string{"acme"},
                   caf::actor_cast<caf::strong_actor_ptr>(who));
    sched.run();
  };
  forget(second);
  BOOST_TEST(same(whereis("acme"), first));
  forget(first);
  forget(first);
  BOOST_TEST(!whereis("acme"));
  kill_now(first);
  kill_now(second);
}

BOOST_AUTO_TEST_CASE(a_candidate_that_is_dead_already_does_not_keep_the_name) {
  auto dead = stand_in();
  kill_now(dead);
  sched.run();
  ask_name("acme", dead);
  BOOST_TEST(!whereis("acme"));
}

BOOST_AUTO_TEST_CASE(errors_keep_their_code) {
  BOOST_TEST((to_ec(caf::error{}) == ec::none));
  BOOST_TEST((to_ec(caf::make_error(ec::tenant_down)) == ec::tenant_down));
  BOOST_TEST(
    (to_ec(caf::make_error(caf::sec::request_timeout)) == ec::timed_out));
  BOOST_TEST(
    (to_ec(caf::make_error(caf::sec::runtime_error)) == ec::actor_down));
  BOOST_TEST(detail_of(caf::make_error(ec::tenant_down, std::string{"x"}))
             == "x");
  BOOST_TEST(detail_of(caf::make_error(ec::tenant_down)).empty());
}

BOOST_AUTO_TEST_SUITE_END()
