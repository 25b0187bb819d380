#include <boost/test/unit_test.hpp>

#include "tests/actors/actor_fixture.hpp"

using namespace cenote;
using namespace cenote::test;
using namespace std::chrono_literals;

namespace {

class removal_fixture : public node_fixture {
public:
  removal_fixture() {
    opener.is_automatic = true;
    apply(catalog_with("app"));
    BOOST_REQUIRE(come(1)->is_seated());
  }

  static tenants::catalog_ptr catalog_with(const char* user_name) {
    auto tenant = tenants::tenant{};
    tenant.id = "acme";
    auto database = tenants::database{};
    database.name = "shop";
    database.host = "127.0.0.1";
    tenant.databases = {database};
    auto user = tenants::user{};
    user.name = user_name;
    tenant.users = {user};
    return std::make_shared<const tenants::catalog>(
      std::vector{tenant}, tenants::pool_options{}, tenants::node_limits{});
  }

  void apply(tenants::catalog_ptr now) {
    shared->set_catalog(now);
    quotas.apply(*now);
    caf::anon_send(node, atom::apply_v, now);
    run();
  }

  /// A user of another name takes the one's place.
  void remove() {
    apply(catalog_with("other"));
  }

  void put_back() {
    apply(catalog_with("app"));
  }

  slot_ptr come(std::uint64_t who) {
    return join_and_run(
      who, *tenants::resolve(*catalog_with("app"), "acme", "app", "shop",
                             tenants::pool_mode::transaction));
  }

  void finish_drain(std::uint64_t lane) {
    shards.port(lane)->drained(fake_shards::ref(lane), 0);
    run();
  }

  void drain(ec why) {
    caf::anon_send(node, atom::drain_v, actors::drain_order{"", 60s, why});
    run();
  }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(removal_suite, removal_fixture)

BOOST_AUTO_TEST_CASE(who_comes_after_a_removal_is_refused) {
  remove();
  BOOST_TEST((come(2)->code() == ec::tenant_removed));
}

BOOST_AUTO_TEST_CASE(who_comes_when_it_is_put_back_waits_for_the_next_pool) {
  remove();
  put_back();
  auto slots = std::vector{come(2), come(3)};
  for (auto& slot : slots)
    BOOST_TEST(!slot->has_answer());
  finish_drain(1);
  for (auto& slot : slots) {
    BOOST_REQUIRE(slot->is_seated());
    BOOST_TEST(slot->seat().lane.lane.value() == 2u);
  }
  BOOST_TEST(shards.live() == 1u);
}

BOOST_AUTO_TEST_CASE(a_drain_that_never_ends_keeps_nobody_waiting_for_ever) {
  remove();
  put_back();
  auto slot = come(2);
  advance(36s);
  BOOST_TEST(slot->is_seated());
}

BOOST_AUTO_TEST_CASE(who_waits_is_refused_when_it_is_removed_again) {
  remove();
  put_back();
  auto slot = come(2);
  remove();
  BOOST_TEST((slot->code() == ec::tenant_removed));
}

BOOST_AUTO_TEST_CASE(an_operators_drain_holds_nobody_back) {
  remove();
  put_back();
  auto slot = come(2);
  drain(ec::shutting_down);
  BOOST_TEST((slot->code() == ec::shutting_down));
  BOOST_TEST((come(3)->code() == ec::shutting_down));
}

BOOST_AUTO_TEST_CASE(a_catalog_does_not_take_back_an_operators_drain) {
  drain(ec::shutting_down);
  remove();
  put_back();
  BOOST_TEST((come(2)->code() == ec::shutting_down));
}

BOOST_AUTO_TEST_SUITE_END()
