#include "app/console/console.hpp"

#include <exception>
#include <utility>

#include <asio/steady_timer.hpp>
#include <asio/this_coro.hpp>

#include "app/console/collector.hpp"
#include "app/console/session.hpp"
#include "base/limits.hpp"
#include "base/log.hpp"
#include "protocol/messages.hpp"
#include "proxy/edge/coroutine.hpp"

namespace cenote::app {

namespace {

/// Operators and exporters; one that loses its connections and comes again must
/// not fill the node.
constexpr std::size_t session_count_max = 100;

/// Counts a session for as long as it lasts.
class seat {
public:
  explicit seat(std::atomic<std::size_t>& count) noexcept
    : count_{count},
      number_{++count} {
    // nop
  }

  seat(const seat&) = delete;
  seat& operator=(const seat&) = delete;

  ~seat() {
    --count_;
  }

  [[nodiscard]] bool is_free() const noexcept {
    return number_ <= session_count_max;
  }

private:
  std::atomic<std::size_t>& count_;
  std::size_t number_;
};

} // namespace

console::console(console_parts parts)
  : state_{std::make_shared<console_state>(std::move(parts))} {
  // nop
}

console::~console() = default;

void console::watch(const proxy::edge::edge_counters* counters) noexcept {
  state_->counters = counters;
}

asio::awaitable<void> console::serve(net::edge_stream stream, std::string user,
                                     bool may_change) {
  auto home = state_;
  auto taken = seat{home->session_count};
  if (!taken.is_free()) {
    auto bytes = protocol::error_message(ec::too_many_clients);
    auto sent = co_await stream.write(std::move(bytes));
    if (sent)
      co_await stream.close_gently(limits::refusal_time_max);
    co_return;
  }
  log::info("console login", {log::kv("user", user),
                              log::kv("role", may_change ? "admin" : "stats")});
  auto one = session{*home, std::move(stream), std::move(user), may_change};
  // Nobody else hears of what is thrown here; one session ends and no more.
  try {
    co_await one.run();
  } catch (const std::exception& error) {
    log::warn("console session failed", {log::kv("detail", error.what())});
  }
}

bool console::cancel(const proxy::cancel_key& key) {
  auto* found = state_->keys.find(key);
  if (found == nullptr)
    return false;
  static_cast<interruption*>(found)->come();
  return true;
}

asio::awaitable<void> console::sample_forever() {
  auto on = co_await asio::this_coro::executor;
  auto home = state_;
  auto& parts = home->parts;
  auto timer = asio::steady_timer{on, parts.stats_period};
  for (;;) {
    const auto [error] = co_await timer.async_wait(proxy::edge::no_throw);
    if (error)
      co_return;
    timer.expires_at(timer.expiry() + parts.stats_period);
    auto seen = co_await collect(parts.shards, false, parts.snapshot_time_max);
    if (seen.missing == 0)
      home->history.add(sum_up(seen), clock::now());
  }
}

} // namespace cenote::app
