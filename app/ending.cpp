#include "app/ending.hpp"

#include <poll.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <system_error>
#include <thread>

#include <asio/steady_timer.hpp>
#include <asio/this_coro.hpp>

#include "app/console/collector.hpp"
#include "base/log.hpp"
#include "proxy/edge/coroutine.hpp"

namespace cenote::app {

namespace {

constexpr auto tell_again_after = std::chrono::seconds{5};
constexpr auto snapshot_time_max = std::chrono::seconds{1};

/// How long whoever reads the log may take for its last lines.
constexpr auto log_time_max = std::chrono::seconds{10};

/// Lines of one look. A node may have thousands of pools.
constexpr std::size_t lines_max = 20;

void tell(const proxy::lane_row& of) {
  log::info("still draining",
            {log::kv("pool", tenants::to_string(of.pool)),
             log::kv("shard", of.where.shard),
             log::kv("clients", of.numbers.clients),
             log::kv("clients_with_server", of.clients_active),
             log::kv("servers_lent", of.numbers.servers_lent),
             log::kv("servers_cleaning", of.numbers.servers_cleaning),
             log::kv("servers_being_canceled", of.servers_being_canceled)});
}

void tell(const collected& seen) {
  std::size_t lines = 0;
  for (const auto& shard : seen.shards)
    for (const auto& lane : shard.lanes)
      if (++lines <= lines_max)
        tell(lane);
  if (lines > lines_max)
    log::info("still draining others", {log::kv("pools", lines - lines_max)});
  if (lines == 0 || seen.missing > 0)
    log::info("still draining", {log::kv("pools", lines),
                                 log::kv("shards_silent", seen.missing)});
}

/// Not by the log: its writer may be what is waited for, and this may run
/// behind the destructors of everything.
[[noreturn]] void end_with(const char* step, int status) {
  const auto line
    = std::string{"ERROR the end took too long step=\""} + step + "\"\n";
  auto room = pollfd{STDERR_FILENO, POLLOUT, 0};
  if (::poll(&room, 1, 0) == 1 && (room.revents & POLLOUT) != 0) {
    [[maybe_unused]] auto count
      = ::write(STDERR_FILENO, line.data(), line.size());
  }
  std::_Exit(status);
}

} // namespace

asio::awaitable<void> tell_what_drains(proxy::data_plane& shards) {
  auto timer = asio::steady_timer{co_await asio::this_coro::executor};
  for (;;) {
    timer.expires_after(tell_again_after);
    const auto [failed] = co_await timer.async_wait(proxy::edge::no_throw);
    if (failed)
      co_return;
    const auto seen = co_await collect(shards, false, snapshot_time_max);
    tell(seen);
  }
}

end_watch::end_watch(std::chrono::seconds time_max)
  : state_{std::make_shared<state>()} {
  state_->seconds_left = static_cast<int>(time_max.count());
  // In small steps: of a machine that was asleep, or a process that was
  // stopped, only one of them is lost.
  const auto watch = [here = state_] {
    while (here->seconds_left-- > 0)
      std::this_thread::sleep_for(std::chrono::seconds{1});
    end_with(here->step, here->status);
  };
  try {
    std::thread{watch}.detach();
  } catch (const std::system_error&) {
    // No thread to be had: then without.
  }
}

void end_watch::enter(const char* step) noexcept {
  state_->step = step;
}

void end_watch::all_done() noexcept {
  enter("log");
  state_->status = 0;
  state_->seconds_left = static_cast<int>(log_time_max.count());
}

} // namespace cenote::app
