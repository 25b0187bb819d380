#include "actors/pool_worker.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <span>
#include <utility>

#include "base/log.hpp"
#include "protocol/message_walker.hpp"
#include "protocol/messages.hpp"

namespace cenote::actors {

namespace {

/// Unique in the process, so that ADMISSION can tell workers' tickets apart.
std::uint64_t next_ticket() noexcept {
  static auto last = std::atomic<std::uint64_t>{0};
  return ++last;
}

/// A lane that has not told again for so long has nobody waiting any more; it
/// does not say so by itself.
constexpr duration wanted_time_max = std::chrono::seconds{3};

/// PostgreSQL that starts, or recovers from the crash of one of its processes,
/// is often back before anybody has to be told.
constexpr duration patience_max = std::chrono::seconds{5};
constexpr duration not_yet_retry = std::chrono::milliseconds{250};

pool::backoff::settings retry_settings(const tenants::pool_settings& from) {
  return {from.server_login_retry, from.server_login_retry, 0.0};
}

pool::backoff::settings not_yet_settings(const tenants::pool_settings& from) {
  const duration most = from.server_login_retry;
  return {std::min(not_yet_retry, most), most, 0.0};
}

/// 57P03, cannot_connect_now.
bool says_not_yet(const proxy::refusal& why) {
  if (why.server_error == nullptr)
    return false;
  auto bytes = std::span{*why.server_error};
  auto said = protocol::error_response::decode(
    bytes.subspan(std::min(protocol::header_bytes, bytes.size())));
  return said && said->code == "57P03";
}

} // namespace

void pool_worker_state::start(const pool_worker_options& options) {
  with = options.with;
  pool = options.pool;
  retry.emplace(retry_settings(pool->spec()->settings));
  target = pool->target();
  is_waiting_for_census = options.is_successor;
  if (pool->spec()->settings.min_pool_size > 0 || is_waiting_for_census)
    arm(with->settings().tick);
}

// -- what is asked for --------------------------------------------------------

void pool_worker_state::warm() {
  look_at_target();
  auto manager = pool->now().manager;
  if (greet && manager) {
    // It asked before it heard of the login that ended meanwhile.
    tell(self, manager, atom::opened_v, greet);
    return;
  }
  is_warm_wanted = true;
  fill();
}

void pool_worker_state::on_starving(const proxy::lane_numbers& numbers) {
  set_wanted(numbers);
  fill();
}

void pool_worker_state::set_wanted(const proxy::lane_numbers& numbers) {
  wanted = numbers.servers_wanted;
  wanted_at = now();
}

void pool_worker_state::on_gone() {
  fill();
}

void pool_worker_state::on_census(const proxy::pool_port::census& there) {
  is_waiting_for_census = false;
  set_wanted(there.numbers);
  fill();
}

void pool_worker_state::configure() {
  auto spec = pool->spec();
  retry->configure(retry_settings(spec->settings));
  look_at_target();
  fill();
}

void pool_worker_state::look_at_target() {
  auto current = pool->target();
  if (*current != *target) {
    // What failed, and who said what, was somewhere else.
    retry->succeeded();
    not_yet_since = never;
    greet.reset();
  }
  target = std::move(current);
}

// -- how logins end -----------------------------------------------------------

void pool_worker_state::login_ended() {
  if (opening > 0)
    --opening;
  if (!login_units.empty())
    login_units.pop_back();
}

void pool_worker_state::on_opened(greeting_ptr said) {
  login_ended();
  greet = std::move(said);
  not_yet_since = never;
  retry->succeeded();
  is_warm_wanted = false;
  if (wanted > 0)
    --wanted;
  fill();
}

void pool_worker_state::on_failed(login_failed what) {
  login_ended();
  what.seat->clear();
  auto& why = what.why;
  const auto is_not_yet = says_not_yet(why);
  if (!is_not_yet)
    not_yet_since = never;
  else if (not_yet_since == never)
    not_yet_since = now();
  const auto& settings = pool->spec()->settings;
  retry->configure(is_not_yet ? not_yet_settings(settings)
                              : retry_settings(settings));
  retry->failed({why.why.code, {}, {}}, now(), 0.0);
  last_refusal = std::move(why);
  if (!is_patient())
    tell_failing();
  fill();
}

bool pool_worker_state::is_patient() const {
  return not_yet_since != never && now() - not_yet_since < patience_max;
}

void pool_worker_state::tell_failing() {
  // A walsender never becomes free for somebody else.
  auto servers = pool->key().is_replication() ? 0u : working();
  is_warm_wanted = false;
  if (servers == 0) {
    // Nobody will serve them before the next try, so they hear it now, in the
    // server's own words.
    wanted = 0;
    with->shards().fail_waiters(pool->lane, last_refusal);
  }
  if (auto manager = pool->now().manager)
    tell(self, manager, atom::failed_v,
         login_refused{last_refusal, retry->next_try(), servers});
}

// -- opening ------------------------------------------------------------------

std::uint32_t pool_worker_state::working() const {
  auto used = pool->quotas().pool->used();
  return used > opening ? used - opening : 0;
}

std::uint32_t pool_worker_state::logins_wanted() const {
  auto least = pool->spec()->settings.min_pool_size;
  auto servers = working();
  auto all = std::max(wanted, is_warm_wanted ? 1u : 0u);
  return std::max(all, least > servers ? least - servers : 0u);
}

bool pool_worker_state::is_anybody_waiting() const {
  return std::max(wanted, is_warm_wanted ? 1u : 0u) > opening;
}

void pool_worker_state::fill() {
  if (is_waiting_for_census || pool->is_paused || pool->is_draining) {
    leave_queue();
    return;
  }
  while (logins_wanted() > opening) {
    if (!retry->may_try(now())) {
      auto pause = retry->next_try() - now();
      if (is_patient())
        return arm(pause);
      if ((wanted > 0 && working() == 0) || is_warm_wanted)
        tell_failing();
      arm(std::max(pause, with->settings().tick));
      return;
    }
    if (opening >= with->settings().logins_per_pool_max)
      return; // Each end of a login comes here again.
    // A reserve never waits in front of another pool's clients, nor are others
    // asked for it: it is filled when there is room.
    if (queued && !is_anybody_waiting()
        && queued->quota != pool->quotas().logins)
      leave_queue();
    if (queued) {
      arm(with->settings().tick);
      return;
    }
    if (!open_one({})) {
      arm(with->settings().tick);
      return;
    }
  }
  leave_queue();
}

bool pool_worker_state::open_one(slot_grant grant) {
  auto spec = pool->spec();
  auto quotas = pool->quotas();
  auto order = proxy::edge::server_order{};
  auto own = try_take(quotas.pool);
  if (!own)
    return false;
  order.seat.push_back(std::move(*own));
  auto take = [&](const proxy::edge::shared_quota_ptr& from) {
    if (grant.unit && *grant.unit && from == grant.quota)
      return std::optional{std::move(*grant.unit)};
    // Nobody takes a unit past those who queue for it.
    if (from->queued > 0)
      return std::optional<proxy::quota_unit>{};
    return try_take(from->units);
  };
  auto login = take(quotas.logins);
  if (!login) {
    queue_up(quotas.logins);
    return false;
  }
  for (const auto& from : quotas.shared) {
    auto unit = take(from);
    if (!unit) {
      if (is_anybody_waiting())
        queue_up(from);
      return false;
    }
    order.seat.push_back(std::move(*unit));
  }
  order.lane = pool->lane_in_need();
  order.port = pool;
  order.target = pool->target();
  order.connect_time_max = spec->settings.server_connect_timeout;
  order.epoch = pool->epoch;
  login_units.push_back(std::move(*login));
  ++opening;
  with->opener().open(std::move(order));
  return true;
}

// -- waiting for a unit -------------------------------------------------------

void pool_worker_state::queue_up(const proxy::edge::shared_quota_ptr& quota) {
  queued = slot_request{next_ticket(), quota, pool->key()};
  if (auto admission = with->admission())
    tell(self, admission, atom::queue_v, *queued, pool_worker_actor{self});
}

void pool_worker_state::leave_queue() {
  if (!queued)
    return;
  if (auto admission = with->admission())
    tell(self, admission, atom::cancel_v, queued->ticket);
  queued.reset();
}

void pool_worker_state::on_granted(slot_grant grant) {
  // Late, or for a need that is over: the unit goes back with the message.
  if (!queued || queued->ticket != grant.ticket)
    return;
  queued.reset();
  auto is_needed = !is_waiting_for_census && !pool->is_paused
                && !pool->is_draining && logins_wanted() > opening
                && retry->may_try(now());
  if (is_needed)
    open_one(std::move(grant));
  else
    grant = {};
  fill();
}

void pool_worker_state::on_give_back(std::uint32_t count) {
  // Whoever has an idle server needs none: that is heard before its unit comes
  // back, so that the unit does not come to us.
  if (wanted > 0)
    with->shards().report(pool->lane);
  with->shards().shrink_lane(pool->lane, count);
  log::debug(
    "asked to give back servers",
    {log::kv("pool", to_string(pool->key())), log::kv("count", count)});
}

void pool_worker_state::on_tick() {
  tick_at = never;
  if (is_waiting_for_census) {
    with->shards().report(pool->lane);
    arm(with->settings().tick);
    return;
  }
  if (queued && now() - wanted_at >= wanted_time_max)
    wanted = 0;
  auto ticket = queued ? queued->ticket : 0;
  fill();
  // ADMISSION may have been restarted since and have forgotten us; if not, it
  // asks others again.
  if (queued && queued->ticket == ticket)
    if (auto admission = with->admission())
      tell(self, admission, atom::queue_v, *queued, pool_worker_actor{self});
}

void pool_worker_state::arm(duration pause) {
  auto at = now() + pause;
  if (at >= tick_at)
    return;
  tick_at = at;
  after(self, pause, self, atom::tick_v);
}

time_point pool_worker_state::now() const {
  return self->clock().now();
}

pool_worker_actor::behavior_type pool_worker_behavior(
  pool_worker_actor::stateful_pointer<pool_worker_state> self,
  pool_worker_options options) {
  install_handlers(self, pool_worker_state::name);
  self->state.self = self;
  self->state.start(options);
  auto* state = &self->state;
  return {
    [state](atom::warm) { state->warm(); },
    [state](atom::starving, const proxy::lane_numbers& numbers) {
      state->on_starving(numbers);
    },
    [state](atom::opened, greeting_ptr& said) {
      state->on_opened(std::move(said));
    },
    [state](atom::failed, login_failed& what) {
      state->on_failed(std::move(what));
    },
    [state](atom::gone) { state->on_gone(); },
    [state](atom::census, const proxy::pool_port::census& there) {
      state->on_census(there);
    },
    [state](atom::configure) { state->configure(); },
    [state](atom::granted, slot_grant& grant) {
      state->on_granted(std::move(grant));
    },
    [state](atom::give_back, std::uint32_t count) {
      state->on_give_back(count);
    },
    [state](atom::tick) { state->on_tick(); },
  };
}

} // namespace cenote::actors
