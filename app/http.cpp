#include "app/http.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <httplib.h>
#include <nlohmann/json.hpp>

#include "app/console/collector.hpp"
#include "app/metrics.hpp"
#include "base/clock.hpp"
#include "base/log.hpp"

namespace cenote::app {

namespace {

using std::chrono::milliseconds;

constexpr std::size_t thread_count = 2;
constexpr std::size_t queued_connections_max = 16;
constexpr std::size_t payload_bytes_max = 64 * 1024;
constexpr std::size_t requests_per_connection_max = 100;
constexpr std::time_t keep_alive_seconds = 2;
constexpr auto io_time_max = std::chrono::seconds{5};
constexpr auto snapshot_time_max = milliseconds{1'000};

/// A thread pool whose queue has an end: when it is full the listener waits,
/// and the kernel's backlog is the limit.
class bounded_queue final : public httplib::TaskQueue {
public:
  bounded_queue() {
    for (std::size_t i = 0; i < thread_count; ++i)
      threads_.emplace_back([this] { work(); });
  }

  void enqueue(std::function<void()> task) override {
    auto lock = std::unique_lock{mutex_};
    changed_.wait(lock,
                  [this] { return tasks_.size() < queued_connections_max; });
    tasks_.push_back(std::move(task));
    changed_.notify_all();
  }

  void shutdown() override {
    {
      auto lock = std::lock_guard{mutex_};
      is_over_ = true;
    }
    changed_.notify_all();
    for (auto& each : threads_)
      each.join();
  }

private:
  void work() {
    for (;;) {
      auto task = std::function<void()>{};
      {
        auto lock = std::unique_lock{mutex_};
        changed_.wait(lock, [this] { return is_over_ || !tasks_.empty(); });
        // What is queued is still answered: each task owns a socket.
        if (tasks_.empty())
          return;
        task = std::move(tasks_.front());
        tasks_.pop_front();
      }
      changed_.notify_all();
      task();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> tasks_;
  std::vector<std::thread> threads_;
  bool is_over_ = false;
};

std::string_view name(health how) noexcept {
  switch (how) {
    case health::starting:
      return "starting";
    case health::ok:
      return "ok";
    case health::shutting_down:
      return "shutting_down";
  }
  return "";
}

void set_json(httplib::Response& to, const nlohmann::json& what) {
  to.set_content(what.dump() + "\n", "application/json");
}

/// Why nobody can listen there: the library does not tell.
std::string reason_against(const configs::endpoint& where) {
  auto io = asio::io_context{};
  auto error = asio::error_code{};
  const auto found = asio::ip::tcp::resolver{io}.resolve(
    where.host, std::to_string(where.port), asio::ip::tcp::resolver::passive,
    error);
  for (const auto& each : found) {
    auto trial = asio::ip::tcp::acceptor{io};
    trial.open(each.endpoint().protocol(), error);
    if (!error)
      trial.set_option(asio::socket_base::reuse_address{true}, error);
    if (!error)
      trial.bind(each.endpoint(), error);
    if (!error)
      trial.listen(1, error);
  }
  return error ? error.message() : "no reason given";
}

} // namespace

struct http_server::impl {
  explicit impl(http_parts with)
    : parts{std::move(with)} {
    // nop
  }

  void configure();
  void show_health(httplib::Response& to) const;
  void show_metrics(httplib::Response& to) const;

  /// Ends it. False: a request holds it up, and `parts` are not touched any
  /// more.
  bool end();

  http_parts parts;
  httplib::Server server;
  std::thread thread;
  std::atomic<bool> is_closing{false};
  std::atomic<bool> is_over{false}; ///< Its loop ended.
  std::uint16_t port = 0;
};

void http_server::impl::show_health(httplib::Response& to) const {
  const auto how = parts.health ? parts.health() : health::ok;
  to.status = how == health::ok ? 200 : 503;
  set_json(to, {{"status", name(how)},
                {"version", parts.version},
                {"clients", parts.quotas.node_clients()},
                {"servers", parts.quotas.node_servers()}});
}

void http_server::impl::show_metrics(httplib::Response& to) const {
  const auto seen = collect_blocking(parts.shards, false, snapshot_time_max);
  const auto catalog = parts.catalog.load();
  to.set_content(
    metrics_text({seen, parts.counters, parts.reloads, parts.quotas, *catalog,
                  parts.version, parts.io_uring_refused,
                  parts.io_submit_refused}),
    "text/plain; version=0.0.4; charset=utf-8");
}

void http_server::impl::configure() {
  server.new_task_queue = [] { return new bounded_queue; };
  server.set_payload_max_length(payload_bytes_max);
  server.set_read_timeout(io_time_max);
  server.set_write_timeout(io_time_max);
  server.set_keep_alive_max_count(requests_per_connection_max);
  server.set_keep_alive_timeout(keep_alive_seconds);
  server.set_tcp_nodelay(true);
  // No SO_REUSEPORT, the library's default: two processes on one port would
  // share its requests.
  server.set_socket_options([](socket_t fd) {
    const int yes = 1;
    ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  });
  server.Get("/health", [this](const auto&, auto& to) {
    is_closing ? void(to.status = 503) : show_health(to);
  });
  server.Get("/metrics", [this](const auto&, auto& to) {
    is_closing ? void(to.status = 503) : show_metrics(to);
  });
  server.set_error_handler([](const httplib::Request&, httplib::Response& to) {
    if (to.body.empty())
      set_json(to, {{"error", to.status == 404 ? "not found" : "bad request"},
                    {"status", to.status}});
  });
  server.set_exception_handler([](const httplib::Request&,
                                  httplib::Response& to,
                                  std::exception_ptr) { to.status = 500; });
}

bool http_server::impl::end() {
  // `stop` does nothing before the loop has begun.
  while (!server.is_running() && !is_over)
    std::this_thread::yield();
  is_closing = true;
  server.stop();
  const auto until = clock::now() + parts.end_time_max;
  while (!is_over && clock::now() < until)
    std::this_thread::sleep_for(milliseconds{1});
  return is_over;
}

http_server::http_server(std::shared_ptr<impl> made) noexcept
  : impl_{std::move(made)} {
  // nop
}

result<std::unique_ptr<http_server>>
http_server::start(const configs::endpoint& where, http_parts parts) {
  auto made = std::make_shared<impl>(std::move(parts));
  made->configure();
  const auto bound
    = where.port == 0
      ? made->server.bind_to_any_port(where.host)
      : (made->server.bind_to_port(where.host, where.port) ? where.port : -1);
  if (bound <= 0)
    return failure{ec::os_error, "admin.http " + where.host + " port "
                                   + std::to_string(where.port) + ": "
                                   + reason_against(where)};
  made->port = static_cast<std::uint16_t>(bound);
  made->thread = std::thread{[here = made] {
    if (!here->server.listen_after_bind())
      log::error("HTTP server ended");
    here->is_over = true;
  }};
  log::info("serving HTTP",
            {log::kv("address", where.host), log::kv("port", made->port)});
  return std::unique_ptr<http_server>{new http_server{std::move(made)}};
}

http_server::~http_server() {
  if (impl_->end()) {
    impl_->thread.join();
  } else {
    log::warn("an HTTP request did not end in time");
    impl_->thread.detach();
  }
}

std::uint16_t http_server::port() const noexcept {
  return impl_->port;
}

} // namespace cenote::app
