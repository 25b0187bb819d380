#include "app/reloader.hpp"

#include <chrono>
#include <utility>

#include <asio/experimental/as_tuple.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>

#include "app/settings.hpp"
#include "base/log.hpp"
#include "configs/load.hpp"

namespace cenote::app {

namespace {

constexpr auto look_every = std::chrono::seconds{1};

} // namespace

reloader::reloader(
  std::string file, config_ptr first,
  std::function<result<void>(const configs::config&, const configs::config&)>
    publish)
  : file_{std::move(file)},
    publish_{std::move(publish)},
    current_{std::move(first)},
    seen_{current_->files} {
  // nop
}

reloader::~reloader() {
  thread_.stop(); // What has not begun would be for nobody.
  thread_.join();
}

reloader::config_ptr reloader::current() const {
  auto lock = std::lock_guard{mutex_};
  return current_;
}

void reloader::reload(std::function<void(result<void>)> done) {
  asio::post(thread_, [this, done = std::move(done)] { done(reload_now()); });
}

result<void> reloader::reload_now() {
  auto how = try_reload();
  if (how)
    ++counters_.succeeded;
  else
    counters_.failed.add(how.error().code);
  return how;
}

result<void> reloader::try_reload() {
  auto loaded = configs::load_file(file_, load_options_of(version_ + 1));
  remember(loaded);
  for (auto& warning : loaded.warnings)
    log::warn("configuration", {log::kv("at", to_string(warning))});
  if (!loaded) {
    for (auto& error : loaded.errors)
      log::error("configuration", {log::kv("at", to_string(error))});
    auto why
      = loaded.errors.empty()
        ? failure{ec::config_unreadable, file_}
        : failure{loaded.errors.front().code, to_string(loaded.errors.front())};
    log::error("reload failed, the running configuration stays",
               {log::kv("code", why.code), log::kv("file", file_)});
    return why;
  }
  auto before = current();
  for (auto key : configs::needs_restart(*before, *loaded.config))
    log::warn("this setting takes effect after a restart",
              {log::kv("key", key)});
  configs::keep_until_restart(*before, *loaded.config);
  auto next
    = std::make_shared<const configs::config>(std::move(*loaded.config));
  if (auto outcome = publish_(*before, *next); !outcome) {
    log::error("reload failed, the running configuration stays",
               {log::kv("code", outcome.error().code),
                log::kv("detail", outcome.error().detail)});
    return outcome;
  }
  ++version_;
  {
    auto lock = std::lock_guard{mutex_};
    current_ = next;
  }
  log::info("configuration reloaded", {log::kv("file", file_)});
  return {};
}

void reloader::remember(const configs::loaded& what) {
  auto files = what.files;
  auto lock = std::lock_guard{mutex_};
  // A broken file may not say what else it needs.
  if (!what)
    files.merge(seen_);
  seen_ = std::move(files);
}

configs::file_stamps reloader::seen() const {
  auto lock = std::lock_guard{mutex_};
  return seen_;
}

asio::awaitable<void> reloader::watch() {
  auto timer = asio::steady_timer{co_await asio::this_coro::executor};
  configs::file_stamps unsettled;
  configs::file_stamps asked_for;
  for (;;) {
    timer.expires_after(look_every);
    auto [failed] = co_await timer.async_wait(
      asio::experimental::as_tuple(asio::use_awaitable));
    if (failed)
      co_return;
    const auto before = seen();
    auto now = before;
    for (auto& [path, stamp] : now)
      stamp = configs::stamp_of(path);
    // Two looks alike: whoever writes the files has finished.
    if (now != before && now == unsettled && now != asked_for) {
      asked_for = now;
      log::info("a configuration file changed", {log::kv("file", file_)});
      reload([](result<void>) {
        // What went wrong is in the log.
      });
    }
    unsettled = std::move(now);
  }
}

} // namespace cenote::app
