#include "proxy/pool_port.hpp"

#include <utility>

namespace cenote::proxy {

void pool_port::census::add(census other) {
  numbers += other.numbers;
  if (last_greeting == nullptr)
    last_greeting = std::move(other.last_greeting);
  clients.insert(clients.end(), other.clients.begin(), other.clients.end());
}

} // namespace cenote::proxy
