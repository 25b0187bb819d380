#pragma once

#include <cstdint>
#include <functional>
#include <map>
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

  /// Looks at the files every second and reloads when one of them changed. Edge
  /// coroutine; ends with its io_context.
  asio::awaitable<void> watch();

  /// The configuration in force. Any thread.
  [[nodiscard]] config_ptr current() const;

  [[nodiscard]] const reload_counters& counters() const noexcept {
    return counters_;
  }

private:
  /// What tells one state of a file from another.
  struct file_mark {
    std::int64_t modified_ns = 0;
    std::int64_t size = -1;
    std::uint64_t inode = 0;

    friend bool operator==(const file_mark&, const file_mark&) = default;
  };
  using marks = std::map<std::string, file_mark>;

  result<void> reload_now();
  result<void> try_reload();
  [[nodiscard]] marks look() const;

  std::string file_;
  std::function<result<void>(const configs::config&, const configs::config&)>
    publish_;
  mutable std::mutex mutex_; ///< Of `current_`.
  config_ptr current_;
  std::uint64_t version_ = 1;
  reload_counters counters_;
  asio::thread_pool thread_{1};
};

} // namespace cenote::app
