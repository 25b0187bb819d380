#include "actors/manager.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace cenote::actors {

namespace {

constexpr duration idle_step_max = std::chrono::seconds{60};

} // namespace

void manager_state::start(const manager_options& options) {
  with = options.with;
  pool = options.pool;
  seats.emplace(pool::roster::settings{}, now());
  seats->pause(pool->is_paused);
  if (pool->is_draining)
    seats->drain();
  is_waiting_for_census = options.is_successor;
  arm(with->settings().tick);
}

// -- seats --------------------------------------------------------------------

void manager_state::subscribe(subscribe_order order) {
  if (is_waiting_for_census)
    held.push_back(std::move(order));
  else
    admit(std::move(order));
}

void manager_state::admit(subscribe_order order) {
  // The edge gave up while the order was on its way.
  if (order.answer.is_settled())
    return;
  if (failing && now() < failing->retry_at) {
    order.answer.complete(failing->why);
    return;
  }
  if (auto admitted = seats->admit(order.who); !admitted) {
    order.answer.complete(proxy::refusal{admitted.error(), {}});
    return;
  }
  count();
  if (greet) {
    give_seat(order);
    return;
  }
  cold.push_back(std::move(order));
  arm(with->settings().tick);
  warm();
}

void manager_state::give_seat(const subscribe_order& order) {
  // Who gave up is not told: the seat is free again at once.
  if (!order.answer.complete(seat{pool->lane, greet, pool}))
    leave(order.who);
}

void manager_state::leave(client_id who) {
  if (seats->leave(who, now()) && seats->client_count() == 0)
    arm(with->settings().tick);
  count();
}

void manager_state::refuse_cold(const proxy::refusal& why) {
  for (auto& order : std::exchange(cold, {})) {
    seats->leave(order.who, now());
    order.answer.complete(why);
  }
  if (seats->client_count() == 0)
    arm(with->settings().tick);
  count();
}

void manager_state::warm() {
  // A paused pool gets its first server when it is resumed; its clients wait.
  if (cold.empty() || pool->is_paused)
    return;
  if (auto worker = pool->now().worker)
    tell(self, worker, atom::warm_v);
}

void manager_state::count() {
  pool->set_seated(seats->client_count());
}

void manager_state::mind_the_door() {
  const auto is_open = !is_waiting_for_census && !failing
                    && !seats->is_draining() && !seats->is_banned();
  pool->set_door(is_open ? greet : nullptr);
}

// -- what the pool's servers do -----------------------------------------------

void manager_state::on_failed(login_refused what) {
  refuse_cold(what.why);
  if (what.working == 0)
    failing = std::move(what);
  mind_the_door();
}

void manager_state::on_opened(greeting_ptr said) {
  failing.reset();
  greet = std::move(said);
  for (auto& order : std::exchange(cold, {}))
    give_seat(order);
  mind_the_door();
}

// -- operators ----------------------------------------------------------------

caf::result<bool> manager_state::pause() {
  pool->is_paused = true;
  pool->is_quiet = false;
  seats->pause(true);
  auto& shards = with->shards();
  shards.pause_lane(pool->lane);
  // As in PgBouncer a pause lets go of the servers, so that PostgreSQL may be
  // restarted meanwhile.
  shards.retire_servers(pool->lane, ++pool->epoch, nullptr);
  if (auto worker = pool->now().worker)
    tell(self, worker, atom::configure_v);
  auto promise = self->make_response_promise<bool>();
  pausing.push_back(promise);
  return promise;
}

void manager_state::on_paused() {
  for (auto& promise : std::exchange(pausing, {}))
    promise.deliver(true);
}

void manager_state::resume() {
  pool->is_paused = false;
  pool->is_quiet = false;
  seats->pause(false);
  with->shards().resume_lane(pool->lane);
  if (auto worker = pool->now().worker)
    tell(self, worker, atom::configure_v);
  // Who waited for quiet will not get it any more.
  for (auto& promise : std::exchange(pausing, {}))
    promise.deliver(false);
  warm();
}

bool manager_state::retire() {
  if (is_waiting_for_census || seats->client_count() > 0 || !held.empty()
      || !pool->close_door_if_empty())
    return false;
  seats->drain();
  return true;
}

void manager_state::configure() {
  seats->pause(pool->is_paused);
  if (pool->is_draining) {
    seats->drain();
    refuse_cold({{ec::pool_draining, {}}, {}});
  }
  // Another target may greet in other words, and may work where the old one
  // failed.
  if (pool->is_retargeted.exchange(false)) {
    greet.reset();
    failing.reset();
  }
  mind_the_door();
  warm();
}

// -- who is there -------------------------------------------------------------

void manager_state::on_census(const proxy::pool_port::census& there) {
  if (!greet && there.last_greeting)
    greet = there.last_greeting;
  if (is_waiting_for_census) {
    is_waiting_for_census = false;
    seats->rebuild(there.clients, now());
    count();
    for (auto& order : std::exchange(held, {}))
      admit(std::move(order));
    mind_the_door();
    return;
  }
  mind_the_door();
  if (!std::exchange(is_idle_check, false) || seats->client_count() > 0
      || pool->was_entered())
    return;
  if (!there.clients.empty()) {
    // Seated by a predecessor while they were on their way to the lane.
    seats->rebuild(there.clients, now());
    count();
    return;
  }
  if (auto supervisor = pool->now().supervisor)
    tell(self, supervisor, atom::idle_v, pool->key());
}

void manager_state::on_tick() {
  tick_at = never;
  if (is_waiting_for_census) {
    with->shards().report(pool->lane);
    arm(with->settings().tick);
    return;
  }
  // Nobody waits for these any more.
  std::erase_if(cold, [this](const subscribe_order& order) {
    if (!order.answer.is_settled())
      return false;
    seats->leave(order.who, now());
    return true;
  });
  count();
  warm();
  if (!cold.empty())
    arm(with->settings().tick);
  auto idle_max = idle_time_max();
  auto since = seats->empty_since();
  if (idle_max == duration::zero() || !since)
    return;
  if (pool->was_entered())
    entered_at = now();
  auto left = idle_max - (now() - std::max(*since, entered_at));
  if (left <= duration::zero()) {
    is_idle_check = true;
    with->shards().report(pool->lane);
  }
  // In short steps, for the setting may change and the timer keeps us alive.
  arm(std::clamp<duration>(left, with->settings().tick, idle_step_max));
}

/// 0: for ever. What never had a server, because its database or role does not
/// exist, stands in the way of others under `max_pools` for no longer than its
/// failure is remembered.
duration manager_state::idle_time_max() const {
  const auto& settings = pool->spec()->settings;
  const auto usual = duration{settings.pool_idle_timeout};
  if (pool->was_greeted || pool->is_paused || settings.min_pool_size > 0)
    return usual;
  const auto soon
    = std::max<duration>(settings.server_login_retry, with->settings().tick);
  return usual == duration::zero() ? soon : std::min(usual, soon);
}

void manager_state::arm(duration pause) {
  auto at = now() + pause;
  if (at >= tick_at)
    return;
  tick_at = at;
  after(self, pause, self, atom::tick_v);
}

time_point manager_state::now() const {
  return self->clock().now();
}

manager_actor::behavior_type
manager_behavior(manager_actor::stateful_pointer<manager_state> self,
                 manager_options options) {
  install_handlers(self, manager_state::name);
  self->state.self = self;
  self->state.start(options);
  auto* state = &self->state;
  return {
    [state](atom::subscribe, subscribe_order& order) {
      state->subscribe(std::move(order));
    },
    [state](atom::leave, client_id who) { state->leave(who); },
    [state](atom::pause) { return state->pause(); },
    [state](atom::resume) { state->resume(); },
    [state](atom::retire) { return state->retire(); },
    [state](atom::configure) { state->configure(); },
    [state](atom::failed, login_refused& what) {
      state->on_failed(std::move(what));
    },
    [state](atom::opened, greeting_ptr& said) {
      state->on_opened(std::move(said));
    },
    [state](atom::pause, bool) { state->on_paused(); },
    [state](atom::census, const proxy::pool_port::census& there) {
      state->on_census(there);
    },
    [state](atom::tick) { state->on_tick(); },
  };
}

} // namespace cenote::actors
