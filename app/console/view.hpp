#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "actors/admin_types.hpp"
#include "app/console/collector.hpp"
#include "app/console/stats.hpp"
#include "configs/config.hpp"
#include "proxy/snapshot.hpp"
#include "tenants/catalog.hpp"
#include "tenants/pool_spec.hpp"

/// What there is to show, gathered before it is written. Pure.
namespace cenote::app {

/// A pool: its lanes taken together.
struct pool_view {
  tenants::pool_settings settings;
  proxy::lane_numbers numbers;
  std::uint32_t servers_active_cancel = 0;
  std::uint32_t servers_being_canceled = 0;
  std::uint32_t servers_login = 0; ///< Logins under way.
  std::uint64_t maxwait_us = 0;
  std::uint32_t channels = 0; ///< Of all lanes' listening servers.
  bool paused = false;        ///< All its lanes.
  traffic sums;

  [[nodiscard]] std::uint32_t clients_active() const noexcept;
  [[nodiscard]] std::uint32_t servers_tested() const noexcept;

  /// Open ones, whatever they do.
  [[nodiscard]] std::uint32_t servers() const noexcept;
};

/// Sorted by database, user, tenant, mode; replication behind the others.
struct pool_order {
  bool operator()(const tenants::pool_key& lhs,
                  const tenants::pool_key& rhs) const noexcept;
};

using pool_views = std::map<tenants::pool_key, pool_view, pool_order>;

/// `known`: what ADMIN knows of the pools, for the logins under way.
[[nodiscard]] pool_views merge(const collected& from,
                               const std::vector<actors::admin_pool_row>& known
                               = {});

/// All that a SHOW may need.
struct view {
  collected links;
  pool_views pools;
  tenants::catalog_ptr catalog; ///< Never null.
  std::shared_ptr<const configs::config> config;
  stats_sums totals;
  stats_sums averages;
  std::uint64_t clients = 0; ///< On the node.
  std::uint64_t servers = 0;
  std::uint64_t logins = 0; ///< Clients logging in.
  std::string version;
  /// What PAUSE and KILL hold back, as targets of `actors::admin_command`; none
  /// if ADMIN did not say.
  std::optional<std::vector<std::string>> paused;

  /// All there is, and will be.
  [[nodiscard]] bool is_paused() const;
  [[nodiscard]] bool is_paused(std::string_view tenant,
                               std::string_view database) const;
};

} // namespace cenote::app
