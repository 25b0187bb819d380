#include "actors/tenant_supervisor.hpp"

#include <chrono>
#include <exception>
#include <utility>

#include "actors/manager.hpp"
#include "actors/pool_worker.hpp"
#include "base/log.hpp"
#include "tenants/diff.hpp"

namespace cenote::actors {

tenant_supervisor_state::~tenant_supervisor_state() {
  // However we end, the children do not outlive us.
  for (auto& [key, one] : pools)
    stop_actors(one);
}

void tenant_supervisor_state::start(const tenant_supervisor_options& options) {
  with = options.with;
  tenant = options.tenant;
  intensity.emplace(with->settings().restart_count_max,
                    with->settings().restart_window);
  // A predecessor's pools: the lanes are there, only nobody decides for them.
  for (auto& pool : with->pools.of_tenant(tenant)) {
    auto& one = pools[pool->key()];
    one.pool = pool;
    pool->set_supervisor(self);
    pool->is_down = false;
    start_actors(one, true);
    if (pool->is_draining)
      start_drain(one,
                  {{}, with->settings().drain_time_max, ec::pool_draining});
  }
}

// -- clients ------------------------------------------------------------------

void tenant_supervisor_state::subscribe(subscribe_order order) {
  if (down_until) {
    order.answer.complete(proxy::refusal{{ec::tenant_down, {}}, {}});
    return;
  }
  auto at = pools.find(order.spec->key);
  if (at == pools.end()) {
    if (is_full(*order.spec)) {
      make_room(std::move(order));
      return;
    }
    auto made = start_pool(order.spec);
    if (!made) {
      order.answer.complete(proxy::refusal{made.error(), {}});
      return;
    }
    tell(self, (*made)->manager, atom::subscribe_v, std::move(order));
    return;
  }
  auto& one = at->second;
  switch (one.now) {
    case phase::running:
      tell(self, one.manager, atom::subscribe_v, std::move(order));
      return;
    case phase::restarting:
    case phase::retiring:
      one.held.push_back(std::move(order));
      return;
    case phase::draining:
      if (is_back(one))
        one.held.push_back(std::move(order));
      else
        order.answer.complete(one.drain_why);
      return;
    case phase::down:
      order.answer.complete(proxy::refusal{{ec::tenant_down, {}}, {}});
      return;
  }
}

void tenant_supervisor_state::pass_on(entry& one) {
  for (auto& order : std::exchange(one.held, {}))
    tell(self, one.manager, atom::subscribe_v, std::move(order));
  // It is needed itself.
  refuse(std::exchange(one.heirs, {}), {{ec::too_many_pools, {}}, {}});
}

bool tenant_supervisor_state::is_full(const tenants::pool_spec& spec) const {
  auto pools_max = spec.settings.tenant_pools_max;
  return pools_max > 0 && pools.size() >= pools_max;
}

void tenant_supervisor_state::refuse_held(entry& one,
                                          const proxy::refusal& why) {
  refuse(std::exchange(one.held, {}), why);
  refuse(std::exchange(one.heirs, {}), {{ec::too_many_pools, {}}, {}});
}

void tenant_supervisor_state::refuse(std::vector<subscribe_order> orders,
                                     const proxy::refusal& why) {
  for (auto& order : orders)
    order.answer.complete(why);
}

// -- a pool's actors ----------------------------------------------------------

result<tenant_supervisor_state::entry*>
tenant_supervisor_state::start_pool(spec_ptr spec) {
  // The edge may have looked at an older catalog than ours.
  if (auto catalog = with->catalog()) {
    auto update = tenants::effect_on(*spec, *catalog);
    if (update.effect == tenants::pool_effect::gone)
      return ec::tenant_removed;
    if (update.effect != tenants::pool_effect::none)
      spec = std::make_shared<const tenants::pool_spec>(std::move(update.spec));
  }
  auto one = entry{};
  one.pool = std::make_shared<live_pool>(spec, with->quotas().quotas_of(*spec));
  one.pool->set_supervisor(self);
  one.pool->is_paused = with->pools.is_paused(spec->key);
  try {
    one.pool->lane = with->shards().open_lane(one.pool, spec->settings);
  } catch (const std::exception& x) {
    one.pool->detach();
    return failure{ec::pool_start_failed, x.what()};
  }
  if (one.pool->is_paused)
    with->shards().pause_lane(one.pool->lane);
  with->pools.insert(one.pool);
  auto& placed = pools[spec->key] = std::move(one);
  start_actors(placed, false);
  log::info("pool started", {log::kv("pool", to_string(spec->key)),
                             log::kv("lane", placed.pool->lane.lane)});
  return &placed;
}

void tenant_supervisor_state::start_actors(entry& one, bool are_successors) {
  one.manager = self->spawn(manager_behavior,
                            manager_options{with, one.pool, are_successors});
  self->monitor(one.manager);
  one.pool->set_manager(one.manager);
  start_worker(one, are_successors);
}

void tenant_supervisor_state::start_worker(entry& one, bool is_successor) {
  one.worker = self->spawn(pool_worker_behavior,
                           pool_worker_options{with, one.pool, is_successor});
  self->monitor(one.worker);
  one.pool->set_worker(one.worker);
  one.now = phase::running;
  // Only now, so that the answer reaches both of them.
  if (is_successor)
    with->shards().report(one.pool->lane);
  pass_on(one);
}

void tenant_supervisor_state::stop_actors(entry& one) {
  one.pool->detach();
  kill_now(std::exchange(one.worker, {}));
  kill_now(std::exchange(one.manager, {}));
}

void tenant_supervisor_state::on_down(const caf::actor_addr& who) {
  for (auto& [key, one] : pools) {
    if (one.manager && one.manager.address() == who) {
      manager_died(one);
      return;
    }
    if (one.worker && one.worker.address() == who) {
      worker_died(one);
      return;
    }
  }
}

void tenant_supervisor_state::manager_died(entry& one) {
  one.manager = manager_actor{};
  one.pool->set_manager(manager_actor{});
  if (one.now == phase::draining || one.now == phase::down)
    return;
  log::warn("manager died", {log::kv("pool", to_string(one.pool->key()))});
  if (one.now != phase::restarting && !intensity->may_restart(now())) {
    go_down();
    return;
  }
  one.now = phase::restarting;
  // What comes after the dead one is stopped before both start again.
  if (one.worker)
    kill_now(one.worker);
  else
    restart_all(one);
}

void tenant_supervisor_state::worker_died(entry& one) {
  one.worker = pool_worker_actor{};
  one.pool->set_worker(pool_worker_actor{});
  switch (one.now) {
    case phase::running:
    case phase::retiring:
      log::warn("pool worker died",
                {log::kv("pool", to_string(one.pool->key()))});
      if (!intensity->may_restart(now())) {
        go_down();
        return;
      }
      if (one.now == phase::retiring) {
        // Most likely the pool is closed in a moment; if not, `on_idle` starts
        // the worker.
        return;
      }
      start_worker(one, true);
      // Who waits for the first greeting is not known to the new one.
      tell(self, one.manager, atom::configure_v);
      return;
    case phase::restarting:
      restart_all(one);
      return;
    case phase::draining:
    case phase::down:
      return;
  }
}

void tenant_supervisor_state::restart_all(entry& one) {
  start_actors(one, true);
}

void tenant_supervisor_state::go_down() {
  auto window = with->settings().restart_window;
  log::error("tenant is down: its actors died too often",
             {log::kv("tenant", tenant),
              log::kv("restarts", with->settings().restart_count_max)});
  down_until = now() + window;
  auto why = proxy::refusal{{ec::tenant_down, {}}, {}};
  for (auto& [key, one] : pools) {
    if (one.now == phase::draining)
      continue;
    one.now = phase::down;
    one.pool->is_down = true;
    stop_actors(one);
    one.pool->set_supervisor(self);
    refuse_held(one, why);
    with->shards().fail_waiters(one.pool->lane, why);
  }
  after(self, window, self, atom::tick_v);
}

void tenant_supervisor_state::resume() {
  if (!std::exchange(down_until, std::nullopt))
    return;
  log::info("tenant is up again", {log::kv("tenant", tenant)});
  intensity->reset();
  for (auto& [key, one] : pools) {
    if (one.now != phase::down)
      continue;
    one.pool->is_down = false;
    start_actors(one, true);
  }
  tell_if_empty();
}

void tenant_supervisor_state::tell_if_empty() {
  if (!pools.empty())
    return;
  if (auto node = with->node())
    tell(self, node, atom::idle_v, tenant);
}

// -- the catalog --------------------------------------------------------------

void tenant_supervisor_state::apply(const tenants::catalog& catalog) {
  for (auto& [key, one] : pools)
    apply(one, catalog);
  resume();
}

void tenant_supervisor_state::apply(entry& one,
                                    const tenants::catalog& catalog) {
  auto update = tenants::effect_on(*one.pool->spec(), catalog);
  auto& shards = with->shards();
  auto lane = one.pool->lane;
  switch (update.effect) {
    case tenants::pool_effect::none:
      return;
    case tenants::pool_effect::gone:
      start_drain(one,
                  {{}, with->settings().drain_time_max, ec::tenant_removed});
      return;
    case tenants::pool_effect::settings:
    case tenants::pool_effect::target:
      break;
  }
  auto spec
    = std::make_shared<const tenants::pool_spec>(std::move(update.spec));
  one.pool->set_spec(spec);
  one.pool->set_quotas(with->quotas().quotas_of(*spec));
  shards.configure_lane(lane, spec->settings);
  if (update.effect == tenants::pool_effect::target) {
    one.pool->is_retargeted = true;
    shards.retire_servers(lane, ++one.pool->epoch, nullptr);
  }
  if (one.manager)
    tell(self, one.manager, atom::configure_v);
  if (one.worker)
    tell(self, one.worker, atom::configure_v);
}

void tenant_supervisor_state::announce(const registry::registry_actor& to) {
  auto me = registry::registration{tenant,
                                   with->settings().node,
                                   caf::actor_cast<caf::strong_actor_ptr>(self),
                                   {},
                                   0};
  me.time_unix_us = std::chrono::duration_cast<std::chrono::microseconds>(
                      std::chrono::system_clock::now().time_since_epoch())
                      .count();
  ask(self, to, std::chrono::seconds{2}, atom::register_or_lookup_v, me)
    .then(
      [](const registry::registration&) {
        // nop
      },
      [](caf::error&) {
        // REGISTRY died again; its successor asks again.
      });
}

time_point tenant_supervisor_state::now() const {
  return self->clock().now();
}

tenant_supervisor_actor::behavior_type tenant_supervisor_behavior(
  tenant_supervisor_actor::stateful_pointer<tenant_supervisor_state> self,
  tenant_supervisor_options options) {
  install_handlers(self, tenant_supervisor_state::name);
  auto* state = &self->state;
  state->self = self;
  self->set_down_handler(
    [state](caf::down_msg& down) { state->on_down(down.source); });
  state->start(options);
  return {
    [state](atom::subscribe, subscribe_order& order) {
      state->subscribe(std::move(order));
    },
    [state](atom::apply, const tenants::catalog_ptr& now) {
      state->apply(*now);
    },
    [state](atom::drain, const drain_order& order) {
      return state->drain(order);
    },
    [state](atom::resume) { state->resume(); },
    [state](atom::announce, const registry::registry_actor& to) {
      state->announce(to);
    },
    [state](atom::drained, const tenants::pool_key& key,
            std::uint32_t cut_short) { state->on_drained(key, cut_short); },
    [state](atom::idle, const tenants::pool_key& key) { state->on_idle(key); },
    [state](atom::retire) { return state->retire(); },
    [state](atom::tick) { state->on_tick(); },
  };
}

} // namespace cenote::actors
