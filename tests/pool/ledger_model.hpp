#pragma once

#include <algorithm>
#include <deque>
#include <map>
#include <optional>
#include <utility>

#include "pool/ledger.hpp"

namespace cenote::pool::test {

/// The ledger as one would write it without caring for time or memory.
class ledger_model {
public:
  enum class place { idle, lent, resetting, held };
  struct server {
    place where = place::held;
    time_point connected_at, idle_since;
    client_id client;
    int blocks = 0;
    bool stale = false;
  };

  turn settle(server_id id, time_point now, time_point elsewhere = never) {
    auto& each = servers.at(id);
    if (auto why = reason(each, now); why != ec::none) {
      if (why == ec::server_lifetime)
        last_age_closing = now;
      remove(id); // `each` is gone from here on.
      return {server_fate::closing, why, {}};
    }
    each.client = {};
    if (each.blocks > 0) {
      each.where = place::held;
      return {server_fate::parked, ec::none, {}};
    }
    if (!paused
        && elsewhere < (waiters.empty() ? never : waiters.front().second)) {
      remove(id);
      return {server_fate::moving, ec::none, {}};
    }
    if (!paused && !waiters.empty()) {
      auto [who, since] = waiters.front();
      waiters.pop_front();
      each.where = place::lent;
      each.client = who;
      return {server_fate::lent, ec::none, {who, id, {}}};
    }
    each.where = place::idle;
    each.idle_since = now;
    idle.push_front(id);
    return {server_fate::parked, ec::none, {}};
  }

  ec reason(const server& each, time_point now) const {
    if (draining || each.stale || surplus())
      return ec::server_retired;
    return too_old(each, now) ? ec::server_lifetime : ec::none;
  }

  bool surplus() const {
    return with.server_count_max > 0
        && servers.size() + servers_elsewhere > with.server_count_max;
  }

  bool too_old(const server& each, time_point now) const {
    if (with.server_lifetime == duration::zero()
        || each.connected_at + with.server_lifetime > now)
      return false;
    if (with.server_count_max == 0)
      return true;
    return !last_age_closing
        || *last_age_closing
               + with.server_lifetime / long(with.server_count_max)
             <= now;
  }

  void remove(server_id id) {
    servers.erase(id);
    std::erase(idle, id);
  }

  bool waits(client_id who) const {
    return std::any_of(waiters.begin(), waiters.end(),
                       [=](const auto& each) { return each.first == who; });
  }

  std::size_t count(place where) const {
    return static_cast<std::size_t>(
      std::count_if(servers.begin(), servers.end(), [=](const auto& each) {
        return each.second.where == where;
      }));
  }

  std::optional<retirement> retire(time_point now) {
    auto why = ec::none;
    auto which = idle.rbegin();
    if (idle.empty())
      return std::nullopt;
    if (surplus()) {
      why = ec::server_retired;
    } else {
      which = std::find_if(idle.rbegin(), idle.rend(), [&](server_id id) {
        return too_old(servers.at(id), now);
      });
      if (which != idle.rend()) {
        why = ec::server_lifetime;
        last_age_closing = now;
      } else {
        which = idle.rbegin();
        if (with.server_idle_max > duration::zero()
            && servers.size() + servers_elsewhere > with.server_count_min
            && servers.at(*which).idle_since + with.server_idle_max <= now)
          why = ec::server_idle;
      }
    }
    if (why == ec::none)
      return std::nullopt;
    const auto retired = retirement{*which, why};
    remove(retired.server);
    return retired;
  }

  ledger::settings with;
  std::map<server_id, server> servers;
  std::deque<server_id> idle; ///< Most recently used first.
  std::deque<std::pair<client_id, time_point>> waiters;
  std::optional<time_point> last_age_closing;
  std::size_t servers_elsewhere = 0;
  bool paused = false;
  bool draining = false;
};

} // namespace cenote::pool::test
