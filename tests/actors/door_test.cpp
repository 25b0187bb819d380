#include <boost/test/unit_test.hpp>

#include "tests/actors/actor_fixture.hpp"

using namespace cenote;
using namespace cenote::test;
using namespace std::chrono_literals;

BOOST_FIXTURE_TEST_SUITE(door_suite, node_fixture)

BOOST_AUTO_TEST_CASE(the_door_of_a_pool_opens_with_its_first_server) {
  join_and_run(1);
  BOOST_TEST(!pool()->enter(client_id{2}));
  opener.succeed();
  run();
  auto greet = pool()->enter(client_id{2});
  BOOST_REQUIRE(greet);
  BOOST_TEST((**greet == fake_opener::greeting()));
  BOOST_TEST(pool()->client_count == 2u);
}

BOOST_AUTO_TEST_CASE(who_came_in_by_the_door_is_counted_and_leaves_once) {
  opener.is_automatic = true;
  join_and_run(1);
  BOOST_TEST(pool()->enter(client_id{2}).has_value());
  join_and_run(3);
  BOOST_TEST(pool()->client_count == 3u);
  pool()->client_left(client_id{2});
  pool()->client_left(client_id{2});
  run();
  BOOST_TEST(pool()->client_count == 2u);
}

BOOST_AUTO_TEST_CASE(a_draining_pool_has_no_open_door) {
  opener.is_automatic = true;
  join_and_run(1);
  pool()->is_draining = true;
  BOOST_TEST(!pool()->enter(client_id{2}));
}

BOOST_AUTO_TEST_CASE(
  the_door_is_closed_until_a_new_manager_knows_who_is_there) {
  opener.is_automatic = true;
  join_and_run(1);
  auto which = pool();
  which->set_manager(which->now().manager);
  BOOST_TEST(!which->enter(client_id{2}));
}

BOOST_AUTO_TEST_CASE(a_pool_is_not_idle_while_somebody_is_in_by_the_door) {
  auto spec = make_spec();
  spec.settings.pool_idle_timeout = 5s;
  opener.is_automatic = true;
  join_and_run(1, spec);
  BOOST_TEST(pool(spec)->enter(client_id{2}).has_value());
  pool(spec)->client_left(client_id{1});
  run();
  for (auto i = 0; i < 20; ++i)
    advance(1s);
  BOOST_REQUIRE(pool(spec) != nullptr);
  BOOST_TEST(!pool(spec)->close_door_if_empty());
  pool(spec)->client_left(client_id{2});
  BOOST_TEST(pool(spec)->close_door_if_empty());
  BOOST_TEST(!pool(spec)->enter(client_id{3}));
  for (auto i = 0; i < 20 && pool(spec); ++i)
    advance(1s);
  BOOST_TEST((pool(spec) == nullptr));
}

BOOST_AUTO_TEST_SUITE_END()
