#include "pool/ledger.hpp"

#include <algorithm>

namespace cenote::pool {

ledger::ledger(const settings& with)
  : settings_{with} {
  // nop
}

void ledger::configure(const settings& with) noexcept {
  settings_ = with;
}

// -- clients ------------------------------------------------------------------

[[gnu::hot]] checkout_outcome ledger::checkout(client_id client,
                                               time_point now) {
  if (draining_)
    return refused{ec::pool_draining};
  if (!paused_ && idle_first_ != no_slot)
    return lend(idle_first_, client);
  // Counted before the client is stored: shed load before the queue is useless.
  if (waiter_slots_.size() >= settings_.waiter_count_max)
    return refused{ec::too_many_waiters};
  push_waiter(client, now);
  return queued{};
}

bool ledger::leave_queue(client_id client) noexcept {
  const auto at = waiter_slots_.find(client.value());
  if (!at)
    return false;
  unlink_waiter(*at);
  return true;
}

bool ledger::is_waiting(client_id client) const noexcept {
  return waiter_slots_.find(client.value()).has_value();
}

[[gnu::hot]] turn ledger::checkin(loan_id loan, server_verdict verdict,
                                  time_point now, time_point waiter_elsewhere) {
  const auto at = static_cast<slot>(loan.value());
  const auto generation = static_cast<std::uint32_t>(loan.value() >> 32);
  if (at >= servers_.size() || servers_[at].state != server_state::lent
      || servers_[at].loan != generation)
    return {};
  switch (verdict) {
    case server_verdict::clean:
      return settle(at, now, waiter_elsewhere);
    case server_verdict::tainted:
      // Resetting what is closed afterwards anyway would be for nothing.
      if (const auto why = reason_to_close(servers_[at], now); why != ec::none)
        return close(at, why, now);
      move_to(at, server_state::resetting);
      return {server_fate::resetting, ec::none, {}};
    case server_verdict::broken:
      return close(at, ec::server_dirty, now);
  }
  return {};
}

void ledger::expire_waiters(time_point now, std::vector<client_id>& expired) {
  if (settings_.query_wait_max <= duration::zero())
    return;
  // The queue is in the order of arrival, hence of deadlines.
  while (waiter_first_ != no_slot
         && now - waiters_[waiter_first_].since >= settings_.query_wait_max)
    expired.push_back(pop_waiter());
}

time_point ledger::next_deadline() const noexcept {
  if (waiter_first_ == no_slot || settings_.query_wait_max <= duration::zero())
    return never;
  const auto since = waiters_[waiter_first_].since;
  if (settings_.query_wait_max > never - since)
    return never;
  return since + settings_.query_wait_max;
}

void ledger::take_waiters(std::vector<client_id>& ended) {
  while (waiter_first_ != no_slot)
    ended.push_back(pop_waiter());
}

// -- servers ------------------------------------------------------------------

turn ledger::add_server(server_id server, time_point connected_at,
                        time_point now, time_point waiter_elsewhere) {
  const auto at = new_server(server);
  servers_[at].connected_at = connected_at;
  return settle(at, now, waiter_elsewhere);
}

turn ledger::reset_done(server_id server, time_point now,
                        time_point waiter_elsewhere) {
  const auto at = server_slots_.find(server.value());
  if (!at || servers_[*at].state != server_state::resetting)
    return {};
  return settle(*at, now, waiter_elsewhere);
}

std::optional<assignment> ledger::server_lost(server_id server) noexcept {
  const auto at = server_slots_.find(server.value());
  if (!at)
    return std::nullopt;
  auto ended = loan_of(server);
  forget(*at);
  return ended;
}

void ledger::block(server_id server) noexcept {
  const auto at = server_slots_.find(server.value());
  if (!at)
    return;
  ++servers_[*at].blocks;
  if (servers_[*at].state == server_state::idle)
    move_to(*at, server_state::held);
}

turn ledger::unblock(server_id server, time_point now,
                     time_point waiter_elsewhere) {
  const auto at = server_slots_.find(server.value());
  if (!at || servers_[*at].blocks == 0)
    return {};
  if (--servers_[*at].blocks > 0 || servers_[*at].state != server_state::held)
    return {};
  return settle(*at, now, waiter_elsewhere);
}

std::optional<retirement> ledger::retire_due(time_point now) {
  if (idle_last_ == no_slot)
    return std::nullopt;
  auto retire = [&](slot at, ec why) {
    const auto server = servers_[at].id;
    close(at, why, now);
    return retirement{server, why};
  };
  if (has_surplus())
    return retire(idle_last_, ec::server_retired);
  for (auto at = idle_last_; at != no_slot; at = servers_[at].prev)
    if (is_too_old(servers_[at], now))
      return retire(at, ec::server_lifetime);
  if (settings_.server_idle_max > duration::zero()
      && numbers().servers() + elsewhere_ > settings_.server_count_min
      && now - servers_[idle_last_].idle_since >= settings_.server_idle_max)
    return retire(idle_last_, ec::server_idle);
  return std::nullopt;
}

std::optional<server_id> ledger::take_coldest_idle() noexcept {
  if (idle_last_ == no_slot)
    return std::nullopt;
  const auto server = servers_[idle_last_].id;
  forget(idle_last_);
  return server;
}

// -- admin --------------------------------------------------------------------

void ledger::pause() noexcept {
  paused_ = true;
}

void ledger::resume(std::vector<assignment>& lent) {
  paused_ = false;
  while (waiter_first_ != no_slot && idle_first_ != no_slot)
    lent.push_back(lend(idle_first_, pop_waiter()));
}

void ledger::drain(std::vector<client_id>& ended,
                   std::vector<server_id>& to_close) {
  draining_ = true;
  take_waiters(ended);
  take_idle_servers(to_close);
}

void ledger::reconnect(std::vector<server_id>& to_close) {
  take_idle_servers(to_close);
  for (auto& each : servers_)
    if (each.state != server_state::free_slot)
      each.stale = true;
}

// -- numbers ------------------------------------------------------------------

ledger_numbers ledger::numbers() const noexcept {
  return {
    .idle = count(server_state::idle),
    .lent = count(server_state::lent),
    .resetting = count(server_state::resetting),
    .held = count(server_state::held),
    .waiting = waiter_slots_.size(),
    .oldest_waiter_since
    = waiter_first_ == no_slot ? never : waiters_[waiter_first_].since,
  };
}

bool ledger::is_quiet() const noexcept {
  return count(server_state::lent) == 0 && count(server_state::resetting) == 0
      && count(server_state::held) == 0;
}

std::size_t ledger::servers_wanted(std::size_t logins,
                                   std::size_t coming) const noexcept {
  if (paused_ || draining_)
    return 0;
  auto lacking = [](std::size_t wish, std::size_t have) {
    return wish > have ? wish - have : 0;
  };
  const auto now = numbers();
  const auto all = now.servers() + elsewhere_ + logins;
  const auto wish
    = std::max(lacking(now.waiting, now.resetting + logins + coming),
               lacking(settings_.server_count_min, all));
  if (settings_.server_count_max == 0)
    return wish;
  return std::min(wish, lacking(settings_.server_count_max, all));
}

bool ledger::is_stale(server_id server) const noexcept {
  const auto at = server_slots_.find(server.value());
  return at && servers_[*at].stale;
}

std::optional<assignment> ledger::loan_of(server_id server) const noexcept {
  const auto at = server_slots_.find(server.value());
  if (!at || servers_[*at].state != server_state::lent)
    return std::nullopt;
  const auto generation = std::uint64_t{servers_[*at].loan};
  return assignment{servers_[*at].client, server,
                    loan_id{(generation << 32) | *at}};
}

// -- decisions ----------------------------------------------------------------

assignment ledger::lend(slot at, client_id client) noexcept {
  // 0 would make the first loan of slot 0 "none".
  if (++loan_generation_ == 0)
    ++loan_generation_;
  move_to(at, server_state::lent);
  auto& server = servers_[at];
  server.client = client;
  server.loan = loan_generation_;
  return {client, server.id,
          loan_id{(std::uint64_t{loan_generation_} << 32) | at}};
}

[[gnu::hot]] turn ledger::settle(slot at, time_point now,
                                 time_point waiter_elsewhere) {
  if (const auto why = reason_to_close(servers_[at], now); why != ec::none)
    return close(at, why, now);
  if (servers_[at].blocks > 0) {
    move_to(at, server_state::held);
    return {server_fate::parked, ec::none, {}};
  }
  const auto oldest
    = waiter_first_ == no_slot ? never : waiters_[waiter_first_].since;
  if (!paused_ && waiter_elsewhere < oldest) {
    forget(at);
    return {server_fate::moving, ec::none, {}};
  }
  if (!paused_ && waiter_first_ != no_slot)
    return {server_fate::lent, ec::none, lend(at, pop_waiter())};
  servers_[at].idle_since = now;
  move_to(at, server_state::idle);
  return {server_fate::parked, ec::none, {}};
}

turn ledger::close(slot at, ec why, time_point now) noexcept {
  if (why == ec::server_lifetime)
    last_age_closing_ = now;
  forget(at);
  return {server_fate::closing, why, {}};
}

[[gnu::hot]] ec ledger::reason_to_close(const server_entry& server,
                                        time_point now) const noexcept {
  if (draining_ || server.stale || has_surplus())
    return ec::server_retired;
  if (is_too_old(server, now))
    return ec::server_lifetime;
  return ec::none;
}

bool ledger::is_too_old(const server_entry& server,
                        time_point now) const noexcept {
  if (settings_.server_lifetime <= duration::zero()
      || now - server.connected_at < settings_.server_lifetime)
    return false;
  if (settings_.server_count_max == 0 || !last_age_closing_)
    return true;
  const auto size = static_cast<duration::rep>(settings_.server_count_max);
  return now - *last_age_closing_ >= settings_.server_lifetime / size;
}

bool ledger::has_surplus() const noexcept {
  return settings_.server_count_max > 0
      && server_slots_.size() + elsewhere_ > settings_.server_count_max;
}

} // namespace cenote::pool
