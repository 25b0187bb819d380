#include "actors/admission.hpp"

#include <algorithm>
#include <functional>
#include <utility>
#include <vector>

namespace cenote::actors {

namespace {

/// A server that was opened for one waiter is idle after milliseconds, and the
/// next of a long line should not have to wait for it. The pause doubles, up to
/// that of a worker's tick, for as long as nobody gives anything back.
constexpr duration pause_min = std::chrono::milliseconds{20};

std::uint64_t address_of(const proxy::quota& which) noexcept {
  return reinterpret_cast<std::uintptr_t>(&which);
}

} // namespace

// -- slot_queues --------------------------------------------------------------

slot_queues::~slot_queues() {
  for (auto& [address, one] : lines_) {
    one.quota->queued -= static_cast<std::uint32_t>(one.queue.size());
    one.quota->units->unwant();
  }
}

bool slot_queues::push(const slot_request& request,
                       const pool_worker_actor& worker) {
  if (!waiters_.try_emplace(request.ticket, waiter{request, worker}).second)
    return false;
  auto [at, is_new] = lines_.try_emplace(address_of(*request.quota->units));
  auto& one = at->second;
  if (is_new) {
    one.number = ++last_number_;
    one.quota = request.quota;
    one.quota->units->want();
    one.pause = pause_min;
  }
  one.queue.push(request.pool.tenant, request.ticket);
  one.waiting.insert(request.pool);
  ++one.quota->queued;
  return true;
}

void slot_queues::left(std::map<std::uint64_t, line>::iterator at,
                       const tenants::pool_key& pool) {
  auto& one = at->second;
  --one.quota->queued;
  one.waiting.erase(pool);
  if (!one.queue.empty())
    return;
  one.quota->units->unwant();
  lines_.erase(at);
}

slot_queues::line* slot_queues::find_line(std::uint64_t quota_address) {
  auto at = lines_.find(quota_address);
  return at == lines_.end() ? nullptr : &at->second;
}

pool_worker_actor slot_queues::cancel(std::uint64_t ticket) {
  auto at = waiters_.find(ticket);
  if (at == waiters_.end())
    return {};
  auto in = lines_.find(address_of(*at->second.request.quota->units));
  in->second.queue.cancel(ticket);
  left(in, at->second.request.pool);
  auto worker = std::move(at->second.worker);
  waiters_.erase(at);
  return worker;
}

void slot_queues::cancel_all(const caf::actor_addr& worker) {
  auto tickets = std::vector<std::uint64_t>{};
  for (const auto& [ticket, who] : waiters_)
    if (who.worker.address() == worker)
      tickets.push_back(ticket);
  for (auto ticket : tickets)
    cancel(ticket);
}

std::optional<slot_queues::granted>
slot_queues::pop(std::uint64_t quota_address) {
  auto in = lines_.find(quota_address);
  if (in == lines_.end())
    return std::nullopt;
  auto unit = try_take(in->second.quota->units);
  if (!unit)
    return std::nullopt;
  auto next = in->second.queue.pop();
  CENOTE_ASSERT(next.has_value());
  auto at = waiters_.find(next->request);
  auto found = granted{std::move(at->second), std::move(*unit)};
  waiters_.erase(at);
  in->second.effort = 1;
  in->second.pause = pause_min;
  left(in, found.who.request.pool);
  return found;
}

// -- the actor ----------------------------------------------------------------

void admission_state::queue(const slot_request& request,
                            const pool_worker_actor& worker) {
  auto is_new = queues.push(request, worker);
  if (is_new)
    self->monitor(worker);
  // A unit may have come back before we said that we want one.
  auto quota_address = address_of(*request.quota->units);
  grant(quota_address);
  if (!queues.has(request.ticket))
    return;
  auto& in = *queues.find_line(quota_address);
  if (is_new)
    ask(not_asked(in, &request.pool), 1, in);
  arm(quota_address, in);
}

void admission_state::grant(std::uint64_t quota_address) {
  while (auto next = queues.pop(quota_address)) {
    self->demonitor(next->who.worker.address());
    auto unit = std::make_shared<proxy::quota_unit>(std::move(next->unit));
    tell(self, next->who.worker, atom::granted_v,
         slot_grant{next->who.request.ticket, next->who.request.quota,
                    std::move(unit)});
  }
}

void admission_state::on_tick(std::uint64_t quota_address,
                              std::uint64_t line_number) {
  auto* in = queues.find_line(quota_address);
  if (in == nullptr || in->number != line_number)
    return;
  in->is_armed = false;
  // Who waits with others may have been served by an idle server of its own
  // since: then it has one.
  auto is_alone = in->waiting.size() == 1;
  const auto* except = is_alone ? &*in->waiting.begin() : nullptr;
  auto others = not_asked(*in, except);
  if (others.empty()) {
    in->asked.clear();
    others = not_asked(*in, except);
  }
  auto count = std::max(in->queue.size(), in->effort);
  in->effort = std::min(2 * count, with->pools.size() + 1);
  in->pause = std::min(2 * in->pause, with->settings().tick);
  ask(std::move(others), count, *in);
  arm(quota_address, *in);
}

void admission_state::arm(std::uint64_t quota_address, slot_queues::line& in) {
  if (std::exchange(in.is_armed, true))
    return;
  after(self, in.pause, self, atom::tick_v, quota_address, in.number);
}

/// Pools that have units of the line's quota, largest first, but the one whose
/// own waiter is the reason to ask: an idle server would not let it wait.
std::vector<live_pool_ptr>
admission_state::not_asked(const slot_queues::line& in,
                           const tenants::pool_key* except) const {
  auto found = std::vector<std::pair<std::uint32_t, live_pool_ptr>>{};
  for (auto& other : with->pools.all()) {
    auto quotas = other->quotas();
    auto used = quotas.pool->used();
    auto is_excepted = except != nullptr && other->key() == *except;
    if (used > 0 && !is_excepted && !in.asked.contains(other->key())
        && std::ranges::find(quotas.shared, in.quota) != quotas.shared.end())
      found.emplace_back(used, std::move(other));
  }
  std::ranges::stable_sort(found, std::greater{},
                           [](const auto& each) { return each.first; });
  auto pools = std::vector<live_pool_ptr>{};
  for (auto& [used, which] : found)
    pools.push_back(std::move(which));
  return pools;
}

void admission_state::ask(std::vector<live_pool_ptr> others, std::size_t count,
                          slot_queues::line& in) {
  others.resize(std::min(others.size(), count));
  for (const auto& other : others) {
    in.asked.insert(other->key());
    if (auto worker = other->now().worker)
      tell(self, worker, atom::give_back_v, std::uint32_t{1});
  }
}

admission_actor::behavior_type
admission_behavior(admission_actor::stateful_pointer<admission_state> self,
                   house_ptr with) {
  install_handlers(self, admission_state::name);
  auto* state = &self->state;
  state->self = self;
  state->with = std::move(with);
  self->set_down_handler(
    [state](caf::down_msg& down) { state->queues.cancel_all(down.source); });
  return {
    [state](atom::queue, const slot_request& request,
            const pool_worker_actor& worker) { state->queue(request, worker); },
    [state](atom::cancel, std::uint64_t ticket) {
      if (auto worker = state->queues.cancel(ticket))
        state->self->demonitor(worker.address());
    },
    [state](atom::returned, std::uint64_t quota_address) {
      state->grant(quota_address);
    },
    [state](atom::tick, std::uint64_t quota_address,
            std::uint64_t line_number) {
      state->on_tick(quota_address, line_number);
    },
  };
}

} // namespace cenote::actors
