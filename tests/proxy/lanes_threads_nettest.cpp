// One pool on two shards that really run: nobody starves, and no server is lent
// twice, whoever is quicker.

#include <array>
#include <atomic>
#include <chrono>
#include <vector>

#include "proxy/shards.hpp"
#include "tests/proxy/shard_fixture.hpp"

#include <boost/test/unit_test.hpp>

using namespace cenote;
using namespace cenote::proxy;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t client_count = 12;
constexpr std::size_t server_count = 3;
constexpr int queries_each = 200;

/// What lanes say on their own threads, counted.
struct counting_port final : pool_port {
  tenants::pool_key pool{"acme", "app", "db", tenants::pool_mode::transaction};
  std::atomic<int> left{0}, gone{0}, drained_count{0}, paused_count{0};
  std::atomic<std::uint32_t> reported_clients{0}, reported_idle{0};
  std::atomic<int> reported_count{0};

  const tenants::pool_key& key() const noexcept override {
    return pool;
  }
  void client_left(client_id) noexcept override {
    ++left;
  }
  void starving(lane_ref, const lane_numbers&) noexcept override {}
  void server_opened(lane_ref, const greeting&) noexcept override {}
  void server_failed(lane_ref, refusal,
                     std::vector<quota_unit>) noexcept override {}
  void server_gone(lane_ref, ec) noexcept override {
    ++gone;
  }
  void drained(lane_ref, std::uint32_t) noexcept override {
    ++drained_count;
  }
  void paused(lane_ref) noexcept override {
    ++paused_count;
  }
  void reported(lane_ref, census now) noexcept override {
    reported_clients = static_cast<std::uint32_t>(now.clients.size());
    reported_idle = now.numbers.servers_idle;
    ++reported_count;
  }
};

struct silent_edge final : edge_port {
  void deliver_cancel(cancel_order) noexcept override {}
};

result<std::unique_ptr<net::engine>> make_engine() {
  return test::wants_uring() ? net::make_uring_engine()
                             : net::make_epoll_engine();
}

/// The other side of all sockets, on the test's thread.
struct town {
  struct citizen {
    far_end end;
    std::string heard;
    int answers = 0;
  };

  /// Waits a little for something to be said, and takes it.
  void look() {
    auto fds = std::vector<pollfd>{};
    for (auto& each : clients)
      fds.push_back({each.end.fd(), POLLIN, 0});
    for (auto& each : servers)
      fds.push_back({each.end.fd(), POLLIN, 0});
    ::poll(fds.data(), fds.size(), 10);
    for (auto& each : clients)
      listen(each);
    for (auto& each : servers)
      serve(each);
  }

  /// A client says its next query when it has the whole answer.
  void listen(citizen& who) {
    const auto before = who.heard.size();
    who.heard += who.end.hear();
    if (who.heard.size() == before || !who.heard.ends_with(message('Z', "I")))
      return;
    wrong += who.answers > 0 && who.heard != selected() ? 1 : 0;
    who.heard.clear();
    if (++who.answers <= queries_each)
      who.end.say(query("select 1"));
  }

  /// A server that is asked twice before it answered was lent twice.
  void serve(citizen& who) {
    const auto asked = query("select 1");
    who.heard += who.end.hear();
    if (who.heard == message('X'))
      return who.end.hang_up();
    if (who.heard.empty() || who.heard.size() < asked.size())
      return;
    wrong += who.heard != asked ? 1 : 0;
    who.heard.clear();
    ++who.answers;
    who.end.say(selected());
  }

  std::array<citizen, client_count> clients;
  std::array<citizen, server_count> servers;
  int wrong = 0;
};

template <class Condition>
void wait_for(town& all, Condition met) {
  const auto late = clock::now() + 60s;
  while (!met() && clock::now() < late)
    all.look();
  BOOST_REQUIRE(met());
}

} // namespace

BOOST_AUTO_TEST_SUITE(lanes_threads_suite)

BOOST_AUTO_TEST_CASE(all_clients_of_two_lanes_are_served_by_few_servers) {
  auto edge = silent_edge{};
  auto port = std::make_shared<counting_port>();
  auto all = town{};
  auto started = shards::start(2, make_engine, edge);
  BOOST_REQUIRE(static_cast<bool>(started));
  auto& plane = **started;
  auto settings = test::unwatched_settings();
  settings.mode = tenants::pool_mode::transaction;
  settings.pool_size = server_count;
  settings.lanes = 7; // As many as there are shards.
  const auto where = plane.open_lane(port, settings);
  BOOST_TEST(where.count == 2u);
  for (auto& each : all.servers) {
    auto server = server_adoption{};
    server.socket = each.end.near_end();
    server.target = std::make_shared<const tenants::server_target>();
    server.epoch = 1;
    plane.adopt(where, std::move(server));
  }
  std::uint64_t id = 0;
  for (auto& each : all.clients) {
    auto client = client_adoption{};
    client.socket = each.end.near_end();
    client.seat = subscription{client_id{++id}, port, {}};
    client.profile = std::make_shared<const client_profile>();
    plane.adopt(where, std::move(client));
  }
  BOOST_TEST(port->board().at(0).clients == client_count / 2);
  BOOST_TEST(port->board().at(1).clients == client_count / 2);
  wait_for(all, [&] {
    for (auto& each : all.clients)
      if (each.answers <= queries_each)
        return false;
    return true;
  });
  BOOST_TEST(all.wrong == 0);
  BOOST_TEST(port->board().servers() == server_count);
  BOOST_TEST(port->gone == 0);
  int answers = 0;
  for (auto& each : all.servers)
    answers += each.answers;
  BOOST_TEST(answers == queries_each * int{client_count});
  // What is asked of the pool is answered once.
  plane.report(where);
  wait_for(all, [&] { return port->reported_count > 0; });
  BOOST_TEST(port->reported_clients == client_count);
  BOOST_TEST(port->reported_idle == server_count);
  plane.shrink_lane(where, 1);
  wait_for(all, [&] { return port->gone > 0; });
  BOOST_TEST(port->board().servers() == server_count - 1);
  plane.pause_lane(where);
  wait_for(all, [&] { return port->paused_count > 0; });
  plane.resume_lane(where);
  plane.drain_lane(where, clock::now() + 60s, ec::pool_draining);
  wait_for(all, [&] { return port->drained_count > 0; });
  wait_for(all, [&] { return port->gone == int{server_count}; });
  plane.stop();
  BOOST_TEST(port->left == int{client_count});
  BOOST_TEST(port->gone == int{server_count});
  BOOST_TEST(port->paused_count == 1);
  BOOST_TEST(port->drained_count == 1);
  BOOST_TEST(port->reported_count == 1);
}

BOOST_AUTO_TEST_CASE(one_lane_where_one_server_listens_for_all_clients) {
  auto edge = silent_edge{};
  auto started = shards::start(2, make_engine, edge);
  BOOST_REQUIRE(static_cast<bool>(started));
  auto settings = test::unwatched_settings();
  settings.lanes = 2;
  settings.listen = tenants::listen_policy::shared;
  auto count_of = [&](tenants::pool_mode mode) {
    settings.mode = mode;
    auto port = std::make_shared<counting_port>();
    const auto where = (**started).open_lane(port, settings);
    BOOST_TEST(port->board().count() == where.count);
    return where.count;
  };
  BOOST_TEST(count_of(tenants::pool_mode::transaction) == 1u);
  BOOST_TEST(count_of(tenants::pool_mode::statement) == 1u);
  // Clients keep their servers there, LISTENs and all.
  BOOST_TEST(count_of(tenants::pool_mode::session) == 2u);
  (**started).stop();
}

BOOST_AUTO_TEST_SUITE_END()
