#include "pool/roster.hpp"

namespace cenote::pool {

roster::roster(const settings& with, time_point now)
  : settings_{with},
    empty_since_{now} {
  // nop
}

void roster::configure(const settings& with) noexcept {
  settings_ = with;
}

result<void> roster::admit(client_id client) {
  if (contains(client))
    return {};
  if (draining_)
    return ec::pool_draining;
  if (banned_)
    return ec::tenant_banned;
  if (settings_.client_count_max > 0
      && clients_.size() >= settings_.client_count_max)
    return settings_.when_full;
  clients_.insert(client);
  return {};
}

bool roster::leave(client_id client, time_point now) {
  if (!clients_.erase(client))
    return false;
  if (clients_.empty())
    empty_since_ = now;
  return true;
}

bool roster::contains(client_id client) const {
  return clients_.contains(client);
}

void roster::drain() noexcept {
  draining_ = true;
}

void roster::ban(bool banned) noexcept {
  banned_ = banned;
}

void roster::pause(bool paused) noexcept {
  paused_ = paused;
}

bool roster::is_draining() const noexcept {
  return draining_;
}

bool roster::is_drained() const noexcept {
  return draining_ && clients_.empty();
}

bool roster::is_banned() const noexcept {
  return banned_;
}

bool roster::is_paused() const noexcept {
  return paused_;
}

std::size_t roster::client_count() const noexcept {
  return clients_.size();
}

std::vector<client_id> roster::clients() const {
  return clients_.list();
}

std::optional<time_point> roster::empty_since() const noexcept {
  if (!clients_.empty())
    return std::nullopt;
  return empty_since_;
}

void roster::rebuild(const std::vector<client_id>& present, time_point now) {
  clients_.clear();
  for (auto each : present)
    clients_.insert(each);
  empty_since_ = now;
}

} // namespace cenote::pool
