#pragma once

#include <string>
#include <string_view>

#include "app/console/collector.hpp"
#include "app/reload_counters.hpp"
#include "proxy/edge/counters.hpp"
#include "proxy/edge/quota_book.hpp"
#include "tenants/catalog.hpp"

namespace cenote::app {

/// What /metrics is made of.
struct metrics_source {
  const collected& shards;
  const proxy::edge::edge_counters* counters = nullptr; ///< May be null.
  const reload_counters* reloads = nullptr;             ///< Likewise.
  const proxy::edge::quota_book& quotas;
  const tenants::catalog& catalog;
  std::string_view version;
  bool io_uring_refused = false;  ///< Asked for, but epoll it is.
  bool io_submit_refused = false; ///< epoll sends one by one.
};

/// Prometheus' text format. Any thread.
[[nodiscard]] std::string metrics_text(const metrics_source& from);

} // namespace cenote::app
