#include "actors/admission.hpp"

#include <algorithm>
#include <functional>
#include <utility>
#include <vector>

namespace cenote::actors {

namespace {

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
    one.quota = request.quota;
    one.quota->units->want();
  }
  one.queue.push(request.pool.tenant, request.ticket);
  ++one.quota->queued;
  return true;
}

void slot_queues::left(std::map<std::uint64_t, line>::iterator at) {
  auto& one = at->second;
  --one.quota->queued;
  if (!one.queue.empty())
    return;
  one.quota->units->unwant();
  lines_.erase(at);
}

slot_queues::waiter* slot_queues::find(std::uint64_t ticket) {
  auto at = waiters_.find(ticket);
  return at == waiters_.end() ? nullptr : &at->second;
}

bool slot_queues::is_time_to_ask(const slot_request& request, time_point now,
                                 duration pause) {
  auto in = lines_.find(address_of(*request.quota->units));
  if (in == lines_.end() || now < in->second.ask_again_at)
    return false;
  in->second.ask_again_at = now + pause;
  return true;
}

pool_worker_actor slot_queues::cancel(std::uint64_t ticket) {
  auto at = waiters_.find(ticket);
  if (at == waiters_.end())
    return {};
  auto in = lines_.find(address_of(*at->second.request.quota->units));
  in->second.queue.cancel(ticket);
  left(in);
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
  left(in);
  return found;
}

// -- the actor ----------------------------------------------------------------

void admission_state::queue(const slot_request& request,
                            const pool_worker_actor& worker) {
  auto is_new = queues.push(request, worker);
  if (is_new)
    self->monitor(worker);
  // A unit may have come back before we said that we want one.
  grant(address_of(*request.quota->units));
  auto* still_there = queues.find(request.ticket);
  if (still_there == nullptr)
    return;
  auto is_time = queues.is_time_to_ask(request, self->clock().now(),
                                       with->settings().tick);
  if (is_new || is_time)
    ask_others(*still_there);
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

void admission_state::ask_others(slot_queues::waiter& who) {
  auto others = std::vector<std::pair<std::uint32_t, live_pool_ptr>>{};
  for (auto& other : with->pools.all()) {
    auto quotas = other->quotas();
    auto used = quotas.pool->used();
    // Of its own pool, an idle server would not let anybody wait.
    if (used > 0 && other->key() != who.request.pool
        && std::ranges::find(quotas.shared, who.request.quota)
             != quotas.shared.end())
      others.emplace_back(used, std::move(other));
  }
  std::ranges::stable_sort(others, std::greater{},
                           [](const auto& each) { return each.first; });
  if (who.asked_count >= others.size())
    who.asked_count = 0;
  auto until = std::min(others.size(), 2 * who.asked_count + 1);
  for (; who.asked_count < until; ++who.asked_count)
    if (auto worker = others[who.asked_count].second->now().worker)
      tell(self, worker, atom::give_back_v, std::uint32_t{1});
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
  };
}

} // namespace cenote::actors
