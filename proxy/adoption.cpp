#include "proxy/adoption.hpp"

#include <utility>

namespace cenote::proxy {

subscription::subscription(client_id who, std::shared_ptr<pool_port> port,
                           quota_units units) noexcept
  : who_{who},
    port_{std::move(port)},
    units_{std::move(units)} {
  // nop
}

subscription::subscription(subscription&& other) noexcept
  : who_{other.who_},
    port_{std::move(other.port_)},
    units_{std::move(other.units_)} {
  other.port_ = nullptr;
}

subscription& subscription::operator=(subscription&& other) noexcept {
  if (this != &other) {
    auto old = std::move(*this); // Says good-bye at the end of this scope.
    who_ = other.who_;
    port_ = std::exchange(other.port_, nullptr);
    units_ = std::move(other.units_);
  }
  return *this;
}

subscription::~subscription() {
  // The capacity first: who hears that the client is gone may use it at once.
  units_.give_back();
  if (port_)
    port_->client_left(who_);
}

} // namespace cenote::proxy
