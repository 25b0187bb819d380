#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <asio/this_coro.hpp>
#include <asio/thread_pool.hpp>

#include "app/console/console.hpp"
#include "proxy/edge/coroutine.hpp"
#include "tests/support/quiet_data_plane.hpp"

namespace cenote::test {

/// Shows what a test put in; answers on a thread of its own, as shards do.
class fake_shards final : public quiet_data_plane {
public:
  ~fake_shards() override {
    threads_.join();
  }

  std::vector<proxy::shard_snapshot> shown{2};
  std::size_t silent = 0; ///< That many of them never answer.
  std::vector<std::uint64_t> ended;

  /// What the next but first snapshot shows; each is used once.
  std::vector<std::vector<proxy::shard_snapshot>> later;

  std::size_t shard_count() const noexcept override {
    return shown.size();
  }

  void snapshot(std::shared_ptr<proxy::snapshot_sink> to,
                bool with_links) override {
    for (std::size_t i = silent; i < shown.size(); ++i) {
      auto part = shown[i];
      if (!with_links) {
        part.clients.clear();
        part.servers.clear();
      }
      asio::post(threads_, [to, part = std::move(part)]() mutable {
        to->arrived(std::move(part));
      });
    }
    if (!later.empty()) {
      shown = std::move(later.front());
      later.erase(later.begin());
    }
  }

  void end_client(client_id who, ec) override {
    ended.push_back(who.value());
  }

private:
  asio::thread_pool threads_{2};
};

/// Answers as it is told, or never. Used on the edge's thread; a test looks
/// when that one waits for it.
class fake_admin final : public app::admin_port {
public:
  asio::awaitable<actors::admin_reply>
  run(actors::admin_command command) override {
    if (command.verb == actors::admin_verb::show_paused)
      co_return what_is_paused();
    const bool is_look = command.verb == actors::admin_verb::show_pools;
    if (!is_look) {
      auto lock = std::lock_guard{mutex_};
      commands_.push_back(std::string{actors::name(command.verb)} + " ["
                          + command.target + "]" + wait_of(command));
    }
    if (hangs) {
      auto timer = asio::steady_timer{co_await asio::this_coro::executor,
                                      asio::steady_timer::time_point::max()};
      co_await timer.async_wait(proxy::edge::no_throw);
    }
    auto out = actors::admin_reply{};
    if (!is_look)
      out = reply;
    co_return out;
  }

  [[nodiscard]] std::vector<std::string> commands() const {
    auto lock = std::lock_guard{mutex_};
    return commands_;
  }

  void set_paused(std::vector<std::string> targets) {
    auto lock = std::lock_guard{mutex_};
    paused_ = std::move(targets);
  }

  actors::admin_reply reply;
  std::atomic<bool> hangs{false};

private:
  static std::string wait_of(const actors::admin_command& command) {
    if (command.wait == actors::end_wait::nothing)
      return {};
    return command.wait == actors::end_wait::servers ? " servers" : " clients";
  }

  actors::admin_reply what_is_paused() const {
    auto lock = std::lock_guard{mutex_};
    auto out = actors::admin_reply{};
    out.paused = paused_;
    return out;
  }

  mutable std::mutex mutex_;
  std::vector<std::string> commands_;
  std::vector<std::string> paused_;
};

} // namespace cenote::test
