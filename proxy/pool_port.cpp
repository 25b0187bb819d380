#include "proxy/pool_port.hpp"

#include <utility>

namespace cenote::proxy {

void pool_port::census::add(census other) {
  numbers.clients += other.numbers.clients;
  numbers.waiting += other.numbers.waiting;
  numbers.servers_idle += other.numbers.servers_idle;
  numbers.servers_lent += other.numbers.servers_lent;
  numbers.servers_cleaning += other.numbers.servers_cleaning;
  numbers.servers_wanted += other.numbers.servers_wanted;
  if (last_greeting == nullptr)
    last_greeting = std::move(other.last_greeting);
  clients.insert(clients.end(), other.clients.begin(), other.clients.end());
}

} // namespace cenote::proxy
