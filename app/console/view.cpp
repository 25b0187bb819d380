#include "app/console/view.hpp"

#include <algorithm>
#include <tuple>

namespace cenote::app {

namespace {

void add(pool_view& to, const proxy::lane_row& lane) {
  to.numbers += lane.numbers;
  to.servers_active_cancel += lane.servers_active_cancel;
  to.servers_being_canceled += lane.servers_being_canceled;
  to.channels += lane.channels;
  to.maxwait_us = std::max(to.maxwait_us, lane.maxwait_us);
  to.sums += lane.sums;
}

} // namespace

std::uint32_t pool_view::clients_active() const noexcept {
  return numbers.clients - std::min(numbers.clients, numbers.waiting);
}

std::uint32_t pool_view::servers_tested() const noexcept {
  return numbers.servers_cleaning
       - std::min(numbers.servers_cleaning, servers_being_canceled);
}

std::uint32_t pool_view::servers() const noexcept {
  return numbers.servers_idle + numbers.servers_lent + numbers.servers_cleaning;
}

bool pool_order::operator()(const tenants::pool_key& lhs,
                            const tenants::pool_key& rhs) const noexcept {
  // Replication connections of one user are one row, whatever their settings.
  const auto left = lhs.is_replication();
  const auto right = rhs.is_replication();
  return std::tie(lhs.database, lhs.user, lhs.tenant, lhs.mode, left)
       < std::tie(rhs.database, rhs.user, rhs.tenant, rhs.mode, right);
}

bool view::is_paused() const {
  return paused && std::ranges::find(*paused, "") != paused->end();
}

bool view::is_paused(std::string_view tenant, std::string_view database) const {
  return paused && std::ranges::any_of(*paused, [&](const auto& target) {
           return actors::matches(target, tenant, database);
         });
}

pool_views merge(const collected& from,
                 const std::vector<actors::admin_pool_row>& known) {
  auto out = pool_views{};
  for (const auto& shard : from.shards) {
    for (const auto& lane : shard.lanes) {
      auto [at, is_new] = out.try_emplace(lane.pool);
      auto& pool = at->second;
      pool.settings = lane.settings;
      pool.paused = is_new ? lane.paused : pool.paused && lane.paused;
      add(pool, lane);
    }
  }
  for (const auto& row : known) {
    auto key = tenants::pool_key{row.tenant, row.user, row.database};
    auto mode = tenants::parse_pool_mode(row.mode);
    if (!mode) // Replication: a login is waited for by its client alone.
      continue;
    key.mode = *mode;
    auto at = out.find(key);
    if (at == out.end())
      continue;
    auto& pool = at->second;
    pool.servers_login = row.servers - std::min(row.servers, pool.servers());
  }
  return out;
}

} // namespace cenote::app
