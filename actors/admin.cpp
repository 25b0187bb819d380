#include "actors/admin.hpp"

#include <chrono>
#include <memory>
#include <utility>

#include "base/log.hpp"
#include "tenants/catalog.hpp"

namespace cenote::actors {

namespace {

/// A MANAGER that has not answered by then is asked again; it may have been
/// restarted.
constexpr duration ask_again_after = std::chrono::seconds{1};

/// Of a drain, beyond the time it was given.
constexpr duration drain_grace = std::chrono::seconds{60};

admin_reply failed(ec code, std::string text) {
  auto reply = admin_reply{};
  reply.code = code;
  reply.text = std::move(text);
  return reply;
}

/// How long a shard may take to hear of a RECONNECT.
constexpr duration reconnect_time_max = std::chrono::seconds{10};

/// Tells ADMIN of the end of something that is done elsewhere, by being the
/// last to be let go of.
class last_word {
public:
  last_word(admin_actor to, std::uint64_t number, admin_reply how)
    : to_{std::move(to)},
      number_{number},
      how_{std::move(how)} {
    // nop
  }

  last_word(const last_word&) = delete;
  last_word& operator=(const last_word&) = delete;

  ~last_word() {
    tell_from_outside(to_, atom::ended_v, number_, std::move(how_));
  }

private:
  admin_actor to_;
  std::uint64_t number_;
  admin_reply how_;
};

std::string state_of(const live_pool& pool) {
  if (pool.is_down)
    return "down";
  if (pool.is_draining)
    return "draining";
  return pool.is_paused ? "paused" : "running";
}

} // namespace

void admin_state::run(const admin_command& command, on_reply done) {
  // The console looks at what is paused whenever it pauses or shows.
  if (command.verb != admin_verb::show_paused)
    log::info("admin command", {log::kv("verb", actors::name(command.verb)),
                                log::kv("target", command.target)});
  switch (command.verb) {
    case admin_verb::version: {
      auto reply = admin_reply{};
      reply.text = with->settings().version;
      done(std::move(reply));
      return;
    }
    case admin_verb::show_pools:
      done(show_pools());
      return;
    case admin_verb::show_tenants:
      done(show_tenants());
      return;
    case admin_verb::show_paused:
      done(show_paused());
      return;
    case admin_verb::pause:
      pause(command, std::move(done));
      return;
    case admin_verb::resume:
    case admin_verb::unpause:
      resume(command, std::move(done));
      return;
    case admin_verb::reconnect:
      reconnect(command, std::move(done));
      return;
    case admin_verb::kill:
      if (!is_known(command.target)) {
        done(failed(ec::admin_unknown_target, command.target));
        return;
      }
      // First, so that who comes back at once finds a paused pool.
      with->pools.pause(command.target);
      end_pools({command.target, {}, ec::killed_by_admin}, std::move(done));
      return;
    case admin_verb::terminate: {
      auto target = command.target + '.';
      if (!is_known(target)) {
        done(failed(ec::admin_unknown_target, command.target));
        return;
      }
      end_pools({std::move(target), {}, ec::killed_by_admin}, std::move(done));
      return;
    }
    case admin_verb::drain: {
      auto time_max = command.time_max_ms > 0
                      ? duration{std::chrono::milliseconds{command.time_max_ms}}
                      : with->settings().drain_time_max;
      end_pools({command.target, time_max, ec::shutting_down}, std::move(done));
      return;
    }
    case admin_verb::reload:
      reload(std::move(done));
      return;
    case admin_verb::shutdown:
      if (with->hooks() == nullptr) {
        done(failed(ec::admin_wrong_state, "no shutdown here"));
        return;
      }
      with->hooks()->shutdown(command.wait);
      done({});
      return;
  }
}

// -- what there is ------------------------------------------------------------

admin_reply admin_state::show_pools() const {
  auto reply = admin_reply{};
  for (const auto& pool : with->pools.all()) {
    const auto& key = pool->key();
    auto own = pool->quotas().pool;
    auto row = admin_pool_row{};
    row.tenant = key.tenant;
    row.user = key.user;
    row.database = key.database;
    row.mode = std::string{tenants::kind(key)};
    row.shard = pool->lane.shard;
    row.lane = pool->lane.lane.value();
    row.clients = pool->client_count;
    row.servers = own->used();
    row.servers_max = own->limit();
    row.state = state_of(*pool);
    reply.pools.push_back(std::move(row));
  }
  reply.count = static_cast<std::uint32_t>(reply.pools.size());
  return reply;
}

admin_reply admin_state::show_tenants() const {
  auto rows = std::map<std::string, admin_tenant_row>{};
  if (auto catalog = with->catalog())
    for (const auto& [id, tenant] : catalog->tenants())
      rows[id].tenant = id;
  for (const auto& pool : with->pools.all()) {
    auto& row = rows[pool->key().tenant];
    row.tenant = pool->key().tenant;
    ++row.pools;
    row.clients += pool->client_count;
    row.servers += pool->quotas().pool->used();
  }
  auto reply = admin_reply{};
  for (auto& [id, row] : rows)
    reply.tenants.push_back(std::move(row));
  reply.count = static_cast<std::uint32_t>(reply.tenants.size());
  return reply;
}

admin_reply admin_state::show_paused() const {
  auto reply = admin_reply{};
  reply.paused = with->pools.paused();
  return reply;
}

bool admin_state::is_known(const std::string& target) const {
  if (target.empty() || !with->pools.matching(target).empty())
    return true;
  auto catalog = with->catalog();
  return catalog && names_database(*catalog, target);
}

// -- pause and resume ---------------------------------------------------------

void admin_state::pause(const admin_command& command, on_reply done) {
  if (!is_known(command.target)) {
    done(failed(ec::admin_unknown_target, command.target));
    return;
  }
  with->pools.pause(command.target);
  auto what = job{};
  what.pending = with->pools.matching(command.target);
  // So that a restarted MANAGER knows, whoever hears of it first.
  for (auto& pool : what.pending)
    pool->is_paused = true;
  what.done = std::move(done);
  what.is_pause = true;
  add_job(std::move(what));
}

void admin_state::resume(const admin_command& command, on_reply done) {
  const auto is_all = command.verb == admin_verb::resume;
  auto was_paused = is_all ? with->pools.resume(command.target)
                           : with->pools.unpause(command.target);
  auto what = job{};
  auto is_anything_down = false;
  for (auto& pool : with->pools.matching(command.target)) {
    is_anything_down = is_anything_down || (is_all && pool->is_down);
    if (pool->is_paused && !with->pools.is_paused(pool->key()))
      what.pending.push_back(pool);
  }
  if (auto node = with->node(); node && is_all)
    tell(self, node, atom::resume_v, command.target);
  if (!was_paused && !is_anything_down && what.pending.empty()) {
    done(is_known(command.target)
           ? failed(ec::admin_wrong_state, "not paused")
           : failed(ec::admin_unknown_target, command.target));
    return;
  }
  for (auto& waiting : jobs)
    for (auto& pool : what.pending)
      if (waiting.is_pause && std::erase(waiting.pending, pool) > 0)
        waiting.is_undone = true;
  what.done = std::move(done);
  add_job(std::move(what));
}

void admin_state::add_job(job what) {
  what.count = static_cast<std::uint32_t>(what.pending.size());
  jobs.push_back(std::move(what));
  if (jobs.size() == 1)
    after(self, ask_again_after, self, atom::tick_v);
  ask_again();
  check_jobs();
}

void admin_state::without_manager(live_pool& pool, bool is_pause) {
  // Of a tenant that is down nobody decides anything: its lanes are told
  // directly. Otherwise a new MANAGER is on its way.
  if (!pool.is_down)
    return;
  if (is_pause) {
    with->shards().pause_lane(pool.lane);
    return;
  }
  pool.is_paused = false;
  pool.is_quiet = false;
  with->shards().resume_lane(pool.lane);
}

void admin_state::ask_again() {
  for (auto& one : jobs) {
    for (auto& pool : one.pending) {
      auto manager = pool->now().manager;
      if (!manager) {
        without_manager(*pool, one.is_pause);
        continue;
      }
      if (one.is_pause)
        ask(self, manager, ask_again_after, atom::pause_v)
          .then([this](bool) { check_jobs(); },
                [](caf::error&) {
                  // Asked again with the next tick.
                });
      else
        ask(self, manager, ask_again_after, atom::resume_v)
          .then([this] { check_jobs(); },
                [](caf::error&) {
                  // Likewise.
                });
    }
  }
}

void admin_state::check_jobs() {
  auto finished = std::vector<job>{};
  for (auto at = jobs.begin(); at != jobs.end();) {
    std::erase_if(at->pending, [this, at](const live_pool_ptr& pool) {
      if (with->pools.find(pool->key()) != pool || pool->is_draining)
        return true;
      return at->is_pause ? pool->is_quiet.load() : !pool->is_paused.load();
    });
    if (!at->pending.empty()) {
      ++at;
      continue;
    }
    finished.push_back(std::move(*at));
    at = jobs.erase(at);
  }
  for (auto& one : finished) {
    if (one.is_undone) {
      one.done(failed(ec::admin_wrong_state, "resumed meanwhile"));
      continue;
    }
    auto reply = admin_reply{};
    reply.count = one.count;
    one.done(std::move(reply));
  }
}

void admin_state::on_tick() {
  check_jobs();
  if (jobs.empty())
    return;
  after(self, ask_again_after, self, atom::tick_v);
  ask_again();
}

// -- the rest -----------------------------------------------------------------

void admin_state::reconnect(const admin_command& command, on_reply done) {
  if (!is_known(command.target)) {
    done(failed(ec::admin_unknown_target, command.target));
    return;
  }
  const auto pools = with->pools.matching(command.target);
  auto reply = admin_reply{};
  reply.count = static_cast<std::uint32_t>(pools.size());
  const auto number = begin_elsewhere(std::move(done));
  const auto told
    = std::make_shared<const last_word>(admin_actor{self}, number, reply);
  for (const auto& pool : pools)
    with->shards().retire_servers(pool->lane, ++pool->epoch, told);
  after(self, reconnect_time_max, self, atom::ended_v, number,
        failed(ec::timed_out, "not every shard answers"));
}

void admin_state::end_pools(drain_order order, on_reply done) {
  auto within = order.time_max + drain_grace;
  auto shared = std::make_shared<on_reply>(std::move(done));
  ask(self, with->node(), within, atom::drain_v, std::move(order))
    .then(
      [shared](const drain_report& report) {
        auto reply = admin_reply{};
        reply.count = report.pools;
        reply.text = std::to_string(report.clients) + " clients, "
                   + std::to_string(report.cut_short) + " cut short";
        (*shared)(std::move(reply));
      },
      [shared](caf::error& why) { (*shared)(failed(to_ec(why), {})); });
}

void admin_state::reload(on_reply done) {
  if (with->hooks() == nullptr) {
    done(failed(ec::admin_wrong_state, "no reload here"));
    return;
  }
  const auto number = begin_elsewhere(std::move(done));
  with->hooks()->reload(
    [number, to = admin_actor{self}](const result<void>& how) {
      auto reply
        = how ? admin_reply{} : failed(how.error().code, how.error().detail);
      tell_from_outside(to, atom::ended_v, number, std::move(reply));
    });
}

std::uint64_t admin_state::begin_elsewhere(on_reply done) {
  elsewhere.emplace(++last_number, std::move(done));
  return last_number;
}

void admin_state::on_ended(std::uint64_t number, admin_reply how) {
  auto at = elsewhere.find(number);
  if (at == elsewhere.end())
    return;
  auto done = std::move(at->second);
  elsewhere.erase(at);
  done(std::move(how));
}

admin_actor::behavior_type
admin_behavior(admin_actor::stateful_pointer<admin_state> self,
               house_ptr with) {
  install_handlers(self, admin_state::name);
  auto* state = &self->state;
  state->self = self;
  state->with = std::move(with);
  return {
    [state](atom::run, const admin_order& order) {
      state->run(order.command, [answer = order.answer](admin_reply reply) {
        answer.complete(std::move(reply));
      });
    },
    [state](atom::run, const admin_command& command) {
      auto promise = state->self->make_response_promise<admin_reply>();
      state->run(command, [promise](admin_reply reply) mutable {
        promise.deliver(std::move(reply));
      });
      return promise;
    },
    [state](atom::ended, std::uint64_t number, admin_reply& how) {
      state->on_ended(number, std::move(how));
    },
    [state](atom::tick) { state->on_tick(); },
  };
}

} // namespace cenote::actors
