#pragma once

#include <atomic>
#include <cstdint>

#include "proxy/edge/counters.hpp"

namespace cenote::app {

/// What came of reloads since the start, for metrics. Any thread.
struct reload_counters {
  std::atomic<std::uint64_t> succeeded{0};
  proxy::edge::failure_counts failed;
};

} // namespace cenote::app
