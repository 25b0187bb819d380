#include "actors/node_supervisor.hpp"

#include <chrono>
#include <set>
#include <utility>

#include "actors/admin.hpp"
#include "actors/admission.hpp"
#include "actors/tenant_supervisor.hpp"
#include "base/log.hpp"
#include "registry/registry.hpp"

namespace cenote::actors {

namespace {

/// REGISTRY and TENANT SUPERVISOR answer these from memory.
constexpr duration answer_time_max = std::chrono::seconds{5};

/// Past the time that a drain was given: for its own end and a restart in
/// between.
constexpr duration drain_grace = std::chrono::seconds{15};

constexpr unsigned drain_tries_max = 5;

} // namespace

node_supervisor_state::~node_supervisor_state() {
  // However we end, the children do not outlive us.
  for (auto& [tenant, one] : tenants)
    kill_now(one.actor);
  kill_now(admin);
  kill_now(admission);
  kill_now(names);
}

void node_supervisor_state::start(house_ptr shared) {
  with = std::move(shared);
  with->set_node(self);
  start_registry();
  start_admission();
  start_admin();
  // A predecessor's tenants: their lanes go on, somebody must decide for them.
  auto present = std::set<std::string>{};
  for (auto& pool : with->pools.all())
    present.insert(pool->key().tenant);
  for (const auto& tenant : present)
    start_tenant(tenant, tenants[tenant]);
}

void node_supervisor_state::start_registry() {
  names = self->spawn(registry::registry_behavior, with->settings().node);
  self->monitor(names);
  with->set_names(names);
  for (auto& [tenant, one] : tenants) {
    if (one.now == phase::up || one.now == phase::leaving)
      tell(self, one.actor, atom::announce_v, names);
    else if (one.now == phase::starting)
      ask_registry(tenant, one);
  }
}

void node_supervisor_state::start_admission() {
  admission = self->spawn(admission_behavior, with);
  self->monitor(admission);
  with->set_admission(admission);
}

void node_supervisor_state::start_admin() {
  admin = self->spawn(admin_behavior, with);
  self->monitor(admin);
  with->set_admin(admin);
}

// -- tenants ------------------------------------------------------------------

void node_supervisor_state::subscribe(subscribe_order order) {
  const auto tenant = order.spec->key.tenant;
  auto [at, is_new] = tenants.try_emplace(tenant);
  auto& one = at->second;
  if (is_new)
    start_tenant(tenant, one);
  switch (one.now) {
    case phase::up:
      tell(self, one.actor, atom::subscribe_v, std::move(order));
      return;
    case phase::starting:
    case phase::leaving:
      one.held.push_back(std::move(order));
      return;
    case phase::down:
      order.answer.complete(proxy::refusal{{ec::tenant_down, {}}, {}});
      return;
  }
}

void node_supervisor_state::start_tenant(const std::string& tenant,
                                         entry& one) {
  if (!one.intensity)
    one.intensity = std::make_unique<pool::restart_intensity>(
      with->settings().restart_count_max, with->settings().restart_window);
  one.now = phase::starting;
  one.actor = self->spawn(tenant_supervisor_behavior,
                          tenant_supervisor_options{with, tenant});
  self->monitor(one.actor);
  ask_registry(tenant, one);
}

void node_supervisor_state::ask_registry(const std::string& tenant,
                                         entry& one) {
  auto candidate
    = registry::registration{tenant,
                             with->settings().node,
                             caf::actor_cast<caf::strong_actor_ptr>(one.actor),
                             {},
                             0};
  candidate.time_unix_us
    = std::chrono::duration_cast<std::chrono::microseconds>(
        std::chrono::system_clock::now().time_since_epoch())
        .count();
  ask(self, names, answer_time_max, atom::register_or_lookup_v, candidate)
    .then(
      [this, tenant, actor = one.actor](const registry::registration& winner) {
        on_registered(tenant, actor, winner);
      },
      [this, tenant, actor = one.actor](caf::error& why) {
        // A dead REGISTRY's successor is asked when it starts.
        auto at = tenants.find(tenant);
        if (to_ec(why) == ec::timed_out && at != tenants.end()
            && at->second.actor == actor && at->second.now == phase::starting)
          ask_registry(tenant, at->second);
      });
}

void node_supervisor_state::on_registered(
  const std::string& tenant, const tenant_supervisor_actor& candidate,
  const registry::registration& winner) {
  auto at = tenants.find(tenant);
  if (at == tenants.end() || at->second.actor != candidate
      || at->second.now != phase::starting)
    return;
  auto& one = at->second;
  if (winner.actor != caf::actor_cast<caf::strong_actor_ptr>(candidate)) {
    // Somebody else has the name: theirs counts, ours was for nothing.
    kill_now(candidate);
    one.actor = caf::actor_cast<tenant_supervisor_actor>(winner.actor);
    self->monitor(one.actor);
  }
  one.now = phase::up;
  pass_on(one);
}

void node_supervisor_state::pass_on(entry& one) {
  for (auto& order : std::exchange(one.held, {}))
    tell(self, one.actor, atom::subscribe_v, std::move(order));
}

void node_supervisor_state::forget(const std::string& tenant,
                                   const entry& one) {
  // REGISTRY may hear of the end later than we do.
  tell(self, names, atom::forget_v, tenant,
       caf::actor_cast<caf::strong_actor_ptr>(one.actor));
}

void node_supervisor_state::tenant_died(const std::string& tenant, entry& one) {
  forget(tenant, one);
  log::warn("tenant supervisor died", {log::kv("tenant", tenant)});
  if (one.intensity->may_restart(now())) {
    start_tenant(tenant, one);
    return;
  }
  auto window = with->settings().restart_window;
  log::error("tenant is down: its supervisor died too often",
             {log::kv("tenant", tenant)});
  one.now = phase::down;
  one.actor = tenant_supervisor_actor{};
  one.down_until = now() + window;
  for (auto& order : std::exchange(one.held, {}))
    order.answer.complete(proxy::refusal{{ec::tenant_down, {}}, {}});
  for (auto& pool : with->pools.of_tenant(tenant))
    pool->is_down = true;
  after(self, window, self, atom::tick_v);
}

void node_supervisor_state::on_idle(const std::string& tenant) {
  auto at = tenants.find(tenant);
  if (at == tenants.end() || at->second.now != phase::up)
    return;
  at->second.now = phase::leaving;
  auto settle = [this, tenant, actor = at->second.actor](bool is_empty) {
    auto found = tenants.find(tenant);
    if (found == tenants.end() || found->second.now != phase::leaving
        || found->second.actor != actor)
      return;
    auto& one = found->second;
    if (!is_empty) {
      one.now = phase::up;
      pass_on(one);
      return;
    }
    auto held = std::exchange(one.held, {});
    forget(tenant, one);
    self->demonitor(actor.address());
    kill_now(actor);
    tenants.erase(found);
    for (auto& order : held)
      subscribe(std::move(order));
  };
  ask(self, at->second.actor, answer_time_max, atom::retire_v)
    .then([settle](bool is_empty) { settle(is_empty); },
          [settle](caf::error&) { settle(false); });
}

void node_supervisor_state::on_tick() {
  for (auto& [tenant, one] : tenants) {
    if (one.now != phase::down || now() < one.down_until)
      continue;
    one.intensity->reset();
    start_tenant(tenant, one);
  }
}

void node_supervisor_state::resume(const std::string& target) {
  for (auto& [tenant, one] : tenants) {
    auto is_meant = target.empty() || target == tenant + '.';
    for (auto& pool : with->pools.of_tenant(tenant))
      is_meant = is_meant || matches(target, tenant, pool->key().database);
    if (!is_meant)
      continue;
    if (one.now == phase::down) {
      one.intensity->reset();
      start_tenant(tenant, one);
    } else {
      tell(self, one.actor, atom::resume_v);
    }
  }
}

void node_supervisor_state::apply(const tenants::catalog_ptr& catalog) {
  for (auto& [tenant, one] : tenants)
    if (one.actor)
      tell(self, one.actor, atom::apply_v, catalog);
  resume("");
}

void node_supervisor_state::on_down(const caf::actor_addr& who) {
  if (names.address() == who) {
    log::warn("registry died");
    start_registry();
    return;
  }
  if (admission.address() == who) {
    log::warn("admission died");
    start_admission();
    return;
  }
  if (admin.address() == who) {
    log::warn("admin died");
    start_admin();
    return;
  }
  for (auto& [tenant, one] : tenants) {
    if (one.actor && one.actor.address() == who) {
      tenant_died(tenant, one);
      return;
    }
  }
}

// -- the end of pools ---------------------------------------------------------

caf::result<drain_report>
node_supervisor_state::drain(const drain_order& order) {
  auto meant = std::set<std::string>{};
  for (auto& pool : with->pools.matching(order.target))
    meant.insert(pool->key().tenant);
  auto job = std::make_shared<drain_job>();
  job->promise = self->make_response_promise<drain_report>();
  job->order = order;
  job->pending = meant.size();
  if (meant.empty())
    job->promise.deliver(drain_report{});
  for (const auto& tenant : meant)
    drain_tenant(job, tenant, drain_tries_max);
  return job->promise;
}

void node_supervisor_state::drain_tenant(const drain_job_ptr& job,
                                         const std::string& tenant,
                                         unsigned tries_left) {
  auto finish = [job](const drain_report& part) {
    job->report.pools += part.pools;
    job->report.clients += part.clients;
    job->report.cut_short += part.cut_short;
    if (--job->pending == 0)
      job->promise.deliver(job->report);
  };
  auto at = tenants.find(tenant);
  if (at == tenants.end() || !at->second.actor || tries_left == 0) {
    finish({});
    return;
  }
  ask(self, at->second.actor, job->order.time_max + drain_grace, atom::drain_v,
      job->order)
    .then([finish](const drain_report& part) { finish(part); },
          [this, job, tenant, tries_left](caf::error&) {
            // It died: its successor has the pools.
            drain_tenant(job, tenant, tries_left - 1);
          });
}

time_point node_supervisor_state::now() const {
  return self->clock().now();
}

node_supervisor_actor::behavior_type node_supervisor_behavior(
  node_supervisor_actor::stateful_pointer<node_supervisor_state> self,
  house_ptr with) {
  install_handlers(self, node_supervisor_state::name);
  auto* state = &self->state;
  state->self = self;
  self->set_down_handler(
    [state](caf::down_msg& down) { state->on_down(down.source); });
  state->start(std::move(with));
  return {
    [state](atom::subscribe, subscribe_order& order) {
      state->subscribe(std::move(order));
    },
    [state](atom::apply, const tenants::catalog_ptr& now) {
      state->apply(now);
    },
    [state](atom::drain, const drain_order& order) {
      return state->drain(order);
    },
    [state](atom::resume, const std::string& target) { state->resume(target); },
    [state](atom::run, admin_order& order) {
      tell(state->self, state->admin, atom::run_v, std::move(order));
    },
    [state](atom::run, admin_command& command) {
      return state->self->delegate(state->admin, atom::run_v,
                                   std::move(command));
    },
    [state](atom::idle, const std::string& tenant) { state->on_idle(tenant); },
    [state](atom::tick) { state->on_tick(); },
  };
}

} // namespace cenote::actors
