#include <array>
#include <cstdio>
#include <ctime>
#include <string>
#include <string_view>

#include "app/console/table_parts.hpp"

namespace cenote::app {

namespace {

constexpr std::uint64_t us_per_second = 1'000'000;
constexpr int buffer_column_count = 7;

std::string local_time(std::int64_t unix_seconds) {
  if (unix_seconds <= 0)
    return {};
  const auto at = static_cast<std::time_t>(unix_seconds);
  auto parts = std::tm{};
  std::array<char, 64> text;
  if (::localtime_r(&at, &parts) == nullptr)
    return {};
  return {text.data(), std::strftime(text.data(), text.size(),
                                     "%Y-%m-%d %H:%M:%S %Z", &parts)};
}

/// PgBouncer's addresses in memory; ours are ids. Empty for none.
std::string pointer(std::uint64_t id) {
  if (id == 0)
    return {};
  std::array<char, 24> text;
  const auto size = std::snprintf(text.data(), text.size(), "0x%llx",
                                  static_cast<unsigned long long>(id));
  return {text.data(), static_cast<std::size_t>(size)};
}

/// A server's number without its shard: the column is an int4.
std::uint64_t short_id(server_id id) {
  return id.value() & 0x7fff'ffffU;
}

std::string_view name(proxy::client_state state) noexcept {
  switch (state) {
    case proxy::client_state::active:
      return "active";
    case proxy::client_state::idle:
      return "idle";
    case proxy::client_state::waiting:
      return "waiting";
  }
  return "";
}

std::string_view name(proxy::server_state state) noexcept {
  switch (state) {
    case proxy::server_state::active:
      return "active";
    case proxy::server_state::idle:
      return "idle";
    case proxy::server_state::used:
      return "used";
    case proxy::server_state::tested:
      return "tested";
    case proxy::server_state::being_canceled:
      return "being_canceled";
    case proxy::server_state::listening:
      return "listening";
  }
  return "";
}

/// The columns up to `request_time`; both kinds of row have them.
template <class Row>
void write_head(protocol::row_writer& to, const Row& row, std::string_view type,
                std::string_view state) {
  to.text(type).text(row.pool.user).text(row.pool.database);
  to.text(replication_kind(row.pool)).text(state);
  to.text(row.peer.address).number(row.peer.port);
  to.text(row.local.address).number(row.local.port);
  to.text(local_time(row.connect_time_unix));
  to.text(local_time(row.request_time_unix));
}

void write_tail(protocol::row_writer& to, const std::string& tenant,
                bool is_long) {
  // We hold no buffer for a connection, so these are what they are.
  for (int i = 0; is_long && i < buffer_column_count; ++i)
    to.number(0);
  to.text(tenant);
}

void write_row(protocol::row_writer& to, const proxy::client_row& row,
               bool is_long) {
  // The long form says where a client is listed: an idle one with the active.
  const bool waits = row.state == proxy::client_state::waiting;
  write_head(to, row, "C",
             is_long ? (waits ? "cl_waiting" : "cl_active") : name(row.state));
  to.number_unsigned(row.wait_us / us_per_second);
  to.number_unsigned(row.wait_us % us_per_second);
  to.number(0); // close_needed
  to.text(pointer(row.id.value())).text(pointer(row.link.value()));
  to.number(0); // remote_pid: the kernel's word on a client's process.
  to.text(row.is_tls ? "TLS" : "").text(row.application_name);
  to.number(row.prepared_statements);
  to.number_unsigned(row.id.value());
  write_tail(to, row.pool.tenant, is_long);
  if (!is_long)
    to.text(row.pin_reason).number_unsigned(row.pinned_us).number(row.channels);
}

void write_row(protocol::row_writer& to, const proxy::server_row& row,
               bool is_long) {
  auto state = std::string{is_long ? "sv_" : ""};
  state += name(row.state);
  write_head(to, row, "S", state);
  to.number(0).number(0); // wait, wait_us
  to.number(row.close_needed ? 1 : 0);
  to.text(pointer(row.id.value())).text(pointer(row.link.value()));
  to.number_unsigned(row.backend_pid);
  to.text(row.is_tls ? "TLS" : "").text(row.application_name);
  to.number(row.prepared_statements);
  to.number_unsigned(short_id(row.id));
  write_tail(to, row.pool.tenant, is_long);
}

} // namespace

void write_clients(protocol::row_writer& to, const view& of) {
  for (const auto& shard : of.links.shards)
    for (const auto& row : shard.clients)
      write_row(to, row, false);
}

void write_servers(protocol::row_writer& to, const view& of) {
  for (const auto& shard : of.links.shards)
    for (const auto& row : shard.servers)
      write_row(to, row, false);
}

void write_sockets(protocol::row_writer& to, const view& of, bool only_active) {
  for (const auto& shard : of.links.shards) {
    for (const auto& row : shard.clients)
      if (!only_active || row.state == proxy::client_state::active)
        write_row(to, row, true);
    for (const auto& row : shard.servers)
      if (!only_active || row.state == proxy::server_state::active)
        write_row(to, row, true);
  }
}

} // namespace cenote::app
