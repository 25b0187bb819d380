#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>

#include "base/clock.hpp"

namespace cenote::proxy {

/// What the lanes of one pool tell each other without a message: numbers, each
/// written by few and read by all (docs/lanes.md). A pool with one lane leaves
/// it closed and never looks at it. Any thread, no lock.
///
/// A lane that publishes a waiter looks for idle servers afterwards, one that
/// publishes an idle server looks for waiters afterwards; all that is in one
/// order, so that one of the two sees the other.
class lane_board {
public:
  /// Of one lane. `servers` and `incoming` are raised by whoever sends it one.
  struct alignas(64) place {
    std::uint32_t shard = 0;
    std::atomic<duration::rep> oldest_since{nobody};
    std::atomic<std::uint32_t> waiting{0}; ///< 0 while it must not lend.
    std::atomic<std::uint32_t> idle{0};
    std::atomic<std::uint32_t> servers{0};     ///< On their way to it included.
    std::atomic<std::uint32_t> incoming{0};    ///< On their way to it.
    std::atomic<std::uint32_t> wanted{0};      ///< As it said `starving`.
    std::atomic<std::uint32_t> clients{0};     ///< On their way to it included.
    std::atomic<std::uint64_t> quiet_since{0}; ///< Number of the pause.
    std::atomic<bool> drained{false};

    /// How many it lends to nobody yet for whom no server is on its way.
    [[nodiscard]] std::uint32_t unserved() const noexcept {
      const auto all = waiting.load();
      const auto coming = incoming.load();
      return all > coming ? all - coming : 0;
    }
  };

  /// Before the first lane is made; `count` lanes, the first on `first_shard`,
  /// each of the others on the next one.
  void open(std::uint32_t count, std::uint32_t first_shard,
            std::uint32_t shard_count);

  /// 1 if it was never opened.
  [[nodiscard]] std::uint32_t count() const noexcept {
    return count_;
  }

  [[nodiscard]] bool is_shared() const noexcept {
    return count_ > 1;
  }

  [[nodiscard]] place& at(std::uint32_t index) noexcept {
    return places_[index];
  }

  /// The place of the lane on this shard; none if there is none.
  [[nodiscard]] std::optional<std::uint32_t>
  on_shard(std::uint32_t shard) const noexcept;

  // -- of all lanes -----------------------------------------------------------

  [[nodiscard]] std::uint32_t servers() const noexcept;
  [[nodiscard]] std::uint32_t servers_but(std::uint32_t index) const noexcept;
  [[nodiscard]] std::uint32_t wanted() const noexcept;

  /// The lane with the fewest clients.
  [[nodiscard]] std::uint32_t emptiest() const noexcept;

  /// The lane whose waiters lack most servers, or that has the fewest.
  [[nodiscard]] std::uint32_t neediest() const noexcept;

  /// Whose oldest waiter waits the longest, of those with waiters that no
  /// server is on its way to.
  struct need {
    std::uint32_t index = 0;
    time_point since = never;
  };
  [[nodiscard]] need oldest_but(std::uint32_t index) const noexcept;

  /// No lane lends since the pause of this number.
  [[nodiscard]] bool is_quiet_since(std::uint64_t pause) const noexcept;

  [[nodiscard]] bool is_drained() const noexcept;

  std::atomic<std::uint32_t> waiting{0}; ///< Clients in all queues.
  std::atomic<std::uint32_t> pinned{0};
  std::atomic<std::uint64_t> editions{0};    ///< Of statements; the last one.
  std::atomic<std::uint64_t> definitions{0}; ///< Times they changed.
  std::atomic<std::uint32_t> cut_short{0};

private:
  static constexpr auto nobody = std::numeric_limits<duration::rep>::max();

  std::unique_ptr<place[]> places_;
  std::uint32_t count_ = 1;
};

} // namespace cenote::proxy
