// What the actors decide, carried out in one lane.

#include <algorithm>
#include <cstdint>
#include <utility>

#include "proxy/client_link.hpp"
#include "proxy/lane.hpp"
#include "proxy/listen_hub.hpp"
#include "proxy/server_link.hpp"
#include "proxy/shard.hpp"

namespace cenote::proxy {

void lane::configure(const tenants::pool_settings& settings) {
  settings_ = settings;
  last_welcome_ = nullptr; // What clients are asked may have changed.
  times_clients_ = has_client_times(settings);
  ledger_.configure(ledger_settings(settings));
  configure_watch();
  if (hub_ != nullptr && !has_room_for_hub())
    hub_->end_clients();
  // Other times count from now on, also for what is under way.
  clients_.for_each([](client_link& each) { each.rearm(); });
  home_.mark(*this);
  arm();
}

void lane::fail_waiters(const refusal& why) {
  if (has_servers() && !is_replication())
    return;
  client_scratch_.clear();
  ledger_.take_waiters(client_scratch_);
  publish();
  end_clients(std::exchange(client_scratch_, {}), why);
}

/// Idle servers now, lent ones when they come free.
void lane::retire_all() {
  std::vector<server_id> to_close;
  ledger_.reconnect(to_close);
  publish();
  for (auto id : to_close)
    close_server(id, ec::server_retired);
  if (hub_ != nullptr)
    hub_->drop_server();
}

void lane::pause(std::uint64_t number) {
  take_back();
  pause_number_ = number;
  pause_unanswered_ = true;
  ledger_.pause();
  retire_all();
  tell_paused();
}

void lane::resume() {
  pause_unanswered_ = false;
  std::vector<pool::assignment> lent;
  ledger_.resume(lent);
  publish();
  for (auto& what : lent)
    lend(what);
  home_.mark(*this);
  arm();
}

void lane::retire_servers(std::uint64_t epoch) {
  take_back();
  epoch_ = std::max(epoch_, epoch);
  watch_is_old_ = true;
  retire_all();
}

std::uint32_t lane::shrink(std::uint32_t count) {
  for (std::uint32_t closed = 0; closed < count; ++closed) {
    auto coldest = ledger_.take_coldest_idle();
    if (!coldest)
      return closed;
    close_server(*coldest, ec::server_retired);
  }
  return count;
}

void lane::drain(time_point deadline, ec why) {
  take_back();
  ending_ = why;
  drain_unanswered_ = true;
  drain_deadline_ = deadline;
  std::vector<client_id> ended;
  std::vector<server_id> to_close;
  ledger_.drain(ended, to_close);
  publish();
  end_clients(ended, why);
  for (auto id : to_close)
    close_server(id, why);
  std::vector<client_id> at_rest;
  clients_.for_each([&](const client_link& each) {
    if (each.is_at_rest())
      at_rest.push_back(each.id());
  });
  end_clients(at_rest, why);
  tell_drained();
  arm();
}

void lane::kill(ec why) {
  take_back();
  ending_ = why;
  std::vector<client_id> ended;
  std::vector<server_id> to_close;
  ledger_.drain(ended, to_close);
  publish();
  servers_.for_each([](server_link& each) { each.doomed = true; });
  ended.clear();
  clients_.for_each(
    [&](const client_link& each) { ended.push_back(each.id()); });
  end_clients(ended, why);
  to_close.clear();
  servers_.for_each(
    [&](const server_link& each) { to_close.push_back(each.id()); });
  for (auto id : to_close)
    close_server(id, why);
  tell_drained();
}

pool_port::census lane::census() const {
  pool_port::census now;
  now.numbers = numbers();
  now.last_greeting = last_greeting_;
  now.clients.reserve(clients_.size());
  clients_.for_each(
    [&](const client_link& each) { now.clients.push_back(each.id()); });
  return now;
}

[[gnu::hot]] void lane::tell_paused() {
  if (pause_unanswered_ && ledger_.is_paused() && ledger_.is_quiet()) {
    pause_unanswered_ = false;
    if (is_shared()) {
      mine_->quiet_since = pause_number_;
      if (!board().is_quiet_since(pause_number_))
        return; // The last one tells.
    }
    port_->paused(where());
  }
}

void lane::tell_drained() {
  if (drain_unanswered_ && clients_.empty() && ledger_.is_quiet()) {
    drain_unanswered_ = false;
    drain_deadline_ = never;
    if (is_shared()) {
      board().cut_short += std::exchange(cut_short_, 0u);
      mine_->drained = true;
      if (board().is_drained()) // The last one tells.
        port_->drained(where(), board().cut_short);
      return;
    }
    port_->drained(where(), cut_short_);
  }
}

} // namespace cenote::proxy
