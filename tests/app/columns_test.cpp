#include "app/console/columns.hpp"

#include <boost/test/unit_test.hpp>

#include <string>

using namespace cenote;
using namespace cenote::app;

namespace {

/// "name:t ...", with i = int4, q = int8, N = numeric, s = text, b = bytea.
std::string shown(subject what) {
  auto out = std::string{};
  for (const auto& each : columns(what)) {
    out += out.empty() ? "" : " ";
    out += each.name;
    out += ':';
    switch (each.type) {
      case protocol::type_oid::bytea:
        out += 'b';
        break;
      case protocol::type_oid::int4:
        out += 'i';
        break;
      case protocol::type_oid::int8:
        out += 'q';
        break;
      case protocol::type_oid::numeric:
        out += 'N';
        break;
      case protocol::type_oid::text:
        out += 's';
        break;
    }
  }
  return out;
}

const auto links = std::string{
  "type:s user:s database:s replication:s state:s addr:s port:i local_addr:s "
  "local_port:i connect_time:s request_time:s wait:i wait_us:i close_needed:i "
  "ptr:s link:s remote_pid:i tls:s application_name:s prepared_statements:i "
  "id:i "};

const auto buffers = std::string{
  "recv_pos:i pkt_pos:i pkt_remain:i send_pos:i send_remain:i pkt_avail:i "
  "send_avail:i "};

} // namespace

BOOST_AUTO_TEST_SUITE(show_columns)

// Exporters go by these names, in this order.
BOOST_AUTO_TEST_CASE(columns_are_pgbouncers_and_ours_come_last) {
  BOOST_TEST(shown(subject::clients)
             == links + "tenant:s pin_reason:s pinned_us:q listen_channels:i");
  BOOST_TEST(shown(subject::servers) == links + "tenant:s");
  BOOST_TEST(shown(subject::sockets) == links + buffers + "tenant:s");
  BOOST_TEST(shown(subject::active_sockets) == links + buffers + "tenant:s");
  BOOST_TEST(
    shown(subject::pools)
    == "database:s user:s cl_active:i cl_waiting:i cl_active_cancel_req:i "
       "cl_waiting_cancel_req:i sv_active:i sv_active_cancel:i "
       "sv_being_canceled:i sv_idle:i sv_used:i sv_tested:i sv_login:i "
       "maxwait:i maxwait_us:i pool_mode:s load_balance_hosts:s tenant:s");
  BOOST_TEST(
    shown(subject::databases)
    == "name:s host:s port:i database:s force_user:s pool_size:i "
       "min_pool_size:i reserve_pool_size:i server_lifetime:i pool_mode:s "
       "load_balance_hosts:s max_connections:i current_connections:i "
       "max_client_connections:i current_client_connections:i paused:i "
       "disabled:i tenant:s");
  BOOST_TEST(shown(subject::users)
             == "name:s pool_size:s reserve_pool_size:s pool_mode:s "
                "max_user_connections:i current_connections:i "
                "max_user_client_connections:i current_client_connections:i "
                "tenant:s");
  BOOST_TEST(
    shown(subject::stats)
    == "database:s total_server_assignment_count:N total_xact_count:N "
       "total_query_count:N total_received:N total_sent:N total_xact_time:N "
       "total_query_time:N total_wait_time:N total_client_parse_count:N "
       "total_server_parse_count:N total_bind_count:N "
       "total_client_login_count:N avg_server_assignment_count:N "
       "avg_xact_count:N avg_query_count:N avg_recv:N avg_sent:N "
       "avg_xact_time:N avg_query_time:N avg_wait_time:N "
       "avg_client_parse_count:N avg_server_parse_count:N avg_bind_count:N "
       "avg_client_login_count:N tenant:s");
  const auto plain = std::string{
    "database:s server_assignment_count:N xact_count:N query_count:N "
    "bytes_received:N bytes_sent:N xact_time:N query_time:N wait_time:N "};
  BOOST_TEST(shown(subject::stats_totals)
             == plain
                  + "client_parse_count:N server_parse_count:N bind_count:N "
                    "client_login_count:N tenant:s");
  BOOST_TEST(shown(subject::stats_averages)
             == plain
                  + "avg_client_parse_count:N avg_server_parse_count:N "
                    "avg_bind_count:N avg_client_login_count:N tenant:s");
}

BOOST_AUTO_TEST_CASE(the_small_tables_are_pgbouncers) {
  BOOST_TEST(shown(subject::totals) == "name:s value:N");
  BOOST_TEST(shown(subject::lists) == "list:s items:i");
  BOOST_TEST(shown(subject::config) == "key:s value:s default:s changeable:s");
  BOOST_TEST(shown(subject::mem) == "name:s size:i used:i free:i memtotal:i");
  BOOST_TEST(shown(subject::state) == "key:s value:s");
  BOOST_TEST(shown(subject::version) == "version:s");
  BOOST_TEST(shown(subject::peers) == "peer_id:i host:s port:i pool_size:i");
  BOOST_TEST(shown(subject::peer_pools)
             == "peer_id:i cl_active_cancel_req:i cl_waiting_cancel_req:i "
                "sv_active_cancel:i sv_login:i");
  BOOST_TEST(shown(subject::dns_hosts) == "hostname:s ttl:q addrs:s");
  BOOST_TEST(shown(subject::dns_zones) == "zonename:s serial:q count:i");
  BOOST_TEST(shown(subject::fds)
             == "fd:i task:s user:s database:s addr:s port:i cancel:q link:i "
                "client_encoding:s std_strings:s datestyle:s timezone:s "
                "password:s scram_client_key:b scram_server_key:b");
  BOOST_TEST(shown(subject::help) == "");
}

BOOST_AUTO_TEST_SUITE_END()
