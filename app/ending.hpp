#pragma once

#include <atomic>
#include <chrono>
#include <memory>

#include <asio/awaitable.hpp>

#include "proxy/data_plane.hpp"

namespace cenote::app {

/// What a drain waits for: a line for each pool that has something left, every
/// few seconds. Edge coroutine; ends with its io_context.
asio::awaitable<void> tell_what_drains(proxy::data_plane& shards);

/// The last limit of the process's end. What is waited for there belongs to
/// threads that others may hold up: a disk, a name server, whoever reads the
/// log. Main thread.
class end_watch {
public:
  /// From now on the process lives for `time_max` at most; then it ends with
  /// status 1 and a line that names the step.
  explicit end_watch(std::chrono::seconds time_max);

  /// What is waited for next. A literal.
  void enter(const char* step) noexcept;

  /// Nothing is lost any more: for what `main` and the library's destructors
  /// still wait for, the log's writer, there are some seconds more, and then
  /// the status is 0.
  void all_done() noexcept;

private:
  struct state {
    std::atomic<const char*> step{"begin"};
    std::atomic<int> seconds_left{0};
    std::atomic<int> status{1};
  };

  std::shared_ptr<state> state_; ///< Shared with the thread that watches.
};

} // namespace cenote::app
