#include "proxy/lane.hpp"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "base/assert.hpp"
#include "base/log.hpp"
#include "proxy/client_link.hpp"
#include "proxy/listen_hub.hpp"
#include "proxy/server_farewell.hpp"
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
           const tenants::pool_settings& settings, std::uint32_t index)
  : home_{home},
    id_{id},
    port_{std::move(port)},
    index_{index},
    settings_{settings},
    ledger_{ledger_settings(settings)},
    timer_{*this},
    is_replication_{key().is_replication()},
    times_clients_{has_client_times(settings)} {
  if (board().is_shared())
    mine_ = &board().at(index);
  configure_watch();
}

lane::~lane() {
  while (auto* client = clients_.first()) {
    clients_.erase(*client);
    home_.forget_client(*client);
    delete client;
  }
}

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

void lane::adopt(client_adoption&& client) {
  // Perhaps no server of the pool ever logged in here, or not lately.
  if (is_shared() && client.greet != nullptr)
    note_greeting(client.greet);
  auto link = std::make_unique<client_link>(*this, client);
  auto& here = *link.release();
  clients_.insert(here);
  home_.remember_client(here);
  const auto defaults = last_greeting_ ? last_greeting_ : client.greet;
  if (!here.start(client, defaults)) {
    log::error("the engine refused a client", {log::kv("client", here.id())});
    return gone(here);
  }
  if (ending_)
    here.refuse(*ending_);
}

void lane::adopt(server_adoption server) {
  if (server.epoch < epoch_ || ending_)
    return turn_away(std::move(server));
  if (is_shared())
    ++mine_->servers;
  if (!last_greeting_ || *last_greeting_ != server.said)
    note_greeting(std::make_shared<const greeting>(server.said));
  if (wanted_told_ > 0) // One of those that were asked for.
    --wanted_told_;
  auto id = home_.next_server_id();
  auto& here
    = servers_.add(std::make_unique<server_link>(*this, id, std::move(server)));
  if (!here.start())
    return here.close(ec::os_error);
  const auto elsewhere = look_around();
  settle(
    here,
    ledger_.add_server(id, here.connected_at(), home_.now(), elsewhere.since),
    elsewhere);
  arm();
}

void lane::turn_away(server_adoption server) {
  home_.see_off(std::move(server.socket), std::move(server.tls),
                {std::move(server.seat), port_, where(), ec::server_retired});
}

void lane::note_greeting(std::shared_ptr<const greeting> said) {
  if (said == last_greeting_)
    return;
  if (!last_greeting_ || *last_greeting_ != *said)
    startup_values_.clear();
  last_greeting_ = std::move(said);
}

void lane::gone(client_link& client) {
  if (find_client(client.id()) == nullptr)
    return;
  home_.forget_client(client);
  clients_.erase(client);
  home_.bury(std::unique_ptr<client_link>{&client});
  if (is_shared())
    --mine_->clients;
  tell_drained();
}

client_link* lane::find_client(client_id who) const noexcept {
  return home_.find_client(who);
}

void lane::lost(server_link& server, ec why) {
  server_farewell::estate{strike(server), port_, where(), why}.settle();
  make_do();
}

void lane::see_off(server_link& server, net::stream& last, ec why,
                   std::optional<cancel_order> cancel) {
  home_.see_off(last, {strike(server), port_, where(), why, std::move(cancel)});
  make_do();
}

std::vector<quota_unit> lane::strike(server_link& server) {
  auto found = servers_.take(server.id());
  CENOTE_ASSERT(found != nullptr);
  ledger_.server_lost(server.id());
  // Never more on the board than there are units.
  if (is_shared())
    --mine_->servers;
  home_.bury(std::move(found));
  return server.take_seat();
}

void lane::make_do() {
  publish();
  wake_waiters();
  home_.mark(*this);
  tell_paused();
  tell_drained();
}

bool lane::is_empty() const noexcept {
  return clients_.empty() && servers_.empty();
}

// -- lending ------------------------------------------------------------------

[[gnu::hot]] void lane::checkout(client_link& client) {
  if (ending_)
    return client.refuse(*ending_);
  auto outcome = ledger_.checkout(client.id(), home_.now());
  publish();
  if (auto* now = std::get_if<pool::assignment>(&outcome))
    return lend(*now);
  if (auto* no = std::get_if<pool::refused>(&outcome))
    return client.refuse(no->why);
  // The queues of all lanes have one limit.
  if (is_shared() && settings_.waiters_max > 0
      && board().waiting > settings_.waiters_max) {
    leave_queue(client);
    return client.refuse(ec::too_many_waiters);
  }
  home_.mark(*this);
  arm();
}

void lane::leave_queue(client_link& client) noexcept {
  ledger_.leave_queue(client.id());
  publish();
}

/// Carries an assignment out. A client that fails on the spot gives its server
/// back, which may be the next one's: a loop, not a recursion, however many
/// fail in a row.
[[gnu::hot]] void lane::lend(pool::assignment to) {
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

[[gnu::hot]] void lane::carry_out(const pool::assignment& what) {
  if (what.client == listen_hub::waiter)
    return lend_to_hub(what);
  auto* client = find_client(what.client);
  auto* server = servers_.find(what.server);
  bool is_waiting
    = client != nullptr && client->phase() == session::phase::waiting;
  if (server == nullptr) {
    if (is_waiting) // The server died between the two: ask again.
      checkout(*client);
    return;
  }
  if (!is_waiting) { // The client did.
    const auto elsewhere = look_around();
    return settle(*server,
                  ledger_.checkin(what.loan, pool::server_verdict::clean,
                                  home_.now(), elsewhere.since),
                  elsewhere);
  }
  ++sums_.server_assignments;
  server->attach(*client, what.loan);
  client->lend(*server);
}

[[gnu::hot]] void lane::checkin(server_link& server,
                                pool::server_verdict verdict) {
  const auto elsewhere = look_around();
  settle(server,
         ledger_.checkin(server.loan(), verdict, home_.now(), elsewhere.since),
         elsewhere);
}

void lane::cleaned(server_link& server) {
  const auto elsewhere = look_around();
  settle(server, ledger_.reset_done(server.id(), home_.now(), elsewhere.since),
         elsewhere);
}

void lane::block(const server_link& server) noexcept {
  ledger_.block(server.id());
  publish();
}

void lane::unblock(server_link& server) {
  const auto elsewhere = look_around();
  settle(server, ledger_.unblock(server.id(), home_.now(), elsewhere.since),
         elsewhere);
}

[[gnu::hot]] void lane::settle(server_link& server, pool::turn what,
                               const lane_board::need& elsewhere) {
  publish();
  switch (what.fate) {
    case pool::server_fate::ignored:
      break;
    case pool::server_fate::parked:
      if (is_shared()) // A waiter elsewhere may have missed it.
        home_.mark(*this);
      tell_paused();
      break;
    case pool::server_fate::moving:
      begin_move(server.id(), elsewhere.index);
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
  if (auto* found = servers_.find(id))
    found->close(why);
}

void lane::end_clients(const std::vector<client_id>& who, ec why) {
  end_clients(who, refusal{failure{why, {}}, nullptr});
}

void lane::end_clients(const std::vector<client_id>& who, const refusal& why) {
  for (auto id : who) {
    if (auto* found = find_client(id))
      found->refuse(why);
    else if (id == listen_hub::waiter)
      hub_->refused();
  }
}

// -- demand -------------------------------------------------------------------

void lane::end_turn() {
  std::size_t coming = 0;
  if (is_shared()) {
    offer_idle();
    send_moving();
    count_elsewhere();
    coming = ask_others();
  }
  tell_demand(coming);
}

void lane::tell_demand(std::size_t coming) {
  const auto wanted = servers_wanted(coming);
  if (is_shared())
    mine_->wanted = static_cast<std::uint32_t>(wanted);
  if (wanted == 0) {
    wanted_told_ = 0;
    tell_again_at_ = never;
    return;
  }
  if (wanted <= wanted_told_ && home_.now() < tell_again_at_)
    return;
  wanted_told_ = wanted;
  tell_again_at_ = home_.now() + tell_again_after;
  auto now = numbers();
  now.servers_wanted
    = is_shared() ? board().wanted() : static_cast<std::uint32_t>(wanted);
  port_->starving(where(), now);
  arm();
}

lane_ref lane::where() const noexcept {
  return {home_.index(), id_, 1};
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
  out.servers_wanted = static_cast<std::uint32_t>(servers_wanted(0));
  return out;
}

// -- time ---------------------------------------------------------------------

void lane::arm() {
  auto next = std::min({ledger_.next_deadline(), tell_again_at_,
                        drain_deadline_, move_again_at_, ask_at_});
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
  publish();
  auto expired = std::exchange(client_scratch_, {});
  end_clients(expired, ec::query_wait_timeout);
  client_scratch_ = std::move(expired);
  if (now >= move_again_at_) {
    move_again_at_ = never;
    home_.mark(*this);
  }
  if (now >= ask_at_) {
    ask_at_ = never;
    home_.mark(*this);
  }
  count_elsewhere();
  while (auto due = ledger_.retire_due(now)) {
    close_server(due->server, due->why);
    count_elsewhere();
  }
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
  clients_.for_each([&](const client_link& each) {
    if (each.is_active())
      ++out.clients_active;
  });
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
  clients_.for_each(
    [&](const client_link& each) { clients.push_back(each.row(home_.now())); });
  servers_.for_each([&](const server_link& each) {
    auto& row = servers.emplace_back(each.row());
    // Not so what is closed behind its client because of what that did: nobody
    // waits for it to be replaced.
    row.close_needed = ledger_.is_stale(each.id());
  });
}

} // namespace cenote::proxy
