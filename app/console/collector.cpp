#include "app/console/collector.hpp"

#include <cstdint>
#include <memory>
#include <unordered_set>
#include <utility>

#include <asio/any_io_executor.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <asio/this_coro.hpp>

#include "proxy/edge/coroutine.hpp"

namespace cenote::app {

namespace {

/// Wakes a coroutine from other threads. Shards keep a weak pointer, so that an
/// answer nobody waits for any more holds nothing of an io_context.
struct waker {
  explicit waker(const asio::any_io_executor& on)
    : timer{on} {
    // nop
  }

  asio::steady_timer timer;
};

void wake(const std::weak_ptr<waker>& who) {
  auto here = who.lock();
  if (!here)
    return;
  auto on = here->timer.get_executor();
  asio::post(on, [here = std::move(here)] { here->timer.cancel(); });
}

/// Shards show themselves at different moments: a server that moved in between
/// may be with both.
void drop_repeated_servers(std::vector<proxy::shard_snapshot>& shards) {
  auto seen = std::unordered_set<std::uint64_t>{};
  for (auto& shard : shards)
    std::erase_if(shard.servers, [&seen](const proxy::server_row& row) {
      return !seen.insert(row.id.value()).second;
    });
}

} // namespace

collector::collector(std::size_t shard_count, std::function<void()> complete)
  : complete_{std::move(complete)} {
  parts_.missing = shard_count;
}

void collector::arrived(proxy::shard_snapshot part) noexcept {
  auto call = std::function<void()>{};
  {
    auto lock = std::lock_guard{mutex_};
    if (is_over_ || parts_.missing == 0)
      return;
    parts_.shards.push_back(std::move(part));
    if (--parts_.missing == 0)
      call = std::move(complete_);
  }
  arrived_.notify_all();
  if (call)
    call();
}

bool collector::is_complete() const {
  auto lock = std::lock_guard{mutex_};
  return parts_.missing == 0;
}

void collector::wait(std::chrono::milliseconds time_max) {
  auto lock = std::unique_lock{mutex_};
  arrived_.wait_for(lock, time_max, [this] { return parts_.missing == 0; });
}

collected collector::take() {
  auto out = collected{};
  {
    auto lock = std::lock_guard{mutex_};
    is_over_ = true;
    out = std::move(parts_);
  }
  drop_repeated_servers(out.shards);
  return out;
}

asio::awaitable<collected> collect(proxy::data_plane& from, bool with_links,
                                   std::chrono::milliseconds time_max) {
  auto on = co_await asio::this_coro::executor;
  auto here = std::make_shared<waker>(on);
  auto box = std::make_shared<collector>(
    from.shard_count(), [who = std::weak_ptr<waker>{here}] { wake(who); });
  here->timer.expires_after(time_max);
  from.snapshot(box, with_links);
  // Once is enough: the only wake-ups are the last shard and the deadline, and
  // a shard's can only run while this waits.
  if (!box->is_complete())
    co_await here->timer.async_wait(proxy::edge::no_throw);
  co_return box->take();
}

collected collect_blocking(proxy::data_plane& from, bool with_links,
                           std::chrono::milliseconds time_max) {
  auto box = std::make_shared<collector>(from.shard_count());
  from.snapshot(box, with_links);
  box->wait(time_max);
  return box->take();
}

} // namespace cenote::app
