#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "base/error.hpp"

namespace cenote::proxy::edge {

/// A sum since the start, per reason. Any thread.
class failure_counts {
public:
  void add(ec code) noexcept {
    sums_[static_cast<std::uint8_t>(code)].fetch_add(1,
                                                     std::memory_order_relaxed);
  }

  /// Walk `code` over 0..255 and skip what is zero; `name(code)` is the label.
  [[nodiscard]] std::uint64_t of(ec code) const noexcept {
    return sums_[static_cast<std::uint8_t>(code)].load(
      std::memory_order_relaxed);
  }

private:
  std::array<std::atomic<std::uint64_t>, 256> sums_{};
};

/// What the edge did, for metrics. Any thread; sums since the start unless said
/// otherwise.
struct edge_counters {
  std::atomic<std::uint64_t> logins_started{0};
  std::atomic<std::uint64_t> logins_succeeded{0};
  failure_counts logins_failed;
  std::atomic<std::uint64_t> logins_in_progress{0}; ///< Now.
  std::atomic<std::uint64_t> console_logins{0};
  std::atomic<std::uint64_t> cancels_received{0};
  std::atomic<std::uint64_t> cancels_dropped{0}; ///< Too many under way.
  std::atomic<std::uint64_t> cancels_delivered{0};
  std::atomic<std::uint64_t> cancels_failed{0};
  std::atomic<std::uint64_t> cancels_in_flight{0}; ///< Now.
  std::atomic<std::uint64_t> servers_opened{0};
  failure_counts servers_failed;
};

} // namespace cenote::proxy::edge
