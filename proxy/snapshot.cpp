#include "proxy/snapshot.hpp"

namespace cenote::proxy {

traffic& traffic::operator+=(const traffic& other) noexcept {
  server_assignments += other.server_assignments;
  transactions += other.transactions;
  queries += other.queries;
  bytes_received += other.bytes_received;
  bytes_sent += other.bytes_sent;
  transaction_time_us += other.transaction_time_us;
  query_time_us += other.query_time_us;
  wait_time_us += other.wait_time_us;
  client_parses += other.client_parses;
  server_parses += other.server_parses;
  binds += other.binds;
  logins += other.logins;
  pins += other.pins;
  questions += other.questions;
  repeated_batches += other.repeated_batches;
  notifications += other.notifications;
  listening_losses += other.listening_losses;
  servers_taken += other.servers_taken;
  return *this;
}

reason_sums& reason_sums::operator+=(const reason_sums& other) noexcept {
  for (std::size_t i = 0; i < sums_.size(); ++i)
    sums_[i] += other.sums_[i];
  return *this;
}

} // namespace cenote::proxy
