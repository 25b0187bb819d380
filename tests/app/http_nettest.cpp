#include "app/http.hpp"

#include <boost/test/unit_test.hpp>

#include <atomic>
#include <thread>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <httplib.h>

#include "net/unique_fd.hpp"
#include "tests/app/fakes.hpp"

using namespace cenote;
using namespace cenote::test;

namespace {

struct fixture {
  fixture() {
    auto& lane = shards.shown[0].lanes.emplace_back();
    for (auto& each : shards.shown) // They answer in any order.
      each.engine = "epoll";
    lane.pool = {"acme", "app", "a\"b", tenants::pool_mode::transaction};
    lane.numbers.clients = 5;
    lane.numbers.waiting = 2;
    lane.numbers.servers_lent = 3;
    lane.maxwait_us = 1'500'000;
    lane.sums.transactions = 42;
    counters.logins_succeeded = 7;
    counters.logins_failed.add(ec::wrong_password);
    reloads.succeeded = 2;
    reloads.failed.add(ec::config_unknown_key);
    for (auto& each : shards.shown)
      each.clients_ended.add(ec::query_wait_timeout);
    shards.shown[1].clients_ended.add(ec::server_lost);
    auto parts
      = app::http_parts{shards, quotas, catalog, &counters, &reloads, {}};
    parts.health = [this] { return how.load(); };
    auto made = app::http_server::start({"127.0.0.1", 0}, std::move(parts));
    BOOST_REQUIRE(made);
    server = std::move(*made);
    client = std::make_unique<httplib::Client>("127.0.0.1", server->port());
  }

  fake_shards shards;
  proxy::edge::quota_book quotas;
  tenants::catalog_cell catalog;
  proxy::edge::edge_counters counters;
  app::reload_counters reloads;
  std::atomic<app::health> how{app::health::ok};
  std::unique_ptr<app::http_server> server;
  std::unique_ptr<httplib::Client> client;
};

bool has(const std::string& text, const std::string& line) {
  return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(http, fixture)

BOOST_AUTO_TEST_CASE(health_follows_the_daemon) {
  auto got = client->Get("/health");
  BOOST_REQUIRE(got);
  BOOST_TEST(got->status == 200);
  BOOST_TEST(got->body.find("\"status\":\"ok\"") != std::string::npos);
  for (auto not_ok : {app::health::starting, app::health::shutting_down}) {
    how = not_ok;
    got = client->Get("/health");
    BOOST_REQUIRE(got);
    BOOST_TEST(got->status == 503);
  }
  BOOST_TEST(got->body.find("shutting_down") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(metrics_are_prometheus_text) {
  auto got = client->Get("/metrics");
  BOOST_REQUIRE(got);
  BOOST_TEST(got->status == 200);
  const auto& text = got->body;
  const auto pool = std::string{
    "tenant=\"acme\",user=\"app\",database=\"a\\\"b\",mode=\"transaction\""};
  for (const auto& line :
       {"cenote_info{version=\"0.1.0\",engine=\"epoll\"} 1",
        "cenote_engine_refused{engine=\"io_uring\"} 0",
        "cenote_engine_refused{engine=\"io_submit\"} 0",
        "cenote_shards{answered=\"yes\"} 2", "cenote_logins_total 7",
        "cenote_logins_failed_total{code=\"wrong_password\"} 1",
        "cenote_clients_ended_total{code=\"query_wait_timeout\"} 2",
        "cenote_clients_ended_total{code=\"server_lost\"} 1",
        "cenote_reloads_total 2",
        "cenote_reloads_failed_total{code=\"config_unknown_key\"} 1",
        "cenote_node_limit{of=\"clients\"} 10000"})
    BOOST_TEST(has(text, line), line << " in\n" << text);
  for (const auto& line :
       {"cenote_pool_clients{" + pool + ",state=\"active\"} 3",
        "cenote_pool_clients{" + pool + ",state=\"waiting\"} 2",
        "cenote_pool_servers{" + pool + ",state=\"active\"} 3",
        "cenote_pool_maxwait_seconds{" + pool + "} 1.5",
        "cenote_pool_transactions_total{" + pool + "} 42"})
    BOOST_TEST(has(text, line), line << " in\n" << text);
}

BOOST_AUTO_TEST_CASE(everything_else_is_not_found) {
  for (auto path : {"/", "/metrics/x", "/healthz", "/../etc/passwd"}) {
    auto got = client->Get(path);
    BOOST_REQUIRE(got);
    BOOST_TEST(got->status == 404, path);
    BOOST_TEST(got->body.find("not found") != std::string::npos, path);
  }
  auto got = client->Post("/health", "x", "text/plain");
  BOOST_REQUIRE(got);
  BOOST_TEST(got->status == 404);
}

BOOST_AUTO_TEST_CASE(a_body_has_a_limit) {
  auto got = client->Post("/x", std::string(64 * 1024 + 1, 'x'), "text/plain");
  BOOST_TEST((!got || got->status == 413));
  BOOST_TEST(!!client->Get("/health"));
}

BOOST_AUTO_TEST_CASE(a_silent_shard_does_not_hold_a_scrape) {
  shards.silent = 1;
  auto got = client->Get("/metrics");
  BOOST_REQUIRE(got);
  BOOST_TEST(got->status == 200);
  BOOST_TEST(has(got->body, "cenote_shards{answered=\"no\"} 1"));
}

BOOST_AUTO_TEST_CASE(a_request_without_end_does_not_hold_up_the_end) {
  auto parts = app::http_parts{shards, quotas, catalog, nullptr, nullptr, {}};
  parts.end_time_max = std::chrono::milliseconds{50};
  auto made = app::http_server::start({"127.0.0.1", 0}, std::move(parts));
  BOOST_REQUIRE(made);
  auto slow = net::unique_fd{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  auto where = sockaddr_in{};
  where.sin_family = AF_INET;
  where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  where.sin_port = htons((*made)->port());
  BOOST_REQUIRE(
    ::connect(slow.get(), reinterpret_cast<sockaddr*>(&where), sizeof(where))
    == 0);
  const auto head = std::string_view{"POST /x HTTP/1.1\r\nContent-Length: 60000"
                                     "\r\nExpect: 100-continue\r\n\r\n"};
  BOOST_REQUIRE(::send(slow.get(), head.data(), head.size(), MSG_NOSIGNAL) > 0);
  char heard = 0; // It waits for the body now.
  BOOST_REQUIRE(::recv(slow.get(), &heard, 1, 0) == 1);
  auto is_over = std::atomic<bool>{false};
  auto sender = std::thread{[&] {
    while (!is_over) {
      ::send(slow.get(), "x", 1, MSG_NOSIGNAL);
      std::this_thread::sleep_for(std::chrono::milliseconds{10});
    }
  }};
  *made = nullptr;
  is_over = true;
  sender.join();
}

BOOST_AUTO_TEST_CASE(a_port_in_use_is_an_error) {
  auto parts = app::http_parts{shards, quotas, catalog, nullptr, nullptr, {}};
  auto second
    = app::http_server::start({"127.0.0.1", server->port()}, std::move(parts));
  BOOST_REQUIRE(!second);
  BOOST_TEST((second.error().code == ec::os_error));
}

BOOST_AUTO_TEST_SUITE_END()
