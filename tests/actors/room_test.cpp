#include <boost/test/unit_test.hpp>

#include "tests/actors/actor_fixture.hpp"

using namespace cenote;
using namespace cenote::test;
using namespace std::chrono_literals;

namespace {

/// A tenant that may have two pools.
class room_fixture : public node_fixture {
public:
  static tenants::pool_spec spec_of(const char* database) {
    auto spec = make_spec("acme", database);
    spec.settings.tenant_pools_max = 2;
    return spec;
  }

  slot_ptr come(std::uint64_t who, const char* database) {
    return join_and_run(who, spec_of(database));
  }

  void go(std::uint64_t who, const char* database) {
    pool(spec_of(database))->client_left(client_id{who});
    run();
  }

  bool is_there(const char* database) {
    return pool(spec_of(database)) != nullptr;
  }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(room_suite, room_fixture)

BOOST_AUTO_TEST_CASE(a_pool_that_never_had_a_server_ends_with_its_failure) {
  auto slot = come(1, "nodb");
  opener.fail(ec::server_login_rejected);
  run();
  BOOST_TEST((slot->code() == ec::server_login_rejected));
  advance(10s);
  // Its failure is still told.
  BOOST_TEST((come(2, "nodb")->code() == ec::server_login_rejected));
  BOOST_TEST(opener.ordered() == 1u);
  for (int i = 0; i < 7; ++i)
    advance(1s);
  BOOST_TEST(!is_there("nodb"));
  BOOST_TEST(shards.live() == 0u);
}

BOOST_AUTO_TEST_CASE(a_pool_that_had_a_server_keeps_its_idle_time) {
  come(1, "one");
  opener.succeed();
  run();
  opener.lose();
  go(1, "one");
  for (int i = 0; i < 60; ++i)
    advance(1s);
  BOOST_TEST(is_there("one"));
}

BOOST_AUTO_TEST_CASE(databases_that_are_not_there_take_no_places) {
  for (std::uint64_t i = 0; auto* database : {"no1", "no2", "no3", "no4"}) {
    auto slot = come(++i, database);
    BOOST_REQUIRE(opener.under_way() == 1u);
    opener.fail(ec::server_login_rejected);
    run();
    BOOST_TEST((slot->code() == ec::server_login_rejected));
  }
  opener.is_automatic = true;
  BOOST_TEST(come(5, "one")->is_seated());
  BOOST_TEST(come(6, "two")->is_seated());
  BOOST_TEST((come(7, "three")->code() == ec::too_many_pools));
  BOOST_TEST(shared->pools.size() == 2u);
}

BOOST_AUTO_TEST_CASE(the_pool_that_is_empty_the_longest_gives_its_place) {
  opener.is_automatic = true;
  come(1, "one");
  come(2, "two");
  BOOST_TEST((come(3, "three")->code() == ec::too_many_pools));
  go(2, "two");
  go(1, "one");
  BOOST_TEST(come(3, "three")->is_seated());
  BOOST_TEST(!is_there("two"));
  BOOST_TEST(is_there("one"));
  BOOST_TEST(shards.live() == 2u);
}

BOOST_AUTO_TEST_CASE(one_that_never_had_a_server_goes_before_it) {
  come(1, "one");
  opener.succeed();
  run();
  go(1, "one");
  come(2, "nodb");
  opener.fail(ec::server_login_rejected);
  run();
  opener.is_automatic = true;
  BOOST_TEST(come(3, "three")->is_seated());
  BOOST_TEST(is_there("one"));
  BOOST_TEST(!is_there("nodb"));
}

BOOST_AUTO_TEST_CASE(clients_of_one_new_pool_take_one_place) {
  opener.is_automatic = true;
  come(1, "one");
  come(2, "two");
  go(1, "one");
  go(2, "two");
  auto slots = std::vector<slot_ptr>{};
  for (std::uint64_t i = 3; i < 8; ++i)
    slots.push_back(join(i, spec_of("three")));
  run();
  for (auto& slot : slots)
    BOOST_TEST(slot->is_seated());
  BOOST_TEST(is_there("two"));
}

BOOST_AUTO_TEST_CASE(a_pool_that_somebody_enters_meanwhile_keeps_its_place) {
  opener.is_automatic = true;
  come(1, "one");
  come(2, "two");
  go(1, "one");
  BOOST_REQUIRE(pool(spec_of("one"))->enter(client_id{3}));
  // Nobody knows of this one yet.
  pool(spec_of("one"))->client_count = 0;
  auto slot = come(4, "three");
  BOOST_TEST((slot->code() == ec::too_many_pools));
  BOOST_TEST(is_there("one"));
  BOOST_TEST(come(5, "one")->is_seated());
}

BOOST_AUTO_TEST_SUITE_END()
