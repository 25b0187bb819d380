#include "app/daemon.hpp"

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <optional>
#include <utility>

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/experimental/as_tuple.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/signal_set.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>

#include "actors/system.hpp"
#include "app/admin_socket.hpp"
#include "app/console/console.hpp"
#include "app/edge_gate.hpp"
#include "app/ending.hpp"
#include "app/engine.hpp"
#include "app/http.hpp"
#include "app/reloader.hpp"
#include "app/settings.hpp"
#include "app/version.hpp"
#include "base/log.hpp"
#include "proxy/edge/edge.hpp"
#include "proxy/edge/key_store.hpp"
#include "proxy/edge/quota_book.hpp"
#include "proxy/shards.hpp"
#include "tenants/diff.hpp"

namespace cenote::app {

namespace {

using actors::admin_command;
using actors::admin_verb;

/// Actors that have not ended by then are left behind: the process ends without
/// them.
constexpr auto actors_end_time_max = std::chrono::seconds{5};

/// How often the end that waits for clients looks whether they are gone.
constexpr auto look_again = std::chrono::milliseconds{200};

/// Logins under way may still be told why they end.
constexpr auto farewell_time_max = std::chrono::milliseconds{300};

/// From the end of the drain to that of the process: more than all the times
/// that its parts may take together.
constexpr auto end_time_max = std::chrono::seconds{25};

} // namespace

/// The house. Members are made in this order and unmade in the reverse one;
/// `take_down` says why that is not enough.
struct daemon::parts final : actors::admin_hooks, admin_port {
  parts(std::string path, configs::config config)
    : file{std::move(path)},
      first{std::make_shared<const configs::config>(std::move(config))},
      catalog{first->catalog} {
    for (int number : {SIGHUP, SIGINT, SIGTERM, SIGQUIT, SIGUSR1, SIGUSR2})
      signals.add(number);
  }

  result<void> build();
  result<void> serve_admin();
  result<void> publish(const configs::config& before,
                       const configs::config& next);
  void take_down();

  // -- admin_hooks, any thread ------------------------------------------------
  void reload(std::function<void(result<void>)> done) noexcept override {
    reloads->reload(std::move(done));
  }

  void shutdown(actors::end_wait wait) noexcept override {
    asio::post(io, [this, wait] { end(wait); });
  }

  // -- admin_port -------------------------------------------------------------
  asio::awaitable<actors::admin_reply> run(admin_command command) override {
    return host->run(std::move(command));
  }

  // -- edge thread ------------------------------------------------------------
  asio::awaitable<void> watch_signals();
  asio::awaitable<void> drain();
  asio::awaitable<void> drain_when_empty();
  asio::awaitable<void> order(admin_verb verb);
  void end(actors::end_wait wait);
  void wait_for_clients();
  void begin_drain();
  void end_now();

  std::string file;
  reloader::config_ptr first;
  std::optional<chosen_engine> engine;
  asio::io_context io{1};
  /// Caught before anybody can connect: who sees a listener may send one.
  asio::signal_set signals{io};
  tenants::catalog_cell catalog;
  proxy::edge::quota_book quotas;
  proxy::edge::key_store keys;
  std::optional<proxy::edge::edge_settings_cell> settings;
  edge_gate gate;
  std::unique_ptr<proxy::shards> shards;
  std::unique_ptr<actors::actor_system_host> host;
  std::unique_ptr<console> desk;
  std::unique_ptr<proxy::edge::edge> edge;
  std::unique_ptr<reloader> reloads;
  std::unique_ptr<http_server> http;
  std::unique_ptr<admin_socket> door;
  std::atomic<health> state{health::starting};
  bool waiting = false; ///< For clients to go, before the drain.
  bool draining = false;
};

result<void> daemon::parts::build() {
  auto edge_settings = edge_settings_of(*first);
  if (!edge_settings)
    return edge_settings.error();
  settings.emplace(std::move(*edge_settings));
  engine = choose_engine(first->process.engine);
  if (const auto& why = engine->refused) {
    // By `auto` nobody insists.
    const auto is_wish
      = first->process.engine == configs::engine_choice::io_uring;
    log::write(is_wish ? log::level::warn : log::level::info,
               "io_uring is refused: epoll instead",
               {log::kv("code", why->code), log::kv("detail", why->detail)});
  }
  if (const auto& why = engine->batches_refused)
    log::write(log::level::info, "io_submit is refused: one send at a time",
               {log::kv("code", why->code), log::kv("detail", why->detail)});
  quotas.apply(*first->catalog);
  auto started
    = proxy::shards::start(shard_count_of(*first), engine->make, gate);
  if (!started)
    return started.error();
  shards = std::move(*started);
  reloads = std::make_unique<reloader>(
    file, first,
    [this](const configs::config& before, const configs::config& next) {
      return publish(before, next);
    });
  actors::system_services services;
  services.shards = shards.get();
  services.opener = &gate;
  services.quotas = &quotas;
  services.hooks = this;
  services.catalog = first->catalog;
  actors::system_settings how;
  how.version = version;
  how.with_admin_link = !first->admin.socket.empty();
  host = std::make_unique<actors::actor_system_host>(services, how);
  desk = std::make_unique<console>(
    console_parts{*shards, *this, catalog, quotas,
                  [this] { return reloads->current(); }, version});
  edge = std::make_unique<proxy::edge::edge>(proxy::edge::edge_parts{
    io, *shards, host->directory(), quotas, *desk, catalog, *settings, keys});
  gate.lead_to(edge.get());
  desk->watch(&edge->counters());
  if (auto listening = edge->listen(listeners_of(*first)); !listening)
    return listening;
  return serve_admin();
}

/// The doors of operators, where configured: HTTP and cenotectl's socket.
result<void> daemon::parts::serve_admin() {
  if (first->admin.http) {
    http_parts with{*shards,
                    quotas,
                    catalog,
                    &edge->counters(),
                    &reloads->counters(),
                    [this] { return state.load(); },
                    version,
                    engine->refused.has_value(),
                    engine->batches_refused.has_value()};
    auto started = http_server::start(*first->admin.http, std::move(with));
    if (!started)
      return started.error();
    http = std::move(*started);
  }
  if (first->admin.socket.empty())
    return {};
  auto opened = admin_socket::open(
    io, first->admin.socket, [this](net::unique_fd connection) {
      host->serve_admin_socket(std::move(connection));
    });
  if (!opened)
    return opened.error();
  door = std::move(*opened);
  asio::co_spawn(io, door->accept_forever(), asio::detached);
  return {};
}

/// A reload's result in force, by difference. Reloader's thread.
result<void> daemon::parts::publish(const configs::config& before,
                                    const configs::config& next) {
  auto edge_settings = edge_settings_of(next);
  if (!edge_settings)
    return edge_settings.error();
  settings->store(std::move(*edge_settings));
  log::configure(next.process.log.level, next.process.log.format);
  catalog.exchange(next.catalog);
  quotas.apply(*next.catalog);
  auto changes = tenants::diff(*before.catalog, *next.catalog);
  for (auto& gone : changes.removed)
    edge->forget_secrets(gone);
  for (auto& changed : changes.changed)
    if (!changed.users_rekeyed.empty() || !changed.users_removed.empty())
      edge->forget_secrets(changed.id);
  edge->reload_certificates();
  host->apply(next.catalog);
  return {};
}

/// Who may still call whom decides the order: first nobody comes in, then no
/// actor decides, then no shard moves a byte; only then may things be
/// destroyed.
void daemon::parts::take_down() {
  auto limit = end_watch{end_time_max};
  limit.enter("logins under way");
  state = health::shutting_down;
  door = nullptr;
  if (edge)
    edge->stop();
  io.restart();
  io.run_for(farewell_time_max);
  gate.lead_to(nullptr);
  limit.enter("actors");
  if (host && !host->stop(actors_end_time_max)) {
    log::error("actors did not end in time");
    log::flush();
    std::_Exit(1);
  }
  limit.enter("HTTP requests");
  http = nullptr;
  limit.enter("a reload");
  reloads = nullptr; // Waits for a reload under way.
  limit.enter("shards");
  if (shards)
    shards->stop();
  limit.enter("edge");
  edge = nullptr;
  desk = nullptr;
  shards = nullptr;
  limit.enter("actor system");
  host = nullptr;
  limit.all_done();
}

asio::awaitable<void> daemon::parts::watch_signals() {
  for (;;) {
    auto [failed, number] = co_await signals.async_wait(
      asio::experimental::as_tuple(asio::use_awaitable));
    if (failed)
      co_return;
    log::info("signal", {log::kv("number", number)});
    switch (number) {
      case SIGHUP:
        reloads->reload([](result<void>) {
          // What went wrong is in the log.
        });
        break;
      case SIGINT:
      case SIGTERM:
        begin_drain();
        break;
      case SIGUSR1:
        asio::co_spawn(io, order(admin_verb::pause), asio::detached);
        break;
      case SIGUSR2:
        asio::co_spawn(io, order(admin_verb::resume), asio::detached);
        break;
      default:
        end_now();
    }
  }
}

asio::awaitable<void> daemon::parts::order(admin_verb verb) {
  auto command = admin_command{verb};
  auto reply = co_await host->run(std::move(command));
  log::info("operation ended", {log::kv("operation", actors::name(verb)),
                                log::kv("code", reply.code)});
}

void daemon::parts::end(actors::end_wait wait) {
  switch (wait) {
    case actors::end_wait::nothing:
      return end_now();
    case actors::end_wait::servers:
      return begin_drain();
    case actors::end_wait::clients:
      return wait_for_clients();
  }
}

void daemon::parts::wait_for_clients() {
  if (draining || std::exchange(waiting, true))
    return;
  state = health::shutting_down;
  log::info("shutting down when all clients are gone; a signal drains");
  edge->stop_accepting();
  asio::co_spawn(io, drain_when_empty(), asio::detached);
}

asio::awaitable<void> daemon::parts::drain_when_empty() {
  auto timer = asio::steady_timer{io};
  while (quotas.node_clients() > 0
         || edge->counters().logins_in_progress.load() > 0) {
    timer.expires_after(look_again);
    co_await timer.async_wait(asio::use_awaitable);
    if (draining)
      co_return;
  }
  begin_drain();
}

void daemon::parts::begin_drain() {
  if (std::exchange(draining, true))
    return end_now();
  state = health::shutting_down;
  log::info("draining: clients end after their transaction; "
            "a second signal ends now");
  edge->stop_accepting();
  asio::co_spawn(io, drain(), asio::detached);
  asio::co_spawn(io, tell_what_drains(*shards), asio::detached);
}

asio::awaitable<void> daemon::parts::drain() {
  auto command = admin_command{admin_verb::drain};
  auto limit = reloads->current()->process.drain_timeout.count();
  command.time_max_ms
    = limit > 0 ? static_cast<std::uint32_t>(limit) : UINT32_MAX;
  auto reply = co_await host->run(std::move(command));
  log::info("drained", {log::kv("pools", reply.count)});
  end_now();
}

void daemon::parts::end_now() {
  io.stop();
}

daemon::daemon(std::string file, configs::config first)
  : parts_{std::make_unique<parts>(std::move(file), std::move(first))} {
  // nop
}

daemon::~daemon() = default;

int daemon::run() {
  if (auto built = parts_->build(); !built) {
    log::error("cannot start", {log::kv("code", built.error().code),
                                log::kv("detail", built.error().detail)});
    parts_->take_down();
    return 1;
  }
  asio::co_spawn(parts_->io, parts_->watch_signals(), asio::detached);
  asio::co_spawn(parts_->io, parts_->reloads->watch(), asio::detached);
  asio::co_spawn(parts_->io, parts_->desk->sample_forever(), asio::detached);
  parts_->state = health::ok;
  log::info("ready",
            {log::kv("version", version),
             log::kv("shards", parts_->shards->shard_count()),
             log::kv("engine", parts_->engine->name),
             log::kv("tenants", parts_->first->catalog->tenants().size())});
  parts_->io.run();
  log::info("ending");
  parts_->take_down();
  return 0;
}

} // namespace cenote::app
