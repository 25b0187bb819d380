// The ledger's places: each server is in exactly one of them, and every move
// goes through `move_to`, so the counts are exact by construction.

#include "base/assert.hpp"
#include "pool/ledger.hpp"

namespace cenote::pool {

[[gnu::hot]] void ledger::move_to(slot at, server_state to) noexcept {
  auto& server = servers_[at];
  if (server.state == server_state::idle)
    unlink_idle(at);
  --counts_[static_cast<std::size_t>(server.state)];
  ++counts_[static_cast<std::size_t>(to)];
  server.state = to;
  if (to == server_state::idle)
    push_idle(at);
}

void ledger::push_idle(slot at) noexcept {
  auto& server = servers_[at];
  server.prev = no_slot;
  server.next = idle_first_;
  (idle_first_ == no_slot ? idle_last_ : servers_[idle_first_].prev) = at;
  idle_first_ = at;
}

[[gnu::hot]] void ledger::unlink_idle(slot at) noexcept {
  auto& server = servers_[at];
  (server.prev == no_slot ? idle_first_ : servers_[server.prev].next)
    = server.next;
  (server.next == no_slot ? idle_last_ : servers_[server.next].prev)
    = server.prev;
  server.prev = no_slot;
  server.next = no_slot;
}

ledger::slot ledger::new_server(server_id id) {
  if (servers_free_ == no_slot) {
    servers_free_ = static_cast<slot>(servers_.size());
    servers_.emplace_back();
    ++counts_[static_cast<std::size_t>(server_state::free_slot)];
  }
  const auto at = servers_free_;
  server_slots_.insert(id.value(), at);
  servers_free_ = servers_[at].next;
  servers_[at].next = no_slot;
  servers_[at].id = id;
  move_to(at, server_state::held);
  return at;
}

void ledger::forget(slot at) noexcept {
  move_to(at, server_state::free_slot);
  server_slots_.erase(servers_[at].id.value());
  servers_[at] = {};
  servers_[at].next = servers_free_;
  servers_free_ = at;
}

void ledger::take_idle_servers(std::vector<server_id>& into) {
  while (idle_first_ != no_slot) {
    into.push_back(servers_[idle_first_].id);
    forget(idle_first_);
  }
}

std::size_t ledger::count(server_state of) const noexcept {
  return counts_[static_cast<std::size_t>(of)];
}

void ledger::push_waiter(client_id client, time_point now) {
  if (waiters_free_ == no_slot) {
    waiters_free_ = static_cast<slot>(waiters_.size());
    waiters_.emplace_back();
  }
  const auto at = waiters_free_;
  waiter_slots_.insert(client.value(), at);
  auto& waiter = waiters_[at];
  waiters_free_ = waiter.next;
  waiter = {client, now, waiter_last_, no_slot};
  if (waiter_last_ == no_slot) {
    waiter_first_ = at;
  } else {
    auto& before = waiters_[waiter_last_];
    // Deadlines must not run backwards along the queue.
    if (before.since > now)
      waiter.since = before.since;
    before.next = at;
  }
  waiter_last_ = at;
}

client_id ledger::pop_waiter() noexcept {
  const auto client = waiters_[waiter_first_].id;
  unlink_waiter(waiter_first_);
  return client;
}

void ledger::unlink_waiter(slot at) noexcept {
  auto& waiter = waiters_[at];
  (waiter.prev == no_slot ? waiter_first_ : waiters_[waiter.prev].next)
    = waiter.next;
  (waiter.next == no_slot ? waiter_last_ : waiters_[waiter.next].prev)
    = waiter.prev;
  waiter_slots_.erase(waiter.id.value());
  waiter = {};
  waiter.next = waiters_free_;
  waiters_free_ = at;
}

// -- invariants ---------------------------------------------------------------

void ledger::check() const {
  check_servers();
  check_waiters();
  if (!paused_)
    CENOTE_ASSERT(idle_first_ == no_slot || waiter_first_ == no_slot);
  if (draining_)
    CENOTE_ASSERT(idle_first_ == no_slot && waiter_first_ == no_slot);
}

void ledger::check_servers() const {
  std::size_t counts[server_state_count] = {};
  for (slot at = 0; at < servers_.size(); ++at) {
    const auto& server = servers_[at];
    ++counts[static_cast<std::size_t>(server.state)];
    if (server.state == server_state::free_slot)
      continue;
    CENOTE_ASSERT(server_slots_.find(server.id.value()) == at);
    CENOTE_ASSERT(server.state != server_state::held || server.blocks > 0);
    CENOTE_ASSERT(server.state != server_state::idle
                  || (server.blocks == 0 && !server.stale));
    CENOTE_ASSERT(server.state != server_state::lent || server.loan != 0);
  }
  for (std::size_t state = 0; state < server_state_count; ++state)
    CENOTE_ASSERT(counts[state] == counts_[state]);
  CENOTE_ASSERT(server_slots_.size()
                == servers_.size() - count(server_state::free_slot));
  std::size_t idle = 0;
  for (auto at = idle_first_, before = no_slot; at != no_slot;
       before = at, at = servers_[at].next) {
    CENOTE_ASSERT(servers_[at].state == server_state::idle);
    CENOTE_ASSERT(servers_[at].prev == before);
    CENOTE_ASSERT(servers_[at].next != no_slot || idle_last_ == at);
    ++idle;
  }
  CENOTE_ASSERT(idle == count(server_state::idle));
}

void ledger::check_waiters() const {
  std::size_t waiting = 0;
  for (auto at = waiter_first_, before = no_slot; at != no_slot;
       before = at, at = waiters_[at].next) {
    CENOTE_ASSERT(waiters_[at].prev == before);
    CENOTE_ASSERT(before == no_slot
                  || waiters_[before].since <= waiters_[at].since);
    CENOTE_ASSERT(waiters_[at].next != no_slot || waiter_last_ == at);
    CENOTE_ASSERT(waiter_slots_.find(waiters_[at].id.value()) == at);
    ++waiting;
  }
  CENOTE_ASSERT(waiting == waiter_slots_.size());
}

} // namespace cenote::pool
