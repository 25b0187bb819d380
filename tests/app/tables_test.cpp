#include "app/console/tables.hpp"

#include <boost/test/unit_test.hpp>

#include "app/console/columns.hpp"
#include "tests/app/answer.hpp"

using namespace cenote;
using namespace cenote::app;
using namespace cenote::test;

namespace {

tenants::catalog_ptr some_catalog() {
  auto acme = tenants::tenant{};
  acme.id = "acme";
  auto& fixed = acme.databases.emplace_back();
  fixed.name = "shop";
  fixed.host = "10.0.0.1";
  fixed.port = 5433;
  fixed.server_database = "shop_live";
  fixed.server_user = "owner";
  fixed.servers_max = 7;
  fixed.clients_max = 70;
  fixed.options.pool_size = 3;
  fixed.options.mode = tenants::pool_mode::statement;
  auto& any = acme.databases.emplace_back();
  any.name = "*";
  any.host = "/run/postgresql";
  acme.options.pool_size = 9;
  auto& user = acme.users.emplace_back();
  user.name = "app";
  user.clients_max = 5;
  user.options.pool_size = 2;
  acme.users.emplace_back().name = "other";
  auto defaults = tenants::pool_options{};
  defaults.min_pool_size = 1;
  return std::make_shared<const tenants::catalog>(std::vector{acme}, defaults,
                                                  tenants::node_limits{});
}

proxy::lane_row lane_of(std::string user, std::string database,
                        std::uint32_t clients) {
  auto out = proxy::lane_row{};
  out.pool = {"acme", std::move(user), std::move(database),
              tenants::pool_mode::transaction};
  out.numbers.clients = clients;
  out.numbers.waiting = 2;
  out.numbers.servers_idle = 3;
  out.numbers.servers_lent = 4;
  out.numbers.servers_cleaning = 5;
  out.servers_being_canceled = 1;
  out.maxwait_us = 3'000'017;
  out.sums.transactions = 10;
  out.sums.bytes_sent = 1'000;
  return out;
}

proxy::client_row a_client(proxy::client_state state, std::uint64_t id) {
  auto out = proxy::client_row{};
  out.id = client_id{id};
  out.pool = {"acme", "app", "shop", tenants::pool_mode::transaction};
  out.state = state;
  out.peer = {"127.0.0.1", 40'000};
  out.local = {"unix", 6'543};
  out.wait_us = 2'000'005;
  out.application_name = "psql";
  return out;
}

view some_view() {
  auto out = view{};
  out.catalog = some_catalog();
  out.links.shards.resize(2);
  auto& first = out.links.shards[0];
  first.lanes.push_back(lane_of("app", "shop", 6));
  first.clients.push_back(a_client(proxy::client_state::active, 26));
  first.clients.back().link = server_id{31};
  first.clients.push_back(a_client(proxy::client_state::idle, 27));
  auto& second = out.links.shards[1];
  second.lanes.push_back(lane_of("app", "shop", 10));
  second.lanes.back().maxwait_us = 5;
  second.lanes.push_back(lane_of("app", "blog", 1));
  auto& server = second.servers.emplace_back();
  server.id = server_id{(std::uint64_t{1} << 48) | 31U};
  server.pool = first.clients[0].pool;
  server.state = proxy::server_state::tested;
  server.backend_pid = 4711;
  server.close_needed = true;
  server.is_tls = true;
  out.pools = merge(out.links);
  out.totals = sum_up(out.links);
  out.version = "0.1.0";
  out.paused = {"acme.blog"};
  return out;
}

answer shown(subject what, const view& of) {
  auto bytes = std::vector<std::byte>{};
  write_table(bytes, what, of);
  auto out = answer{};
  BOOST_TEST(take_messages(bytes, out) == bytes.size());
  return out;
}

} // namespace

BOOST_AUTO_TEST_SUITE(tables)

BOOST_AUTO_TEST_CASE(every_table_is_whole_also_with_nothing_to_show) {
  auto nothing = view{};
  nothing.catalog = std::make_shared<const tenants::catalog>();
  for (const auto& of : {nothing, some_view()}) {
    for (std::size_t i = 0; i < subject_count; ++i) {
      const auto what = static_cast<subject>(i);
      auto got = shown(what, of);
      BOOST_TEST(got.completed == std::vector<std::string>{"SHOW"});
      BOOST_TEST(got.columns.size() == columns(what).size(), "subject " << i);
      for (const auto& cells : got.rows)
        BOOST_TEST(cells.size() == got.columns.size(), "subject " << i);
    }
  }
}

BOOST_AUTO_TEST_CASE(lanes_of_a_pool_are_one_row) {
  auto got = shown(subject::pools, some_view());
  BOOST_REQUIRE(got.rows.size() == 2u);
  BOOST_TEST((got.rows[0]
              == row{"blog", "app", "0", "2", "0", "0", "4", "0", "1", "3", "0",
                     "4", "0", "3", "17", "transaction", "<null>", "acme"}));
  BOOST_TEST(
    (got.rows[1]
     == row{"shop", "app", "12", "4", "0", "0", "8", "0", "2", "6", "0", "8",
            "0", "3", "17", "transaction", "<null>", "acme"}));
}

BOOST_AUTO_TEST_CASE(logins_under_way_are_what_actors_know_and_shards_do_not) {
  auto of = some_view();
  auto known = actors::admin_pool_row{};
  known.tenant = "acme";
  known.user = "app";
  known.database = "shop";
  known.mode = "transaction";
  known.servers = 26;
  auto stranger = known;
  stranger.database = "gone";
  of.pools = merge(of.links, {known, stranger});
  auto got = shown(subject::pools, of);
  BOOST_TEST(got.cell(1, "sv_login") == "2");
  known.servers = 1; // Heard of before the shards were.
  of.pools = merge(of.links, {known});
  BOOST_TEST(shown(subject::pools, of).cell(1, "sv_login") == "0");
}

BOOST_AUTO_TEST_CASE(clients_and_servers_are_sockets) {
  auto of = some_view();
  auto clients = shown(subject::clients, of);
  BOOST_REQUIRE(clients.rows.size() == 2u);
  BOOST_TEST(
    (clients.rows[0] == row{"C",         "app",   "shop", "none", "active",
                            "127.0.0.1", "40000", "unix", "6543", "",
                            "",          "2",     "5",    "0",    "0x1a",
                            "0x1f",      "0",     "",     "psql", "0",
                            "26",        "acme",  "",     "0",    "0"}));
  BOOST_TEST(clients.cell(1, "state") == "idle");
  BOOST_TEST(clients.cell(1, "link") == "");
  auto servers = shown(subject::servers, of);
  BOOST_REQUIRE(servers.rows.size() == 1u);
  BOOST_TEST(servers.cell(0, "type") == "S");
  BOOST_TEST(servers.cell(0, "state") == "tested");
  BOOST_TEST(servers.cell(0, "close_needed") == "1");
  BOOST_TEST(servers.cell(0, "remote_pid") == "4711");
  BOOST_TEST(servers.cell(0, "tls") == "TLS");
  BOOST_TEST(servers.cell(0, "ptr") == "0x100000000001f");
  BOOST_TEST(servers.cell(0, "id") == "31");
  auto sockets = shown(subject::sockets, of);
  BOOST_REQUIRE(sockets.rows.size() == 3u);
  BOOST_TEST(sockets.cell(0, "state") == "cl_active");
  BOOST_TEST(sockets.cell(1, "state") == "cl_active");
  BOOST_TEST(sockets.cell(2, "state") == "sv_tested");
  BOOST_TEST(sockets.cell(2, "tenant") == "acme");
  BOOST_TEST(shown(subject::active_sockets, of).rows.size() == 1u);
}

BOOST_AUTO_TEST_CASE(databases_take_their_settings_from_the_nearest_level) {
  auto got = shown(subject::databases, some_view());
  BOOST_REQUIRE(got.rows.size() == 3u);
  BOOST_TEST((got.rows[0]
              == row{"shop", "10.0.0.1", "5433", "shop_live", "owner", "3", "1",
                     "0", "3600", "statement", "<null>", "7", "24", "70", "16",
                     "0", "0", "acme"}));
  BOOST_TEST(got.cell(1, "name") == "*");
  BOOST_TEST(got.cell(1, "pool_size") == "9");
  BOOST_TEST(got.cell(1, "force_user") == "<null>");
  BOOST_TEST(got.cell(1, "pool_mode") == "<null>");
  // Came in by "*".
  BOOST_TEST(got.cell(2, "name") == "blog");
  BOOST_TEST(got.cell(2, "database") == "blog");
  BOOST_TEST(got.cell(2, "current_connections") == "12");
  BOOST_TEST(got.cell(2, "paused") == "1");
}

BOOST_AUTO_TEST_CASE(a_database_is_paused_with_or_without_a_pool) {
  struct example {
    std::vector<std::string> targets;
    std::string_view shop, any, blog;
  };
  const example table[] = {
    {{}, "0", "0", "0"},
    {{""}, "1", "1", "1"},
    {{"shop"}, "1", "0", "0"},
    {{"acme."}, "1", "1", "1"},
    {{"acme.blog", "other.shop"}, "0", "0", "1"},
  };
  for (auto has_pools : {true, false}) {
    for (const auto& each : table) {
      auto of = some_view();
      of.paused = each.targets;
      if (!has_pools)
        of.pools.clear();
      auto got = shown(subject::databases, of);
      BOOST_TEST(got.cell(0, "paused") == each.shop);
      BOOST_TEST(got.cell(1, "paused") == each.any);
      if (has_pools)
        BOOST_TEST(got.cell(2, "paused") == each.blog);
    }
  }
}

BOOST_AUTO_TEST_CASE(users_are_those_of_the_catalog) {
  auto got = shown(subject::users, some_view());
  BOOST_REQUIRE(got.rows.size() == 2u);
  BOOST_TEST((got.rows[0]
              == row{"app", "2", "", "<null>", "0", "36", "5", "17", "acme"}));
  BOOST_TEST((got.rows[1]
              == row{"other", "", "", "<null>", "0", "0", "0", "0", "acme"}));
}

BOOST_AUTO_TEST_CASE(stats_have_a_row_per_database_and_tenant) {
  auto of = some_view();
  of.averages[{"shop", "acme"}].transactions = 2;
  auto got = shown(subject::stats, of);
  BOOST_REQUIRE(got.rows.size() == 2u);
  BOOST_TEST(got.cell(1, "database") == "shop");
  BOOST_TEST(got.cell(1, "total_xact_count") == "20");
  BOOST_TEST(got.cell(1, "total_sent") == "2000");
  BOOST_TEST(got.cell(1, "avg_xact_count") == "2");
  BOOST_TEST(got.cell(1, "tenant") == "acme");
  auto totals = shown(subject::stats_totals, of);
  BOOST_TEST(totals.cell(1, "xact_count") == "20");
  auto averages = shown(subject::stats_averages, of);
  BOOST_TEST(averages.cell(0, "xact_count") == "0");
  BOOST_TEST(averages.cell(1, "xact_count") == "2");
  auto sums = shown(subject::totals, of);
  BOOST_REQUIRE(sums.rows.size() == 24u);
  BOOST_TEST((sums.rows[1] == row{"total_xact_count", "30"}));
  BOOST_TEST((sums.rows[4] == row{"total_server_bytes", "3000"}));
  BOOST_TEST((sums.rows[13] == row{"avg_xact_count", "2"}));
}

BOOST_AUTO_TEST_CASE(lists_have_pgbouncers_rows_in_its_order) {
  auto of = some_view();
  of.clients = 17;
  of.servers = 36;
  of.logins = 3;
  auto got = shown(subject::lists, of);
  const auto expected = std::vector<row>{
    {"databases", "2"},     {"users", "2"},         {"peers", "0"},
    {"pools", "2"},         {"peer_pools", "0"},    {"free_clients", "0"},
    {"used_clients", "17"}, {"login_clients", "3"}, {"free_servers", "0"},
    {"used_servers", "36"}, {"dns_names", "0"},     {"dns_zones", "0"},
    {"dns_queries", "0"},   {"dns_pending", "0"},   {"tenants", "1"}};
  BOOST_TEST((got.rows == expected));
}

BOOST_AUTO_TEST_CASE(config_has_pgbouncers_names_and_ours_and_no_secret) {
  auto of = some_view();
  auto config = configs::config{};
  config.catalog = of.catalog;
  config.process.drain_timeout = std::chrono::milliseconds{1'500};
  config.listeners.emplace_back().address = "127.0.0.1";
  config.listeners.back().port = 6543;
  auto& admin = config.admin.users.emplace_back();
  admin.name = "root";
  admin.role = configs::admin_role::admin;
  admin.password = tenants::plain_password{secret{"hidden"}};
  of.config = std::make_shared<const configs::config>(std::move(config));
  auto got = shown(subject::config, of);
  const auto value = [&got](const std::string& key) {
    for (const auto& each : got.rows)
      if (each[0] == key)
        return each[1] + '|' + each[2] + '|' + each[3];
    return std::string{"none"};
  };
  BOOST_TEST(value("max_client_conn") == "10000|10000|yes");
  BOOST_TEST(value("default_pool_size") == "20|20|yes");
  BOOST_TEST(value("min_pool_size") == "1|0|yes");
  BOOST_TEST(value("server_lifetime") == "3600|3600|yes");
  BOOST_TEST(value("listen_port") == "6543||no");
  BOOST_TEST(value("admin_users") == "root||yes");
  BOOST_TEST(value("cenote.shards") == "auto|auto|no");
  BOOST_TEST(value("cenote.drain_timeout") == "1500ms|60s|yes");
  BOOST_TEST(value("cenote.max_logins") == "1000|1000|yes");
  for (const auto& each : got.rows)
    for (const auto& cell : each)
      BOOST_TEST(cell.find("hidden") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(the_state_is_one_of_three) {
  auto of = some_view();
  BOOST_TEST((shown(subject::state, of).rows
              == std::vector<row>{
                {"active", "yes"}, {"paused", "no"}, {"suspended", "no"}}));
  of.paused = {"", "shop"};
  BOOST_TEST((shown(subject::state, of).rows
              == std::vector<row>{
                {"active", "no"}, {"paused", "yes"}, {"suspended", "no"}}));
}

BOOST_AUTO_TEST_CASE(help_is_a_notice_and_version_a_row) {
  auto help = shown(subject::help, some_view());
  BOOST_TEST(help.tags == "NC");
  BOOST_TEST(help.notices == std::vector<std::string>{"Console usage"});
  auto version = shown(subject::version, some_view());
  BOOST_TEST((version.rows == std::vector<row>{{"cenote 0.1.0"}}));
}

BOOST_AUTO_TEST_SUITE_END()
