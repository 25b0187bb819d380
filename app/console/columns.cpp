#include "app/console/columns.hpp"

#include <algorithm>
#include <array>

namespace cenote::app {

namespace {

using protocol::column;
using enum protocol::type_oid;

// One table per SHOW. PgBouncer gives times and most flags as text.
constexpr auto socket_columns = std::array{
  column{"type", text},
  column{"user", text},
  column{"database", text},
  column{"replication", text},
  column{"state", text},
  column{"addr", text},
  column{"port", int4},
  column{"local_addr", text},
  column{"local_port", int4},
  column{"connect_time", text},
  column{"request_time", text},
  column{"wait", int4},
  column{"wait_us", int4},
  column{"close_needed", int4},
  column{"ptr", text},
  column{"link", text},
  column{"remote_pid", int4},
  column{"tls", text},
  column{"application_name", text},
  column{"prepared_statements", int4},
  column{"id", int4},
};

constexpr auto buffer_columns = std::array{
  column{"recv_pos", int4},    column{"pkt_pos", int4},
  column{"pkt_remain", int4},  column{"send_pos", int4},
  column{"send_remain", int4}, column{"pkt_avail", int4},
  column{"send_avail", int4},
};

constexpr auto tenant_column = std::array{column{"tenant", text}};

template <std::size_t A, std::size_t B>
constexpr auto operator+(const std::array<column, A>& lhs,
                         const std::array<column, B>& rhs) {
  auto out = std::array<column, A + B>{};
  std::copy(rhs.begin(), rhs.end(),
            std::copy(lhs.begin(), lhs.end(), out.begin()));
  return out;
}

constexpr auto link_columns = socket_columns + tenant_column;
constexpr auto client_columns
  = link_columns
  + std::array{column{"pin_reason", text}, column{"pinned_us", int8},
               column{"listen_channels", int4}};
constexpr auto link_debug_columns
  = socket_columns + buffer_columns + tenant_column;

constexpr auto pool_columns = std::array{
  column{"database", text},
  column{"user", text},
  column{"cl_active", int4},
  column{"cl_waiting", int4},
  column{"cl_active_cancel_req", int4},
  column{"cl_waiting_cancel_req", int4},
  column{"sv_active", int4},
  column{"sv_active_cancel", int4},
  column{"sv_being_canceled", int4},
  column{"sv_idle", int4},
  column{"sv_used", int4},
  column{"sv_tested", int4},
  column{"sv_login", int4},
  column{"maxwait", int4},
  column{"maxwait_us", int4},
  column{"pool_mode", text},
  column{"load_balance_hosts", text},
  column{"tenant", text},
};

constexpr auto database_columns = std::array{
  column{"name", text},
  column{"host", text},
  column{"port", int4},
  column{"database", text},
  column{"force_user", text},
  column{"pool_size", int4},
  column{"min_pool_size", int4},
  column{"reserve_pool_size", int4},
  column{"server_lifetime", int4},
  column{"pool_mode", text},
  column{"load_balance_hosts", text},
  column{"max_connections", int4},
  column{"current_connections", int4},
  column{"max_client_connections", int4},
  column{"current_client_connections", int4},
  column{"paused", int4},
  column{"disabled", int4},
  column{"tenant", text},
};

// Sizes are text: empty where nothing is set.
constexpr auto user_columns = std::array{
  column{"name", text},
  column{"pool_size", text},
  column{"reserve_pool_size", text},
  column{"pool_mode", text},
  column{"max_user_connections", int4},
  column{"current_connections", int4},
  column{"max_user_client_connections", int4},
  column{"current_client_connections", int4},
  column{"tenant", text},
};

constexpr auto stats_database = std::array{column{"database", text}};

constexpr auto stats_total_columns = std::array{
  column{"total_server_assignment_count", numeric},
  column{"total_xact_count", numeric},
  column{"total_query_count", numeric},
  column{"total_received", numeric},
  column{"total_sent", numeric},
  column{"total_xact_time", numeric},
  column{"total_query_time", numeric},
  column{"total_wait_time", numeric},
  column{"total_client_parse_count", numeric},
  column{"total_server_parse_count", numeric},
  column{"total_bind_count", numeric},
  column{"total_client_login_count", numeric},
};

constexpr auto stats_average_columns = std::array{
  column{"avg_server_assignment_count", numeric},
  column{"avg_xact_count", numeric},
  column{"avg_query_count", numeric},
  column{"avg_recv", numeric},
  column{"avg_sent", numeric},
  column{"avg_xact_time", numeric},
  column{"avg_query_time", numeric},
  column{"avg_wait_time", numeric},
  column{"avg_client_parse_count", numeric},
  column{"avg_server_parse_count", numeric},
  column{"avg_bind_count", numeric},
  column{"avg_client_login_count", numeric},
};

constexpr auto stats_columns = stats_database + stats_total_columns
                             + stats_average_columns + tenant_column;

constexpr auto plain_count_columns = std::array{
  column{"server_assignment_count", numeric},
  column{"xact_count", numeric},
  column{"query_count", numeric},
  column{"bytes_received", numeric},
  column{"bytes_sent", numeric},
  column{"xact_time", numeric},
  column{"query_time", numeric},
  column{"wait_time", numeric},
};

constexpr auto stats_totals_columns
  = stats_database + plain_count_columns
  + std::array{column{"client_parse_count", numeric},
               column{"server_parse_count", numeric},
               column{"bind_count", numeric},
               column{"client_login_count", numeric}}
  + tenant_column;

constexpr auto stats_averages_columns
  = stats_database + plain_count_columns
  + std::array{column{"avg_client_parse_count", numeric},
               column{"avg_server_parse_count", numeric},
               column{"avg_bind_count", numeric},
               column{"avg_client_login_count", numeric}}
  + tenant_column;

constexpr auto totals_columns
  = std::array{column{"name", text}, column{"value", numeric}};

constexpr auto config_columns
  = std::array{column{"key", text}, column{"value", text},
               column{"default", text}, column{"changeable", text}};

constexpr auto dns_host_columns = std::array{
  column{"hostname", text}, column{"ttl", int8}, column{"addrs", text}};

constexpr auto dns_zone_columns = std::array{
  column{"zonename", text}, column{"serial", int8}, column{"count", int4}};

constexpr auto fd_columns = std::array{
  column{"fd", int4},
  column{"task", text},
  column{"user", text},
  column{"database", text},
  column{"addr", text},
  column{"port", int4},
  column{"cancel", int8},
  column{"link", int4},
  column{"client_encoding", text},
  column{"std_strings", text},
  column{"datestyle", text},
  column{"timezone", text},
  column{"password", text},
  column{"scram_client_key", bytea},
  column{"scram_server_key", bytea},
};

constexpr auto list_columns
  = std::array{column{"list", text}, column{"items", int4}};

constexpr auto mem_columns
  = std::array{column{"name", text}, column{"size", int4}, column{"used", int4},
               column{"free", int4}, column{"memtotal", int4}};

constexpr auto peer_columns
  = std::array{column{"peer_id", int4}, column{"host", text},
               column{"port", int4}, column{"pool_size", int4}};

constexpr auto peer_pool_columns = std::array{
  column{"peer_id", int4},
  column{"cl_active_cancel_req", int4},
  column{"cl_waiting_cancel_req", int4},
  column{"sv_active_cancel", int4},
  column{"sv_login", int4},
};

constexpr auto state_columns
  = std::array{column{"key", text}, column{"value", text}};

constexpr auto version_columns = std::array{column{"version", text}};

} // namespace

std::span<const column> columns(subject what) noexcept {
  switch (what) {
    case subject::active_sockets:
    case subject::sockets:
      return link_debug_columns;
    case subject::clients:
      return client_columns;
    case subject::servers:
      return link_columns;
    case subject::config:
      return config_columns;
    case subject::databases:
      return database_columns;
    case subject::dns_hosts:
      return dns_host_columns;
    case subject::dns_zones:
      return dns_zone_columns;
    case subject::fds:
      return fd_columns;
    case subject::help:
      return {};
    case subject::lists:
      return list_columns;
    case subject::mem:
      return mem_columns;
    case subject::peer_pools:
      return peer_pool_columns;
    case subject::peers:
      return peer_columns;
    case subject::pools:
      return pool_columns;
    case subject::state:
      return state_columns;
    case subject::stats:
      return stats_columns;
    case subject::stats_averages:
      return stats_averages_columns;
    case subject::stats_totals:
      return stats_totals_columns;
    case subject::totals:
      return totals_columns;
    case subject::users:
      return user_columns;
    case subject::version:
      return version_columns;
  }
  return {};
}

} // namespace cenote::app
