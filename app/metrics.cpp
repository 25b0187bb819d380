#include "app/metrics.hpp"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include "app/console/view.hpp"
#include "base/error.hpp"
#include "base/utf8.hpp"

namespace cenote::app {

namespace {

using labels = std::vector<prometheus::ClientMetric::Label>;

/// One metric with all its time series.
class family {
public:
  family(std::string name, std::string help, prometheus::MetricType type) {
    made_.name = "cenote_" + std::move(name);
    made_.help = std::move(help);
    made_.type = type;
  }

  void add(double value, labels with = {}) {
    auto& one = made_.metric.emplace_back();
    one.label = std::move(with);
    if (made_.type == prometheus::MetricType::Counter)
      one.counter.value = value;
    else
      one.gauge.value = value;
  }

  void add(std::uint64_t value, labels with = {}) {
    add(static_cast<double>(value), std::move(with));
  }

  [[nodiscard]] prometheus::MetricFamily take() && {
    return std::move(made_);
  }

private:
  prometheus::MetricFamily made_;
};

using families = std::vector<prometheus::MetricFamily>;

family gauge(std::string name, std::string help) {
  return {std::move(name), std::move(help), prometheus::MetricType::Gauge};
}

family counter(std::string name, std::string help) {
  return {std::move(name), std::move(help), prometheus::MetricType::Counter};
}

labels labels_of(const tenants::pool_key& key) {
  return {{"tenant", to_utf8(key.tenant)},
          {"user", to_utf8(key.user)},
          {"database", to_utf8(key.database)},
          {"mode", std::string{kind(key)}}};
}

labels with_state(labels all, std::string state) {
  all.push_back({"state", std::move(state)});
  return all;
}

void add_pool_states(families& to, const pool_views& pools) {
  auto clients = gauge("pool_clients", "Clients of a pool by state.");
  auto servers = gauge("pool_servers", "Servers of a pool by state.");
  auto wait = gauge("pool_maxwait_seconds",
                    "Age of the oldest client that waits for a server.");
  auto size = gauge("pool_size", "Servers that a pool may have.");
  auto paused = gauge("pool_paused", "1 while a pool lends no server.");
  auto channels = gauge("pool_listen_channels",
                        "Channels that one server hears for all clients.");
  for (const auto& [key, pool] : pools) {
    const auto base = labels_of(key);
    const auto& now = pool.numbers;
    clients.add(std::uint64_t{pool.clients_active()},
                with_state(base, "active"));
    clients.add(std::uint64_t{now.waiting}, with_state(base, "waiting"));
    servers.add(std::uint64_t{now.servers_lent}, with_state(base, "active"));
    servers.add(std::uint64_t{now.servers_idle}, with_state(base, "idle"));
    servers.add(std::uint64_t{now.servers_cleaning},
                with_state(base, "cleaning"));
    wait.add(static_cast<double>(pool.maxwait_us) / 1e6, base);
    size.add(std::uint64_t{pool.settings.pool_size}, base);
    paused.add(std::uint64_t{pool.paused ? 1U : 0U}, base);
    channels.add(std::uint64_t{pool.channels}, base);
  }
  for (auto* each : {&clients, &servers, &wait, &size, &paused, &channels})
    to.push_back(std::move(*each).take());
}

void add_pool_sums(families& to, const pool_views& pools) {
  struct sum {
    const char* name;
    const char* help;
    std::uint64_t traffic::*field;
    double unit;
  };
  static constexpr sum sums[] = {
    {"pool_server_assignments_total", "Servers lent to clients.",
     &traffic::server_assignments, 1},
    {"pool_transactions_total", "Transactions.", &traffic::transactions, 1},
    {"pool_queries_total", "Queries.", &traffic::queries, 1},
    {"pool_received_bytes_total", "Bytes from clients.",
     &traffic::bytes_received, 1},
    {"pool_sent_bytes_total", "Bytes to clients.", &traffic::bytes_sent, 1},
    {"pool_transaction_seconds_total", "Time in transactions.",
     &traffic::transaction_time_us, 1e-6},
    {"pool_query_seconds_total", "Time in queries.", &traffic::query_time_us,
     1e-6},
    {"pool_wait_seconds_total", "Time that clients waited for servers.",
     &traffic::wait_time_us, 1e-6},
    {"pool_logins_total", "Clients that joined.", &traffic::logins, 1},
    {"pool_pins_total", "Times that a client kept its server.", &traffic::pins,
     1},
    {"pool_questions_total", "Times that PostgreSQL was asked what was left.",
     &traffic::questions, 1},
    {"pool_repeated_batches_total",
     "Batches sent once more because a plan was out of date.",
     &traffic::repeated_batches, 1},
    {"pool_notifications_total",
     "Notifications told to clients from a listening server.",
     &traffic::notifications, 1},
    {"pool_listening_losses_total", "Listening servers that were lost.",
     &traffic::listening_losses, 1},
    {"pool_servers_moved_total",
     "Times that a server was handed to another lane of its pool.",
     &traffic::servers_taken, 1},
  };
  for (const auto& each : sums) {
    auto made = counter(each.name, each.help);
    for (const auto& [key, pool] : pools)
      made.add(static_cast<double>(pool.sums.*each.field) * each.unit,
               labels_of(key));
    to.push_back(std::move(made).take());
  }
}

template <class Counts>
void add_by_code(family& to, const Counts& counts) {
  // Few of the 256 have a name, and fewer ever happen.
  for (unsigned code = 1; code < 256; ++code) {
    const auto what = static_cast<ec>(code);
    if (auto sum = counts.of(what); sum != 0)
      to.add(sum, {{"code", std::string{name(what)}}});
  }
}

void add_edge(families& to, const proxy::edge::edge_counters& from) {
  auto ok = counter("logins_total", "Clients that logged in.");
  ok.add(from.logins_succeeded.load());
  auto failed = counter("logins_failed_total", "Logins that failed, by code.");
  add_by_code(failed, from.logins_failed);
  auto now = gauge("logins_in_progress", "Clients logging in.");
  now.add(from.logins_in_progress.load());
  auto console = counter("console_logins_total", "Logins to the console.");
  console.add(from.console_logins.load());
  auto cancels = counter("cancels_total", "CancelRequests by what came of it.");
  cancels.add(from.cancels_received.load(), {{"result", "received"}});
  cancels.add(from.cancels_dropped.load(), {{"result", "dropped"}});
  cancels.add(from.cancels_delivered.load(), {{"result", "delivered"}});
  cancels.add(from.cancels_failed.load(), {{"result", "failed"}});
  auto opened = counter("servers_opened_total", "Logins to servers.");
  opened.add(from.servers_opened.load());
  auto lost = counter("servers_failed_total",
                      "Logins to servers that failed, by code.");
  add_by_code(lost, from.servers_failed);
  for (auto* each : {&ok, &failed, &now, &console, &cancels, &opened, &lost})
    to.push_back(std::move(*each).take());
}

void add_ended(families& to, const collected& from) {
  auto sums = proxy::reason_sums{};
  for (const auto& shard : from.shards)
    sums += shard.clients_ended;
  auto ended = counter("clients_ended_total",
                       "Logged-in clients that were ended, by code.");
  add_by_code(ended, sums);
  to.push_back(std::move(ended).take());
  auto lost = counter("servers_given_up_total",
                      "Servers that are not counted any more though PostgreSQL "
                      "has not hung up.");
  std::uint64_t count = 0;
  for (const auto& shard : from.shards)
    count += shard.servers_given_up;
  lost.add(count);
  to.push_back(std::move(lost).take());
}

void add_reloads(families& to, const reload_counters& from) {
  auto ok = counter("reloads_total", "Reloads of the configuration.");
  ok.add(from.succeeded.load());
  auto failed = counter("reloads_failed_total",
                        "Reloads that failed and changed nothing, by code.");
  add_by_code(failed, from.failed);
  for (auto* each : {&ok, &failed})
    to.push_back(std::move(*each).take());
}

void add_node(families& to, const metrics_source& from) {
  auto info = gauge("info", "Version and data-plane engine.");
  const auto* engine
    = from.shards.shards.empty() ? "" : from.shards.shards.front().engine;
  info.add(std::uint64_t{1},
           {{"version", std::string{from.version}}, {"engine", engine}});
  auto refused = gauge("engine_refused",
                       "1: the engine would use it and the system refuses it.");
  refused.add(std::uint64_t{from.io_uring_refused ? 1u : 0u},
              {{"engine", "io_uring"}});
  refused.add(std::uint64_t{from.io_submit_refused ? 1u : 0u},
              {{"engine", "io_submit"}});
  auto shards
    = gauge("shards", "Shards that answered this scrape, or did not.");
  shards.add(std::uint64_t{from.shards.shards.size()}, {{"answered", "yes"}});
  shards.add(std::uint64_t{from.shards.missing}, {{"answered", "no"}});
  auto used = gauge("node_used", "Units in use on this node.");
  used.add(std::uint64_t{from.quotas.node_clients()}, {{"of", "clients"}});
  used.add(std::uint64_t{from.quotas.node_servers()}, {{"of", "servers"}});
  auto limit = gauge("node_limit", "Units allowed on this node; 0 = any.");
  const auto& limits = from.catalog.limits();
  limit.add(std::uint64_t{limits.clients_max}, {{"of", "clients"}});
  limit.add(std::uint64_t{limits.servers_max}, {{"of", "servers"}});
  auto tenants = gauge("tenants", "Tenants in the catalog.");
  tenants.add(std::uint64_t{from.catalog.tenants().size()});
  for (auto* each : {&info, &refused, &shards, &used, &limit, &tenants})
    to.push_back(std::move(*each).take());
}

} // namespace

std::string metrics_text(const metrics_source& from) {
  auto all = families{};
  add_node(all, from);
  if (from.counters != nullptr)
    add_edge(all, *from.counters);
  if (from.reloads != nullptr)
    add_reloads(all, *from.reloads);
  add_ended(all, from.shards);
  const auto pools = merge(from.shards);
  add_pool_states(all, pools);
  add_pool_sums(all, pools);
  return prometheus::TextSerializer{}.Serialize(all);
}

} // namespace cenote::app
