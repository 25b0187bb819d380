// How the pools of a tenant end: idle, drained, killed.

#include <chrono>
#include <utility>

#include "actors/tenant_supervisor.hpp"
#include "base/log.hpp"
#include "tenants/diff.hpp"

namespace cenote::actors {

namespace {

/// MANAGER looks at its own state only to answer.
constexpr duration retire_time_max = std::chrono::seconds{5};

/// How much longer than asked for a lane may take to end a drain.
constexpr duration drain_grace = std::chrono::seconds{5};

} // namespace

void tenant_supervisor_state::on_idle(const tenants::pool_key& key) {
  auto at = pools.find(key);
  if (at == pools.end() || at->second.now != phase::running)
    return;
  auto& one = at->second;
  one.now = phase::retiring;
  ask(self, one.manager, retire_time_max, atom::retire_v)
    .then(
      [this, key, manager = one.manager](bool is_empty) {
        auto found = pools.find(key);
        if (found == pools.end() || found->second.now != phase::retiring
            || found->second.manager != manager)
          return;
        if (!is_empty) {
          if (!found->second.worker)
            start_worker(found->second, true);
          found->second.now = phase::running;
          pass_on(found->second);
          return;
        }
        with->shards().kill_lane(found->second.pool->lane, ec::pool_draining);
        close(found, 0);
      },
      [this, key, manager = one.manager](caf::error&) {
        auto found = pools.find(key);
        // It may still answer yes to nobody; a new one knows better.
        if (found != pools.end() && found->second.now == phase::retiring
            && found->second.manager == manager)
          kill_now(manager);
      });
}

void tenant_supervisor_state::make_room(subscribe_order order) {
  const auto& key = order.spec->key;
  entry* least = nullptr;
  // Pools that never had a server first, then those that are empty the longest.
  const auto rank = [](const entry& one) {
    return std::pair{one.pool->was_greeted.load(), one.pool->emptied.load()};
  };
  for (auto& [other, one] : pools) {
    if (!one.heirs.empty() && one.heirs.front().spec->key == key) {
      one.heirs.push_back(std::move(order));
      return;
    }
    if (one.now == phase::running && one.pool->client_count == 0
        && one.pool->emptied > 0 && !one.pool->is_paused
        && (least == nullptr || rank(one) < rank(*least)))
      least = &one;
  }
  if (least == nullptr) {
    order.answer.complete(proxy::refusal{{ec::too_many_pools, {}}, {}});
    return;
  }
  least->heirs.push_back(std::move(order));
  on_idle(least->pool->key());
}

void tenant_supervisor_state::start_drain(entry& one,
                                          const drain_order& order) {
  auto& shards = with->shards();
  const auto kill_at = now() + order.time_max + drain_grace;
  const auto is_first = one.now != phase::draining;
  // What a catalog removed it may bring back, but not from another drain.
  if (is_first || order.why != ec::tenant_removed)
    one.drain_why = {{order.why, {}}, {}};
  refuse_held(one, one.drain_why);
  // One under way ends earlier if it is ordered to, never later.
  if (!is_first && kill_at >= one.kill_at)
    return;
  one.now = phase::draining;
  one.pool->is_draining = true;
  one.kill_at = kill_at;
  if (one.manager)
    tell(self, one.manager, atom::configure_v);
  shards.drain_lane(one.pool->lane, now() + order.time_max, order.why);
  after(self, order.time_max + drain_grace, self, atom::tick_v);
}

bool tenant_supervisor_state::is_back(const entry& one) const {
  if (one.drain_why.why.code != ec::tenant_removed)
    return false;
  auto catalog = with->catalog();
  return catalog
      && tenants::effect_on(*one.pool->spec(), *catalog).effect
           != tenants::pool_effect::gone;
}

/// By message: who closes a pool may be on its way through all of them.
void tenant_supervisor_state::tell_again(std::vector<subscribe_order> orders) {
  for (auto& order : orders)
    tell(self, tenant_supervisor_actor{self}, atom::subscribe_v,
         std::move(order));
}

caf::result<drain_report>
tenant_supervisor_state::drain(const drain_order& order) {
  auto job = drain_job{};
  for (auto at = pools.begin(); at != pools.end();) {
    auto& [key, one] = *at;
    if (!matches(order.target, key.tenant, key.database)) {
      ++at;
      continue;
    }
    ++job.report.pools;
    job.report.clients += one.pool->client_count;
    if (order.time_max > duration::zero()) {
      start_drain(one, order);
      job.pending.insert(key);
      ++at;
      continue;
    }
    job.report.cut_short += one.pool->client_count;
    refuse_held(one, {{order.why, {}}, {}});
    with->shards().kill_lane(one.pool->lane, order.why);
    at = close(at, 0);
  }
  if (job.pending.empty())
    return job.report;
  job.promise = self->make_response_promise<drain_report>();
  jobs.push_back(job);
  return job.promise;
}

void tenant_supervisor_state::on_drained(const tenants::pool_key& key,
                                         std::uint32_t cut_short) {
  auto at = pools.find(key);
  if (at != pools.end() && at->second.now == phase::draining)
    close(at, cut_short);
}

tenant_supervisor_state::pool_map::iterator
tenant_supervisor_state::close(pool_map::iterator at, std::uint32_t cut_short) {
  auto key = at->first;
  with->shards().close_lane(at->second.pool->lane);
  with->pools.erase(key);
  stop_actors(at->second);
  tell_again(std::move(at->second.held));
  tell_again(std::move(at->second.heirs));
  at = pools.erase(at);
  log::info("pool closed", {log::kv("pool", to_string(key))});
  for (auto& job : jobs)
    if (job.pending.erase(key) > 0)
      job.report.cut_short += cut_short;
  std::erase_if(jobs, [](drain_job& job) {
    if (!job.pending.empty())
      return false;
    job.promise.deliver(job.report);
    return true;
  });
  tell_if_empty();
  return at;
}

bool tenant_supervisor_state::retire() const {
  return pools.empty() && jobs.empty() && !down_until;
}

void tenant_supervisor_state::on_tick() {
  if (down_until && now() >= *down_until)
    resume();
  for (auto at = pools.begin(); at != pools.end();) {
    auto& one = at->second;
    if (one.now != phase::draining || now() < one.kill_at) {
      ++at;
      continue;
    }
    log::warn("drain did not end in time",
              {log::kv("pool", to_string(at->first))});
    with->shards().kill_lane(one.pool->lane, one.drain_why.why.code);
    at = close(at, 0);
  }
}

} // namespace cenote::actors
