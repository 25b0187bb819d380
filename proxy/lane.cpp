#include "proxy/lane.hpp"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "base/log.hpp"
#include "proxy/client_link.hpp"
#include "proxy/listen_hub.hpp"
#include "proxy/server_link.hpp"
#include "proxy/shard.hpp"

namespace cenote::proxy {

namespace {

using std::chrono::milliseconds;

/// While clients starve, the worker is told again: its answer may have been
/// lost with an actor.
constexpr auto tell_again_after = std::chrono::seconds{1};

} // namespace

lane::lane(shard& home, lane_id id, std::shared_ptr<pool_port> port,
           const tenants::pool_settings& settings)
  : home_{home},
    id_{id},
    port_{std::move(port)},
    settings_{settings},
    ledger_{ledger_settings(settings)},
    timer_{*this},
    times_clients_{has_client_times(settings)} {
  // nop
}

lane::~lane() = default;

pool::ledger::settings
lane::ledger_settings(const tenants::pool_settings& from) noexcept {
  pool::ledger::settings out;
  // 0: as many as there may be clients.
  out.waiter_count_max = from.waiters_max > 0 ? from.waiters_max : SIZE_MAX;
  out.query_wait_max = from.query_wait_timeout;
  out.server_lifetime = from.server_lifetime;
  out.server_idle_max = from.server_idle_timeout;
  out.server_count_min = from.min_pool_size;
  out.server_count_max = from.pool_size;
  return out;
}

bool lane::has_client_times(const tenants::pool_settings& of) noexcept {
  return of.client_idle_timeout.count() > 0
      || of.idle_transaction_timeout.count() > 0
      || of.transaction_timeout.count() > 0 || of.query_timeout.count() > 0;
}

// -- who is here --------------------------------------------------------------

void lane::adopt(client_adoption client) {
  auto link = std::make_unique<client_link>(*this, std::move(client));
  auto& here = *link;
  clients_.emplace(here.id(), std::move(link));
  if (!here.start(last_greeting_.get())) {
    log::error("the engine refused a client", {log::kv("client", here.id())});
    return gone(here);
  }
  if (ending_)
    here.refuse(*ending_);
}

void lane::adopt(server_adoption server) {
  if (server.epoch < epoch_ || ending_) {
    server.seat.clear();
    return port_->server_gone(where(), ec::server_retired);
  }
  if (!last_greeting_ || *last_greeting_ != server.said) {
    last_greeting_ = std::make_shared<const greeting>(server.said);
    startup_values_.clear();
  }
  if (wanted_told_ > 0) // One of those that were asked for.
    --wanted_told_;
  auto id = home_.next_server_id();
  auto link = std::make_unique<server_link>(*this, id, std::move(server));
  auto& here = *link;
  servers_.emplace(id, std::move(link));
  home_.remember_server(here);
  if (!here.start())
    return here.close(ec::os_error);
  settle(here, ledger_.add_server(id, here.connected_at(), home_.now()));
  arm();
}

void lane::gone(client_link& client) {
  auto found = clients_.find(client.id());
  if (found == clients_.end())
    return;
  home_.bury(std::move(found->second));
  clients_.erase(found);
  tell_drained();
}

void lane::lost(server_link& server, ec why) {
  auto found = servers_.find(server.id());
  if (found == servers_.end())
    return;
  ledger_.server_lost(server.id());
  server.give_seat_back();
  home_.forget_server(server.id());
  home_.bury(std::move(found->second));
  servers_.erase(found);
  port_->server_gone(where(), why);
  home_.mark(*this);
  tell_paused();
  tell_drained();
}

bool lane::is_empty() const noexcept {
  return clients_.empty() && servers_.empty();
}

// -- lending ------------------------------------------------------------------

void lane::checkout(client_link& client) {
  if (ending_)
    return client.refuse(*ending_);
  auto outcome = ledger_.checkout(client.id(), home_.now());
  if (auto* now = std::get_if<pool::assignment>(&outcome))
    return lend(*now);
  if (auto* no = std::get_if<pool::refused>(&outcome))
    return client.refuse(no->why);
  home_.mark(*this);
  arm();
}

void lane::leave_queue(client_link& client) noexcept {
  ledger_.leave_queue(client.id());
}

/// Carries an assignment out. A client that fails on the spot gives its server
/// back, which may be the next one's: a loop, not a recursion, however many
/// fail in a row.
void lane::lend(pool::assignment to) {
  if (std::exchange(is_lending_, true)) {
    lending_.push_back(to);
    return;
  }
  carry_out(to);
  for (std::size_t i = 0; i < lending_.size(); ++i) {
    to = lending_[i];
    carry_out(to);
  }
  lending_.clear();
  is_lending_ = false;
}

void lane::carry_out(const pool::assignment& what) {
  if (what.client == listen_hub::waiter)
    return lend_to_hub(what);
  auto client = clients_.find(what.client);
  auto server = servers_.find(what.server);
  bool is_waiting = client != clients_.end()
                 && client->second->phase() == session::phase::waiting;
  if (server == servers_.end()) {
    if (is_waiting) // The server died between the two: ask again.
      checkout(*client->second);
    return;
  }
  if (!is_waiting) // The client did.
    return settle(
      *server->second,
      ledger_.checkin(what.loan, pool::server_verdict::clean, home_.now()));
  ++sums_.server_assignments;
  server->second->attach(*client->second, what.loan);
  client->second->lend(*server->second);
}

void lane::checkin(server_link& server, pool::server_verdict verdict) {
  settle(server, ledger_.checkin(server.loan(), verdict, home_.now()));
}

void lane::cleaned(server_link& server) {
  settle(server, ledger_.reset_done(server.id(), home_.now()));
}

void lane::block(const server_link& server) noexcept {
  ledger_.block(server.id());
}

void lane::unblock(server_link& server) {
  settle(server, ledger_.unblock(server.id(), home_.now()));
}

void lane::settle(server_link& server, pool::turn what) {
  switch (what.fate) {
    case pool::server_fate::ignored:
      break;
    case pool::server_fate::parked:
      tell_paused();
      break;
    case pool::server_fate::lent:
      lend(what.next);
      break;
    case pool::server_fate::resetting:
      server.start_cleaning();
      break;
    case pool::server_fate::closing:
      server.close(what.why);
      break;
  }
  if (ending_)
    tell_drained();
}

void lane::close_server(server_id id, ec why) {
  auto found = servers_.find(id);
  if (found != servers_.end())
    found->second->close(why);
}

void lane::end_clients(const std::vector<client_id>& who, ec why) {
  for (auto id : who) {
    auto found = clients_.find(id);
    if (found != clients_.end())
      found->second->refuse(why);
    else if (id == listen_hub::waiter)
      hub_->refused();
  }
}

// -- demand -------------------------------------------------------------------

void lane::tell_demand() {
  auto wanted = ledger_.servers_wanted(0);
  if (wanted == 0) {
    wanted_told_ = 0;
    tell_again_at_ = never;
    return;
  }
  if (wanted <= wanted_told_ && home_.now() < tell_again_at_)
    return;
  wanted_told_ = wanted;
  tell_again_at_ = home_.now() + tell_again_after;
  port_->starving(where(), numbers());
  arm();
}

lane_ref lane::where() const noexcept {
  return {home_.index(), id_};
}

lane_numbers lane::numbers() const noexcept {
  auto counts = ledger_.numbers();
  lane_numbers out;
  out.clients = static_cast<std::uint32_t>(clients_.size());
  out.waiting = static_cast<std::uint32_t>(counts.waiting);
  out.servers_idle = static_cast<std::uint32_t>(counts.idle);
  out.servers_lent = static_cast<std::uint32_t>(counts.lent);
  out.servers_cleaning
    = static_cast<std::uint32_t>(counts.resetting + counts.held);
  out.servers_wanted = static_cast<std::uint32_t>(ledger_.servers_wanted(0));
  return out;
}

// -- time ---------------------------------------------------------------------

void lane::arm() {
  auto next
    = std::min({ledger_.next_deadline(), tell_again_at_, drain_deadline_});
  auto consider = [&](milliseconds limit) {
    if (limit.count() == 0 || servers_.empty())
      return;
    // Twenty looks within the limit: late by 5 % at most, and a lane without
    // servers is never looked at.
    auto period
      = std::clamp(limit / 20, milliseconds{20}, milliseconds{10'000});
    next = std::min(next, home_.now() + period);
  };
  consider(settings_.server_idle_timeout);
  consider(settings_.server_lifetime);
  if (next == never)
    return;
  // Whatever is due already was just looked at: no second look in this turn.
  next = std::max(next, home_.now() + milliseconds{1});
  if (!timer_.is_armed() || next < timer_.deadline())
    home_.clocks().arm(timer_, next);
}

void lane::on_time(time_point now) {
  client_scratch_.clear();
  ledger_.expire_waiters(now, client_scratch_);
  auto expired = std::exchange(client_scratch_, {});
  end_clients(expired, ec::query_wait_timeout);
  client_scratch_ = std::move(expired);
  while (auto due = ledger_.retire_due(now))
    close_server(due->server, due->why);
  if (now >= tell_again_at_) {
    tell_again_at_ = never;
    wanted_told_ = 0;
    home_.mark(*this);
  }
  if (now >= drain_deadline_) {
    drain_deadline_ = never;
    cut_short_ += static_cast<std::uint32_t>(ledger_.numbers().lent);
    kill(*ending_);
  }
  arm();
}

// -- what the actors decide ---------------------------------------------------

void lane::configure(const tenants::pool_settings& settings) {
  settings_ = settings;
  times_clients_ = has_client_times(settings);
  ledger_.configure(ledger_settings(settings));
  if (hub_ != nullptr && !has_room_for_hub())
    hub_->end_clients();
  home_.mark(*this);
  arm();
}

void lane::fail_waiters(const refusal& why) {
  if (ledger_.numbers().servers() > 0 && !is_replication())
    return;
  client_scratch_.clear();
  ledger_.take_waiters(client_scratch_);
  auto ended = std::exchange(client_scratch_, {});
  for (auto id : ended) {
    auto found = clients_.find(id);
    if (found != clients_.end())
      found->second->refuse(why);
    else if (id == listen_hub::waiter)
      hub_->refused();
  }
}

void lane::pause() {
  pause_unanswered_ = true;
  ledger_.pause();
  std::vector<server_id> to_close;
  ledger_.reconnect(to_close);
  for (auto id : to_close)
    close_server(id, ec::server_retired);
  if (hub_ != nullptr)
    hub_->drop_server();
  tell_paused();
}

void lane::resume() {
  pause_unanswered_ = false;
  std::vector<pool::assignment> lent;
  ledger_.resume(lent);
  for (auto& what : lent)
    lend(what);
  home_.mark(*this);
  arm();
}

void lane::retire_servers(std::uint64_t epoch) {
  epoch_ = std::max(epoch_, epoch);
  std::vector<server_id> to_close;
  ledger_.reconnect(to_close);
  for (auto id : to_close)
    close_server(id, ec::server_retired);
  if (hub_ != nullptr)
    hub_->drop_server();
}

void lane::shrink(std::uint32_t count) {
  for (; count > 0; --count) {
    auto coldest = ledger_.take_coldest_idle();
    if (!coldest)
      return;
    close_server(*coldest, ec::server_retired);
  }
}

void lane::drain(time_point deadline, ec why) {
  ending_ = why;
  drain_unanswered_ = true;
  drain_deadline_ = deadline;
  std::vector<client_id> ended;
  std::vector<server_id> to_close;
  ledger_.drain(ended, to_close);
  end_clients(ended, why);
  for (auto id : to_close)
    close_server(id, why);
  std::vector<client_id> at_rest;
  for (auto& [id, link] : clients_)
    if (link->is_at_rest())
      at_rest.push_back(id);
  end_clients(at_rest, why);
  tell_drained();
  arm();
}

void lane::kill(ec why) {
  ending_ = why;
  std::vector<client_id> ended;
  std::vector<server_id> to_close;
  ledger_.drain(ended, to_close);
  for (auto& [id, link] : servers_)
    link->doomed = true;
  ended.clear();
  for (auto& [id, link] : clients_)
    ended.push_back(id);
  end_clients(ended, why);
  to_close.clear();
  for (auto& [id, link] : servers_)
    to_close.push_back(id);
  for (auto id : to_close)
    close_server(id, why);
  tell_drained();
}

void lane::report() {
  pool_port::census now;
  now.numbers = numbers();
  now.last_greeting = last_greeting_;
  now.clients.reserve(clients_.size());
  for (auto& [id, link] : clients_)
    now.clients.push_back(id);
  port_->reported(where(), std::move(now));
}

void lane::tell_paused() {
  if (pause_unanswered_ && ledger_.is_paused() && ledger_.is_quiet()) {
    pause_unanswered_ = false;
    port_->paused(where());
  }
}

void lane::tell_drained() {
  if (drain_unanswered_ && clients_.empty() && ledger_.is_quiet()) {
    drain_unanswered_ = false;
    drain_deadline_ = never;
    port_->drained(where(), cut_short_);
  }
}

// -- for people ---------------------------------------------------------------

lane_row lane::row() const {
  lane_row out;
  out.where = where();
  out.pool = key();
  out.settings = settings_;
  out.numbers = numbers();
  auto counts = ledger_.numbers();
  if (counts.oldest_waiter_since != never)
    out.maxwait_us = static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(
        home_.now() - counts.oldest_waiter_since)
        .count());
  for (auto& [id, link] : clients_)
    if (link->is_active())
      ++out.clients_active;
  out.servers_being_canceled = static_cast<std::uint32_t>(counts.held);
  out.clients_pinned = pinned_count_;
  if (hub_ != nullptr)
    out.channels = static_cast<std::uint32_t>(hub_->channel_count());
  out.paused = ledger_.is_paused();
  out.draining = ending_.has_value();
  out.sums = sums_;
  return out;
}

void lane::list(std::vector<client_row>& clients,
                std::vector<server_row>& servers) const {
  for (auto& [id, link] : clients_)
    clients.push_back(link->row(home_.now()));
  for (auto& [id, link] : servers_)
    servers.push_back(link->row());
}

} // namespace cenote::proxy
