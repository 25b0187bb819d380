#include <boost/test/unit_test.hpp>

#include <array>
#include <latch>
#include <thread>

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/experimental/awaitable_operators.hpp>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>

#include "actors/house.hpp"
#include "tests/actors/fakes.hpp"

using namespace cenote;
using namespace cenote::test;
using namespace std::chrono_literals;

namespace {

/// Two edge threads and the real scheduler.
class running_node {
public:
  explicit running_node(actors::system_settings with = {})
    : host_{{&shards, &opener, &quotas, nullptr, nullptr},
            without_link(std::move(with))} {
    opener.is_automatic = true;
    for (auto& edge : edges_)
      edge.thread = std::thread{[&edge] { edge.io.run(); }};
  }

  ~running_node() {
    BOOST_TEST(host_.stop(60s));
    for (auto& edge : edges_) {
      edge.work.reset();
      edge.thread.join();
    }
  }

  asio::io_context& edge(std::size_t i) {
    return edges_[i % edges_.size()].io;
  }

  actors::actor_system_host& host() {
    return host_;
  }

  fake_shards shards;
  fake_opener opener;
  proxy::edge::quota_book quotas;

private:
  static actors::system_settings without_link(actors::system_settings with) {
    with.with_admin_link = false;
    return with;
  }

  struct edge_thread {
    asio::io_context io{1};
    asio::executor_work_guard<asio::io_context::executor_type> work
      = asio::make_work_guard(io);
    std::thread thread;
  };

  // Destroyed after the actors: pending answers may hold executors.
  std::array<edge_thread, 2> edges_;
  actors::actor_system_host host_;
};

/// What came of many subscribers.
struct tally {
  explicit tally(std::ptrdiff_t count)
    : left{count} {
    // nop
  }

  void add(proxy::edge::subscribe_outcome outcome) {
    {
      auto lock = std::lock_guard{guard};
      if (auto* seated = std::get_if<proxy::edge::admission>(&outcome))
        seats.push_back(std::move(*seated));
      else
        ++refusals[std::get<proxy::refusal>(outcome).why.code];
    }
    left.count_down();
  }

  std::mutex guard;
  std::vector<proxy::edge::admission> seats;
  std::map<ec, unsigned> refusals;
  std::latch left;
};

asio::awaitable<void> subscribe_one(running_node* node, tenants::pool_spec spec,
                                    client_id who, tally* into) {
  auto units = proxy::quota_units{};
  auto shared = std::make_shared<const tenants::pool_spec>(std::move(spec));
  auto outcome = co_await node->host().directory().subscribe(
    std::move(shared), who, std::move(units));
  into->add(std::move(outcome));
}

void subscribe(running_node& node, const tenants::pool_spec& spec,
               std::uint64_t who, tally& into) {
  asio::co_spawn(node.edge(who),
                 subscribe_one(&node, spec, client_id{who}, &into),
                 asio::detached);
}

} // namespace

BOOST_AUTO_TEST_SUITE(system_suite)

BOOST_AUTO_TEST_CASE(a_thousand_racing_for_a_new_name_get_one_pool) {
  constexpr auto rounds = 25u;
  constexpr auto subscribers = 1'000u;
  auto node = running_node{};
  for (auto round = 0u; round < rounds; ++round) {
    auto spec = make_spec("tenant" + std::to_string(round));
    auto all = tally{subscribers};
    for (auto who = 1u; who <= subscribers; ++who)
      subscribe(node, spec, who, all);
    all.left.wait();
    BOOST_TEST(all.refusals.empty());
    BOOST_TEST(all.seats.size() == subscribers);
    BOOST_TEST(node.shards.opened_for(spec.key) == 1u);
    BOOST_TEST(std::ranges::all_of(all.seats, [&](const auto& seat) {
      return seat.lane == all.seats.front().lane;
    }));
    BOOST_TEST(node.host().shared()->pools.of_tenant(spec.key.tenant).size()
               == 1u);
    // One login was enough, however many asked.
    BOOST_TEST(node.opener.ordered() == round + 1);
  }
  BOOST_TEST(node.host().pool_count() == rounds);
}

BOOST_AUTO_TEST_CASE(a_failed_start_is_told_to_all_and_remembered_by_nobody) {
  auto node = running_node{};
  auto spec = make_spec();
  node.shards.refuses_lanes = true;
  auto first = tally{1'000};
  for (auto who = 1u; who <= 1'000; ++who)
    subscribe(node, spec, who, first);
  first.left.wait();
  BOOST_TEST(first.refusals[ec::pool_start_failed] == 1'000u);
  node.shards.refuses_lanes = false;
  auto second = tally{1};
  subscribe(node, spec, 1, second);
  second.left.wait();
  BOOST_TEST(second.seats.size() == 1u);
}

BOOST_AUTO_TEST_CASE(every_subscribe_is_answered_while_actors_are_killed) {
  auto settings = actors::system_settings{};
  settings.restart_count_max = 100'000;
  settings.ask_count_max = 8;
  settings.tick = 10ms;
  auto node = running_node{settings};
  auto spec = make_spec();
  constexpr auto batches = 40u;
  constexpr auto batch = 100u;
  auto& shared = *node.host().shared();
  auto seated = 0u;
  auto refused = std::map<ec, unsigned>{};
  auto who = std::uint64_t{0};
  for (auto i = 0u; i < batches; ++i) {
    auto all = tally{batch};
    for (auto n = 0u; n < batch; ++n) {
      subscribe(node, spec, ++who, all);
      if (n != batch / 2)
        continue;
      auto pool = shared.pools.find(spec.key);
      auto now = pool ? pool->now() : actors::live_pool::handles{};
      switch (i % 7) {
        case 0:
          kill_now(now.manager);
          break;
        case 1:
          kill_now(now.worker);
          break;
        case 2:
          kill_now(now.supervisor);
          break;
        case 3:
          kill_now(shared.names());
          break;
        case 4:
          kill_now(shared.admission());
          break;
        case 5:
          kill_now(shared.admin());
          break;
        default:
          kill_now(shared.node());
          break;
      }
    }
    all.left.wait();
    seated += static_cast<unsigned>(all.seats.size());
    for (auto [code, count] : all.refusals)
      refused[code] += count;
  }
  for (auto [code, count] : refused)
    BOOST_TEST(count == 0u, name(code) << ": " << count);
  BOOST_TEST(seated == batches * batch);
  BOOST_TEST(node.host().pool_count() == 1u);
  BOOST_TEST(node.shards.opened_for(spec.key) == 1u);
  BOOST_TEST(node.opener.open_servers() <= spec.settings.pool_size);
}

BOOST_AUTO_TEST_CASE(who_runs_out_of_time_leaves_no_seat) {
  auto settings = actors::system_settings{};
  settings.subscribe_time_max = 1ms;
  auto node = running_node{settings};
  node.opener.is_automatic = false;
  auto spec = make_spec();
  auto late = tally{50};
  for (auto who = 1u; who <= 50; ++who)
    subscribe(node, spec, who, late);
  late.left.wait();
  BOOST_TEST(late.refusals[ec::subscribe_timeout] == 50u);
  // On a busy machine all of them are gone before MANAGER looks at one: more
  // come, as late, until it has asked for a server.
  for (auto who = 51u; node.opener.under_way() == 0; ++who) {
    auto one = tally{1};
    subscribe(node, spec, who, one);
    one.left.wait();
  }
  node.opener.succeed();
  auto pool = node.host().shared()->pools.find(spec.key);
  while (pool->client_count != 0 || !pool->quotas().pool->used())
    std::this_thread::yield();
  BOOST_TEST(pool->client_count == 0u);
}

namespace {

asio::awaitable<void> cancelled_one(running_node* node, std::latch* done) {
  using namespace asio::experimental::awaitable_operators;
  auto spec = std::make_shared<const tenants::pool_spec>(make_spec());
  auto units = proxy::quota_units{};
  auto stop = asio::steady_timer{node->edge(0), 20ms};
  auto seated = node->host().directory().subscribe(
    std::move(spec), client_id{1}, std::move(units));
  auto stopped = stop.async_wait(asio::use_awaitable);
  auto outcome = co_await (std::move(seated) || std::move(stopped));
  // Admission, refusal, timer: the operator makes one variant of all.
  BOOST_TEST(outcome.index() == 2u);
  done->count_down();
}

} // namespace

BOOST_AUTO_TEST_CASE(a_cancelled_login_leaves_no_seat) {
  auto node = running_node{};
  node.opener.is_automatic = false;
  auto done = std::latch{1};
  asio::co_spawn(node.edge(0), cancelled_one(&node, &done), asio::detached);
  // No login ends, so the timer does.
  done.wait();
  while (node.opener.under_way() == 0)
    std::this_thread::yield();
  node.opener.succeed();
  auto pool = node.host().shared()->pools.find(make_spec().key);
  while (pool->client_count != 0)
    std::this_thread::yield();
  BOOST_TEST(pool->client_count == 0u);
}

namespace {

asio::awaitable<void> admin_one(running_node* node, actors::admin_reply* into,
                                std::latch* done) {
  auto command = actors::admin_command{actors::admin_verb::show_pools};
  *into = co_await node->host().run(std::move(command));
  done->count_down();
}

} // namespace

BOOST_AUTO_TEST_CASE(a_coroutine_runs_an_admin_command) {
  auto node = running_node{};
  auto seats = tally{1};
  subscribe(node, make_spec(), 1, seats);
  seats.left.wait();
  auto reply = actors::admin_reply{};
  auto done = std::latch{1};
  asio::co_spawn(node.edge(0), admin_one(&node, &reply, &done), asio::detached);
  done.wait();
  BOOST_REQUIRE(reply.pools.size() == 1u);
  BOOST_TEST(reply.pools.front().clients == 1u);
}

BOOST_AUTO_TEST_SUITE_END()
