#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <vector>

#include <asio/awaitable.hpp>

#include "proxy/data_plane.hpp"
#include "proxy/snapshot.hpp"

namespace cenote::app {

/// What the shards showed of themselves; all of them unless `missing`.
struct collected {
  // A constructor keeps g++ 12 from destroying a temporary of this type twice.
  collected() {
    // nop
  }

  std::vector<proxy::shard_snapshot> shards;
  std::size_t missing = 0; ///< Shards that did not answer in time.
};

/// Gathers one snapshot per shard. Any thread.
class collector final : public proxy::snapshot_sink {
public:
  /// `complete` is called once, on the thread of the last shard; never when
  /// there are no shards.
  explicit collector(std::size_t shard_count,
                     std::function<void()> complete = {});

  void arrived(proxy::shard_snapshot part) noexcept override;

  [[nodiscard]] bool is_complete() const;

  /// Blocks until all have arrived, or for `time_max`.
  void wait(std::chrono::milliseconds time_max);

  /// What has arrived so far, each server once; late ones are dropped from now
  /// on.
  [[nodiscard]] collected take();

private:
  mutable std::mutex mutex_;
  std::condition_variable arrived_;
  std::function<void()> complete_;
  collected parts_;
  bool is_over_ = false;
};

/// Asks all shards, waits at most `time_max`. Coroutine of any io_context.
asio::awaitable<collected> collect(proxy::data_plane& from, bool with_links,
                                   std::chrono::milliseconds time_max);

/// The same for a thread of its own.
[[nodiscard]] collected collect_blocking(proxy::data_plane& from,
                                         bool with_links,
                                         std::chrono::milliseconds time_max);

} // namespace cenote::app
