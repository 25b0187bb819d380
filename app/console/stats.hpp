#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "app/console/collector.hpp"
#include "base/clock.hpp"
#include "proxy/snapshot.hpp"

namespace cenote::app {

using proxy::traffic;

/// The members of `traffic` in the order of PgBouncer's columns.
inline constexpr auto traffic_fields = std::array{
  &traffic::server_assignments,
  &traffic::transactions,
  &traffic::queries,
  &traffic::bytes_received,
  &traffic::bytes_sent,
  &traffic::transaction_time_us,
  &traffic::query_time_us,
  &traffic::wait_time_us,
  &traffic::client_parses,
  &traffic::server_parses,
  &traffic::binds,
  &traffic::logins,
};

/// Database, tenant: the rows of SHOW STATS, in their order.
using stats_key = std::pair<std::string, std::string>;
using stats_sums = std::map<stats_key, traffic>;

/// Of the pools there are and of those that were.
[[nodiscard]] stats_sums sum_up(const collected& from);

/// What happened between two samples, as PgBouncer's avg_ columns say it:
/// counts and bytes per second; microseconds per transaction, per query, and
/// (waiting) per assigned server. A sum that went back (not every shard had
/// answered) counts from zero.
[[nodiscard]] traffic average(const traffic& now, const traffic& before,
                              duration between);

/// Two samples, one to two periods back: what averages are taken against. Any
/// thread.
class stats_history {
public:
  explicit stats_history(time_point start) noexcept;

  /// Once a period.
  void add(stats_sums sample, time_point now);

  /// The averages of what is in `now_sums`.
  [[nodiscard]] stats_sums averages(const stats_sums& now_sums,
                                    time_point now) const;

private:
  struct sample {
    stats_sums sums;
    time_point taken;
  };

  mutable std::mutex mutex_;
  sample older_;
  sample newer_;
};

} // namespace cenote::app
