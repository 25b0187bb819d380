#include "app/console/tables.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <fstream>
#include <limits>
#include <string>
#include <string_view>

#include "app/console/columns.hpp"
#include "app/console/table_parts.hpp"
#include "protocol/messages.hpp"

namespace cenote::app {

namespace {

using protocol::row_writer;

void write_sums(row_writer& to, const traffic& sums) {
  for (auto field : traffic_fields)
    to.number_unsigned(sums.*field);
}

/// One row per database and tenant.
void write_stats(row_writer& to, const view& of, bool totals, bool averages) {
  for (const auto& [key, sums] : of.totals) {
    to.text(key.first);
    if (totals)
      write_sums(to, sums);
    if (averages) {
      auto at = of.averages.find(key);
      write_sums(to, at == of.averages.end() ? traffic{} : at->second);
    }
    to.text(key.second);
  }
}

/// The rows of SHOW TOTALS have names of their own.
constexpr auto total_names
  = std::array<std::string_view, traffic_fields.size()>{
    "server_assignment_count",
    "xact_count",
    "query_count",
    "client_bytes",
    "server_bytes",
    "xact_time",
    "query_time",
    "wait_time",
    "ps_client_parse_count",
    "ps_server_parse_count",
    "ps_bind_count",
    "client_login_count",
  };

/// Averages of times are means, so those of single databases do not add up:
/// weighed by how often they happened they do.
traffic sum_of(const stats_sums& rows, bool are_averages) {
  auto out = traffic{};
  auto weighed = traffic{};
  for (const auto& [key, row] : rows) {
    out += row;
    weighed.transaction_time_us += row.transaction_time_us * row.transactions;
    weighed.query_time_us += row.query_time_us * row.queries;
    weighed.wait_time_us += row.wait_time_us * row.server_assignments;
  }
  if (!are_averages)
    return out;
  const auto mean = [](std::uint64_t sum, std::uint64_t count) {
    return count == 0 ? 0 : sum / count;
  };
  out.transaction_time_us = mean(weighed.transaction_time_us, out.transactions);
  out.query_time_us = mean(weighed.query_time_us, out.queries);
  out.wait_time_us = mean(weighed.wait_time_us, out.server_assignments);
  return out;
}

void write_totals(row_writer& to, const view& of) {
  const auto rows = [&to](const std::string& prefix, const traffic& sums) {
    for (std::size_t i = 0; i < traffic_fields.size(); ++i)
      to.text(prefix + std::string{total_names[i]})
        .number_unsigned(sums.*traffic_fields[i]);
  };
  rows("total_", sum_of(of.totals, false));
  rows("avg_", sum_of(of.averages, true));
}

void write_lists(row_writer& to, const view& of) {
  std::uint64_t databases = 0;
  std::uint64_t users = 0;
  for (const auto& [id, owner] : of.catalog->tenants()) {
    databases += owner->databases.size();
    users += owner->users.size();
  }
  const auto row = [&to](std::string_view list, std::uint64_t items) {
    to.text(list).number_unsigned(items);
  };
  row("databases", databases);
  row("users", users);
  row("peers", 0);
  row("pools", of.pools.size());
  row("peer_pools", 0);
  row("free_clients", 0);
  row("used_clients", of.clients);
  row("login_clients", of.logins);
  row("free_servers", 0);
  row("used_servers", of.servers);
  for (auto dns : {"dns_names", "dns_zones", "dns_queries", "dns_pending"})
    row(dns, 0);
  row("tenants", of.catalog->tenants().size());
}

void write_config(row_writer& to, const view& of) {
  if (!of.config)
    return;
  for (const auto& row : config_rows(*of.config)) {
    to.text(row.key).text(row.value).text(row.fallback);
    to.text(row.is_changeable ? "yes" : "no");
  }
}

/// There are no slabs to count: what the kernel says the process has.
void write_memory(row_writer& to) {
  auto from = std::ifstream{"/proc/self/statm"};
  std::int64_t all = 0;
  std::int64_t resident = 0;
  from >> all >> resident;
  const auto page = static_cast<std::int64_t>(::sysconf(_SC_PAGESIZE));
  const std::int64_t int4_max = std::numeric_limits<std::int32_t>::max();
  to.text("resident").number(page).number(std::min(resident, int4_max));
  to.number(0).number(std::min(resident * page, int4_max));
}

void write_state(row_writer& to, const view& of) {
  to.text("active").text(of.is_paused() ? "no" : "yes");
  to.text("paused").text(of.is_paused() ? "yes" : "no");
  to.text("suspended").text("no");
}

void write_rows(row_writer& to, subject what, const view& of) {
  switch (what) {
    case subject::active_sockets:
      return write_sockets(to, of, true);
    case subject::sockets:
      return write_sockets(to, of, false);
    case subject::clients:
      return write_clients(to, of);
    case subject::servers:
      return write_servers(to, of);
    case subject::config:
      return write_config(to, of);
    case subject::databases:
      return write_databases(to, of);
    case subject::lists:
      return write_lists(to, of);
    case subject::mem:
      return write_memory(to);
    case subject::pools:
      return write_pools(to, of);
    case subject::state:
      return write_state(to, of);
    case subject::stats:
      return write_stats(to, of, true, true);
    case subject::stats_averages:
      return write_stats(to, of, false, true);
    case subject::stats_totals:
      return write_stats(to, of, true, false);
    case subject::totals:
      return write_totals(to, of);
    case subject::users:
      return write_users(to, of);
    case subject::version:
      to.text("cenote " + of.version);
      return;
    case subject::dns_hosts: // The resolver keeps nothing.
    case subject::dns_zones:
    case subject::peers:
    case subject::peer_pools:
    case subject::fds:
    case subject::help:
      return;
  }
}

constexpr std::string_view usage
  = "\n\tSHOW HELP|CONFIG|DATABASES|POOLS|CLIENTS|SERVERS|USERS|VERSION\n"
    "\tSHOW PEERS|PEER_POOLS\n"
    "\tSHOW SOCKETS|ACTIVE_SOCKETS|LISTS|MEM|STATE\n"
    "\tSHOW DNS_HOSTS|DNS_ZONES\n"
    "\tSHOW STATS|STATS_TOTALS|STATS_AVERAGES|TOTALS\n"
    "\tRELOAD\n"
    "\tPAUSE [<db>]\n"
    "\tRESUME [<db>]\n"
    "\tRECONNECT [<db>]\n"
    "\tKILL [<db>]\n"
    "\tKILL_CLIENT <client_id>\n"
    "\tSHUTDOWN\n"
    "\tSHUTDOWN WAIT_FOR_SERVERS|WAIT_FOR_CLIENTS\n"
    "\tWAIT_CLOSE [<db>]\n"
    "\t<db> is a database of every tenant, \"tenant.database\" or \"tenant.\"";

void write_usage(protocol::writer& to) {
  auto notice = protocol::notice_response{};
  notice.severity = "NOTICE";
  notice.severity_plain = "NOTICE";
  notice.code = "00000";
  notice.message = "Console usage";
  notice.detail = usage;
  notice.encode(to);
  protocol::command_complete{"SHOW"}.encode(to);
}

} // namespace

bool needs_paused(subject what) noexcept {
  return what == subject::databases || what == subject::state;
}

void write_table(std::vector<std::byte>& out, subject what, const view& of) {
  auto to = protocol::writer{out};
  if (what == subject::help)
    return write_usage(to);
  auto rows = row_writer{to, columns(what)};
  write_rows(rows, what, of);
  rows.finish("SHOW");
}

void write_setting(std::vector<std::byte>& out, const fake_setting& what) {
  auto to = protocol::writer{out};
  const auto only = std::array{protocol::column{what.name}};
  auto rows = row_writer{to, only};
  rows.text(what.value);
  rows.finish("SHOW");
}

} // namespace cenote::app
