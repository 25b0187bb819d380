// One pool on two shards, run by hand: docs/lanes.md.

#include "proxy/shards.hpp"
#include "tests/proxy/shard_fixture.hpp"
#include <array>
#include <chrono>

#include <boost/test/unit_test.hpp>

using namespace cenote;
using namespace cenote::proxy;
using namespace std::chrono_literals;

namespace {

constexpr auto pool = lane_id{1};

client_adoption adoption_of(far_end& end, std::uint64_t id,
                            std::shared_ptr<pool_port> port) {
  auto out = client_adoption{};
  out.socket = end.near_end();
  out.seat = subscription{client_id{id}, std::move(port), {}};
  out.profile = std::make_shared<const client_profile>(
    client_profile{"app", "db", "", false, {}});
  return out;
}

server_adoption adoption_of(far_end& end) {
  auto out = server_adoption{};
  out.socket = end.near_end();
  out.target = std::make_shared<const tenants::server_target>();
  out.said.parameters = {{"client_encoding", "UTF8"}};
  out.backend_pid = 42;
  out.epoch = 1;
  return out;
}

/// "\0"s of the body included.
template <std::size_t Size>
std::string extended(char tag, const char (&body)[Size]) {
  return message(tag, {body, Size - 1});
}

struct lanes_fixture {
  lanes_fixture() {
    settings.mode = tenants::pool_mode::transaction;
    settings.pool_size = 1;
    settings.lanes = 2;
    port->board().open(2, 0, 2);
    auto all = std::vector<shard*>{};
    for (std::uint32_t i = 0; i < 2; ++i) {
      auto engine
        = on_uring ? net::make_uring_engine() : net::make_epoll_engine();
      BOOST_REQUIRE(static_cast<bool>(engine));
      homes[i] = std::make_unique<shard>(i, std::move(*engine), edge);
      all.push_back(homes[i].get());
    }
    for (std::uint32_t i = 0; i < 2; ++i) {
      homes[i]->set_peers(all);
      homes[i]->open_lane(pool, port, settings, i);
    }
  }

  lane& at(std::size_t index) {
    return *homes[index]->find_lane(pool);
  }

  /// Lets both shards do what is to be done, without waiting for more.
  void turn(int count = 6) {
    for (int i = 0; i < count; ++i)
      for (auto& home : homes)
        home->turn(time_point{});
  }

  /// The same until a moment has passed.
  void turn_for(std::chrono::milliseconds how_long) {
    const auto end = clock::now() + how_long;
    while (clock::now() < end)
      homes[1]->turn(end);
    turn();
  }

  void join(std::size_t index, far_end& end, std::uint64_t id) {
    homes[index]->adopt(pool, adoption_of(end, id, port));
    turn();
    BOOST_REQUIRE(end.hear().ends_with(message('Z', "I")));
  }

  void open(std::size_t index, far_end& end) {
    homes[index]->adopt(pool, adoption_of(end));
    turn();
  }

  void begin(far_end& client, far_end& server) {
    client.say(query("begin"));
    turn();
    server.hear();
    server.say(done("BEGIN", 'T'));
    turn();
  }

  std::uint32_t servers(std::size_t index) {
    return port->board().at(static_cast<std::uint32_t>(index)).servers;
  }

  const bool on_uring = test::wants_uring();
  std::shared_ptr<recording_port> port = std::make_shared<recording_port>();
  recording_edge edge;
  tenants::pool_settings settings = test::unwatched_settings();
  std::array<std::unique_ptr<shard>, 2> homes;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(lanes_suite, lanes_fixture)

BOOST_AUTO_TEST_CASE(a_waiter_gets_the_idle_server_of_another_lane) {
  far_end client, server;
  open(0, server);
  join(1, client, 1);
  BOOST_TEST(servers(0) == 1u);
  client.say(query("select 1"));
  turn();
  BOOST_TEST(server.hear() == query("select 1"));
  BOOST_TEST(servers(0) == 0u);
  BOOST_TEST(servers(1) == 1u);
  BOOST_TEST(at(1).numbers().servers_lent == 1u);
  server.say(selected());
  turn();
  BOOST_TEST(client.hear() == selected());
  BOOST_TEST(at(1).row().sums.servers_taken == 1u);
  // It was there all the time: no other was asked for, none is gone.
  BOOST_TEST(port->starved.empty());
  BOOST_TEST(port->gone.empty());
}

BOOST_AUTO_TEST_CASE(who_waits_longest_is_served_first_wherever_it_is) {
  far_end one, two, three, server;
  open(0, server);
  join(0, one, 1);
  join(1, two, 2);
  join(0, three, 3);
  begin(one, server);
  one.hear();
  two.say(query("select 2"));
  turn();
  turn_for(5ms);
  three.say(query("select 3"));
  turn();
  one.say(query("commit"));
  turn();
  BOOST_TEST(server.hear() == query("commit"));
  server.say(done("COMMIT"));
  turn();
  BOOST_TEST(server.hear() == query("select 2"));
  BOOST_TEST(servers(1) == 1u);
  server.say(selected());
  turn();
  BOOST_TEST(two.hear() == selected());
  // And back to who still waits where it came from.
  BOOST_TEST(server.hear() == query("select 3"));
  server.say(selected());
  turn();
  BOOST_TEST(three.hear() == selected());
  BOOST_TEST(servers(0) == 1u);
}

BOOST_AUTO_TEST_CASE(a_server_takes_its_prepared_statements_along) {
  far_end one, two, server;
  open(0, server);
  join(0, one, 1);
  join(1, two, 2);
  one.say(extended('P', "mine\0select 1\0\0\0") + message('S'));
  turn();
  BOOST_TEST(server.hear().substr(0, 1) == "P");
  server.say(message('1') + message('Z', "I"));
  turn();
  BOOST_TEST(one.hear() == message('1') + message('Z', "I"));
  two.say(query("select 2"));
  turn();
  BOOST_TEST(server.hear() == query("select 2"));
  server.say(selected());
  turn();
  BOOST_TEST(two.hear() == selected());
  BOOST_TEST(servers(1) == 1u);
  one.say(extended('B', "\0mine\0\0\0\0\0\0\0") + extended('E', "\0\0\0\0\0")
          + message('S'));
  turn();
  BOOST_TEST(servers(0) == 1u);
  const auto heard = std::string{server.hear()};
  BOOST_TEST(heard.substr(0, 1) == "B");
  BOOST_TEST(heard.find("cenote_") == 6u);
}

BOOST_AUTO_TEST_CASE(a_pause_is_over_when_no_lane_lends) {
  far_end client, server;
  open(0, server);
  join(1, client, 1);
  begin(client, server);
  at(0).pause(7);
  at(1).pause(7);
  turn();
  BOOST_TEST(port->paused_count == 0);
  client.say(query("commit"));
  turn();
  server.hear();
  server.say(done("COMMIT"));
  turn();
  BOOST_TEST(port->paused_count == 1);
}

BOOST_AUTO_TEST_CASE(a_drain_is_over_when_it_is_in_all_lanes) {
  far_end client, server;
  open(0, server);
  join(1, client, 1);
  begin(client, server);
  for (std::size_t i = 0; i < 2; ++i)
    at(i).drain(clock::now() + 1h, ec::pool_draining);
  turn();
  BOOST_TEST(port->drained_count == 0);
  for (std::size_t i = 0; i < 2; ++i)
    at(i).drain(clock::now(), ec::pool_draining);
  turn_for(2ms);
  BOOST_TEST(port->drained_count == 1);
  BOOST_TEST(port->cut_short == 1u);
}

BOOST_AUTO_TEST_CASE(a_server_too_old_for_the_lane_it_comes_to_is_closed) {
  far_end client, server;
  open(0, server);
  join(1, client, 1);
  at(1).retire_servers(5); // The other lane has not heard yet.
  client.say(query("select 1"));
  turn();
  BOOST_TEST(server.hear() == message('X'));
  BOOST_TEST(port->gone.size() == 0u);
  server.hang_up();
  turn();
  BOOST_REQUIRE(port->gone.size() == 1u);
  BOOST_TEST((port->gone[0] == ec::server_retired));
  BOOST_TEST(port->board().servers() == 0u);
  BOOST_REQUIRE(!port->starved.empty());
  BOOST_TEST(port->starved.back().servers_wanted == 1u);
}

BOOST_AUTO_TEST_CASE(a_waiter_hears_that_a_server_died_elsewhere) {
  far_end one, two, server;
  open(0, server);
  join(0, one, 1);
  join(1, two, 2);
  one.say(query("begin"));
  turn();
  server.say(done("BEGIN", 'T'));
  turn();
  two.say(query("select 2"));
  turn();
  // The pool has as many servers as it may.
  BOOST_TEST(port->starved.empty());
  server.hang_up();
  turn();
  BOOST_REQUIRE(port->starved.size() == 1u);
  BOOST_TEST(port->starved[0].servers_wanted == 1u);
}

BOOST_AUTO_TEST_CASE(a_server_that_a_cancel_may_strike_stays) {
  far_end one, two, server;
  open(0, server);
  join(0, one, 1);
  join(1, two, 2);
  one.say(query("select 1"));
  turn();
  server.hear();
  homes[0]->end_client(client_id{1}, ec::killed_by_admin);
  turn();
  BOOST_REQUIRE(edge.orders.size() == 1u);
  two.say(query("select 2"));
  server.say(selected());
  turn();
  BOOST_TEST(servers(1) == 0u);
  homes[0]->cancel_settled(edge.orders[0].ticket, true);
  turn();
  BOOST_TEST(servers(1) == 1u);
  BOOST_TEST(server.hear() == query("select 2"));
}

BOOST_AUTO_TEST_CASE(a_server_in_the_middle_of_a_message_stays_until_its_end) {
  far_end client, server;
  open(0, server);
  join(1, client, 1);
  const auto notice = message('N', std::string_view{"SNOTICE\0Mhm\0\0", 13});
  server.say(std::string_view{notice}.substr(0, 7));
  turn();
  client.say(query("select 1"));
  turn();
  BOOST_TEST(servers(1) == 0u);
  server.say(std::string_view{notice}.substr(7));
  for (int i = 0; i < 1000 && servers(1) == 0; ++i)
    turn_for(1ms);
  BOOST_TEST(server.hear() == query("select 1"));
}

BOOST_AUTO_TEST_CASE(the_queues_of_all_lanes_have_one_limit) {
  settings.waiters_max = 1;
  for (std::size_t i = 0; i < 2; ++i)
    at(i).configure(settings);
  far_end one, two;
  join(0, one, 1);
  join(1, two, 2);
  one.say(query("select 1"));
  turn();
  two.say(query("select 2"));
  turn();
  BOOST_TEST(two.hear().substr(0, 1) == "E");
  BOOST_TEST(two.is_closed());
  BOOST_TEST(port->board().waiting == 1u);
}

BOOST_AUTO_TEST_CASE(a_minimum_is_asked_for_once) {
  settings.pool_size = 4;
  settings.min_pool_size = 3;
  for (std::size_t i = 0; i < 2; ++i)
    at(i).configure(settings);
  turn();
  BOOST_REQUIRE(!port->starved.empty());
  BOOST_TEST(port->starved.back().servers_wanted == 3u);
}

BOOST_AUTO_TEST_CASE(surplus_is_that_of_all_lanes) {
  settings.pool_size = 2;
  for (std::size_t i = 0; i < 2; ++i)
    at(i).configure(settings);
  far_end one, two;
  open(0, one);
  open(1, two);
  BOOST_TEST(port->board().servers() == 2u);
  settings.pool_size = 1;
  for (std::size_t i = 0; i < 2; ++i)
    at(i).configure(settings);
  for (int i = 0; i < 1000 && port->board().servers() > 1; ++i)
    turn_for(20ms);
  BOOST_TEST(port->board().servers() == 1u);
  one.hang_up();
  two.hang_up();
  turn();
  BOOST_TEST(port->gone.size() == 2u);
}

BOOST_AUTO_TEST_CASE(a_lane_without_servers_greets_like_the_others) {
  far_end client, server;
  open(0, server);
  auto from = adoption_of(client, 1, port);
  from.greet = std::make_shared<const greeting>(
    greeting{{{"client_encoding", "UTF8"}, {"server_version", "15.4"}}});
  homes[1]->adopt(lane_id{1}, std::move(from));
  turn();
  const auto heard = std::string{client.hear()};
  const auto encoding
    = message('S', std::string_view{"client_encoding\0UTF8\0", 21});
  const auto version = message('S', std::string_view{"server_version\0"
                                                     "15.4\0",
                                                     20});
  BOOST_TEST(heard.starts_with(encoding + version));
  BOOST_TEST(heard.ends_with(message('Z', "I")));
  // The server has these values already: nothing is set in front.
  client.say(query("select 1"));
  turn();
  BOOST_TEST(server.hear() == query("select 1"));
}

BOOST_AUTO_TEST_SUITE_END()
