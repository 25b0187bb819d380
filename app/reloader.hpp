#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <asio/thread_pool.hpp>

#include "app/reload_counters.hpp"
#include "base/result.hpp"
#include "configs/config.hpp"
#include "configs/load.hpp"

namespace cenote::app {

/// Reads the configuration again, on SIGHUP, RELOAD and when a file of it
/// changes. A broken file changes nothing; what is wrong with it is logged line
/// by line.
class reloader {
public:
  using config_ptr = std::shared_ptr<const configs::config>;

  /// `publish` puts a good configuration in force; it runs on the reloader's
  /// own thread and may block. What it fails with fails the reload.
  reloader(std::string file, config_ptr first,
           std::function<result<void>(const configs::config& before,
                                      const configs::config& next)>
             publish);

  /// Waits for a reload under way; those behind it are forgotten.
  ~reloader();

  /// Reloads, then calls `done` once, on the reloader's thread, unless the
  /// reloader ends first. Any thread, does not wait.
  void reload(std::function<void(result<void>)> done);

  /// Looks every second at the files that the last load looked at, in vain or
  /// not, and reloads when one of them changed. Edge coroutine; ends with its
  /// io_context.
  asio::awaitable<void> watch();

  /// The configuration in force: the last good one, less what waits for a
  /// restart. Any thread.
  [[nodiscard]] config_ptr current() const;

  [[nodiscard]] const reload_counters& counters() const noexcept {
    return counters_;
  }

private:
  result<void> reload_now();
  result<void> try_reload();
  void remember(const configs::loaded& what);
  [[nodiscard]] configs::file_stamps seen() const;

  std::string file_;
  std::function<result<void>(const configs::config&, const configs::config&)>
    publish_;
  mutable std::mutex mutex_; ///< Of `current_` and `seen_`.
  config_ptr current_;
  configs::file_stamps seen_; ///< By the last load, whatever came of it.
  std::uint64_t version_ = 1;
  reload_counters counters_;
  asio::thread_pool thread_{1};
};

} // namespace cenote::app
