#include "tests/app/console_fixture.hpp"

#include <asio/bind_cancellation_slot.hpp>

#include "app/console/collector.hpp"

using namespace cenote;
using namespace cenote::test;

namespace {

using list = std::vector<std::string>;

proxy::lane_row some_lane(bool paused = false) {
  auto out = proxy::lane_row{};
  out.pool = {"acme", "app", "shop", tenants::pool_mode::transaction};
  out.numbers.clients = 1;
  out.paused = paused;
  return out;
}

proxy::client_row some_client(std::uint64_t id) {
  auto out = proxy::client_row{};
  out.id = client_id{id};
  out.pool = some_lane().pool;
  return out;
}

proxy::server_row some_server(bool close_needed) {
  auto out = proxy::server_row{};
  out.id = server_id{1};
  out.pool = some_lane().pool;
  out.close_needed = close_needed;
  return out;
}

struct fixture : console_fixture {
  fixture() {
    shards.shown[0].lanes.push_back(some_lane());
    shards.shown[0].clients.push_back(some_client(17));
    shards.shown[1].clients.push_back(some_client(18));
  }

  /// Sends a command and waits until ADMIN has it.
  void start(operator_client& client, std::string_view text) {
    const auto before = admin.commands().size();
    client.send_query(text);
    while (admin.commands().size() == before)
      std::this_thread::yield();
  }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(console_commands, fixture)

BOOST_AUTO_TEST_CASE(a_show_gathers_all_shards) {
  auto client = log_in(false);
  auto got = client.query("SHOW CLIENTS");
  BOOST_TEST(got.rows.size() == 2u);
  got = client.query("SHOW POOLS;");
  BOOST_REQUIRE(got.rows.size() == 1u);
  BOOST_TEST(got.cell(0, "cl_active") == "1");
  got = client.query("SHOW LISTS");
  BOOST_TEST((got.rows[7] == row{"login_clients", "3"}));
}

BOOST_AUTO_TEST_CASE(every_subject_is_shown_to_everybody_but_descriptors) {
  for (bool may_change : {false, true}) {
    auto client = log_in(may_change);
    for (auto word :
         {"ACTIVE_SOCKETS", "CLIENTS",    "CONFIG", "DATABASES",
          "DNS_HOSTS",      "DNS_ZONES",  "LISTS",  "MEM",
          "PEERS",          "PEER_POOLS", "POOLS",  "SERVERS",
          "SOCKETS",        "STATE",      "STATS",  "STATS_AVERAGES",
          "STATS_TOTALS",   "TOTALS",     "USERS",  "VERSION"}) {
      auto got = client.query("SHOW " + std::string{word});
      BOOST_TEST((got.completed == list{"SHOW"}), word);
      BOOST_TEST(!got.columns.empty(), word);
    }
    BOOST_TEST(client.query("SHOW HELP").tags == "NCZ");
    auto got = client.query("SHOW FDS");
    BOOST_TEST(
      (got.errors
       == list{may_change ? "ERROR 0A000 SHOW FDS is not supported by cenote"
                          : "ERROR 42501 admin access needed"}));
    got = client.query("SHOW NONSENSE");
    BOOST_TEST(
      (got.errors
       == list{"ERROR 42601 invalid command 'SHOW NONSENSE', use SHOW HELP;"}));
  }
}

BOOST_AUTO_TEST_CASE(commands_reach_admin_and_answer_with_their_name) {
  struct example {
    const char* text;
    const char* asked;
    const char* tag;
  };
  constexpr example table[] = {
    {"PAUSE shop", "pause [shop]", "PAUSE"},
    {"pause \"acme.shop\";", "pause [acme.shop]", "PAUSE"},
    {"RESUME shop", "resume [shop]", "RESUME"},
    {"RESUME", "resume []", "RESUME"},
    {"RECONNECT", "reconnect []", "RECONNECT"},
    {"RECONNECT shop", "reconnect [shop]", "RECONNECT"},
    {"KILL shop", "kill [shop]", "KILL"},
    {"KILL", "kill []", "KILL"},
    {"RELOAD", "reload []", "RELOAD"},
    {"SHUTDOWN WAIT_FOR_SERVERS", "shutdown [] servers", "SHUTDOWN"},
    {"SHUTDOWN wait_for_clients", "shutdown [] clients", "SHUTDOWN"},
  };
  auto client = log_in();
  auto asked = list{};
  for (const auto& each : table) {
    asked.emplace_back(each.asked);
    auto got = client.query(each.text);
    BOOST_TEST((got.completed == list{each.tag}), each.text);
    BOOST_TEST((admin.commands() == asked), each.text);
  }
}

BOOST_AUTO_TEST_CASE(a_stats_user_changes_nothing) {
  auto client = log_in(false);
  for (auto text :
       {"PAUSE", "PAUSE shop", "RESUME", "RECONNECT", "KILL", "KILL_CLIENT 17",
        "WAIT_CLOSE", "RELOAD", "SHUTDOWN", "SUSPEND", "DISABLE shop",
        "ENABLE shop", "SET pool_size = 3"}) {
    auto got = client.query(text);
    BOOST_TEST((got.errors == list{"ERROR 42501 admin access needed"}), text);
  }
  BOOST_TEST(admin.commands().empty());
  BOOST_TEST(shards.ended.empty());
}

BOOST_AUTO_TEST_CASE(what_cenote_cannot_do_says_so) {
  struct example {
    const char* text;
    const char* error;
  };
  constexpr example table[] = {
    {"SUSPEND", "ERROR 0A000 SUSPEND is not supported by cenote"},
    {"DISABLE shop", "ERROR 0A000 DISABLE is not supported by cenote"},
    {"ENABLE shop", "ERROR 0A000 ENABLE is not supported by cenote"},
    {"DISABLE", "ERROR 42601 a database is required"},
    {"SET pool_size = 3", "ERROR 0A000 SET is not supported by cenote"},
    {"RELOAD now", "ERROR 42601 invalid command 'RELOAD now', use SHOW HELP;"},
    {"SHUTDOWN now",
     "ERROR 42601 invalid command 'SHUTDOWN now', use SHOW HELP;"},
    {"PAUSE pgbouncer", "ERROR 55000 cannot pause admin db: pgbouncer"},
    {"KILL pgbouncer", "ERROR 55000 cannot kill admin db: pgbouncer"},
    {"KILL_CLIENT", "ERROR 42601 invalid client pointer supplied"},
    {"KILL_CLIENT 17x", "ERROR 42601 invalid client pointer supplied"},
    {"KILL_CLIENT 0", "ERROR 3D000 client not found"},
    {"KILL_CLIENT 99", "ERROR 3D000 client not found"},
    {"WAIT_CLOSE elsewhere", "ERROR 3D000 no such database: elsewhere"},
  };
  auto client = log_in();
  for (const auto& each : table)
    BOOST_TEST((client.query(each.text).errors == list{each.error}), each.text);
  BOOST_TEST(admin.commands().empty());
}

BOOST_AUTO_TEST_CASE(a_refusal_of_admin_has_pgbouncers_words) {
  auto client = log_in();
  admin.reply.code = ec::admin_unknown_target;
  BOOST_TEST((client.query("PAUSE nowhere").errors
              == list{"ERROR 3D000 no such database: nowhere"}));
  admin.reply.code = ec::admin_wrong_state;
  BOOST_TEST((client.query("RESUME").errors
              == list{"ERROR 55000 pooler is not paused/suspended"}));
  admin.reply.code = ec::config_unknown_key;
  admin.reply.text = "cenote.toml:3: nonsense: unknown key";
  auto got = client.query("RELOAD");
  BOOST_TEST((got.errors
              == list{"ERROR F0000 RELOAD failed, see logs for additional "
                      "details"}));
  BOOST_TEST((got.details == list{"cenote.toml:3: nonsense: unknown key"}));
  // The session goes on.
  BOOST_TEST(client.query("SHOW VERSION").tags == "TDCZ");
}

BOOST_AUTO_TEST_CASE(a_second_pause_is_refused_while_all_is_paused) {
  auto client = log_in();
  // By whomever, with pools or without, and before they are quiet.
  admin.set_paused({"", "shop"});
  for (auto text : {"PAUSE", "PAUSE shop", "KILL"})
    BOOST_TEST((client.query(text).errors
                == list{"ERROR 55000 already suspended/paused"}),
               text);
  BOOST_TEST(client.query("SHOW STATE").cell(1, "value") == "yes");
  BOOST_TEST(admin.commands().empty());
  admin.set_paused({"shop"});
  BOOST_TEST(client.query("SHOW STATE").cell(1, "value") == "no");
  BOOST_TEST((client.query("PAUSE").completed == list{"PAUSE"}));
  BOOST_TEST((client.query("PAUSE shop").completed == list{"PAUSE"}));
  BOOST_TEST((client.query("RESUME").completed == list{"RESUME"}));
}

BOOST_AUTO_TEST_CASE(one_client_is_ended_by_its_number) {
  auto client = log_in();
  BOOST_TEST((client.query("KILL_CLIENT 18").completed == list{"KILL_CLIENT"}));
  BOOST_TEST((shards.ended == std::vector<std::uint64_t>{18}));
}

BOOST_AUTO_TEST_CASE(a_wait_ends_with_the_operator) {
  admin.hangs = true;
  auto client = log_in();
  start(client, "PAUSE shop");
  client.hang_up();
  check_ended();
}

BOOST_AUTO_TEST_CASE(what_is_sent_during_a_wait_is_answered_after_it) {
  auto client = log_in();
  auto closing = shards.shown;
  closing[1].servers.push_back(some_server(true));
  auto closed = shards.shown;
  closed[1].servers.push_back(some_server(false));
  shards.shown = closing;
  shards.later = {closing, closing, closed};
  client.send_query("WAIT_CLOSE shop");
  client.send_query("SHOW VERSION");
  BOOST_TEST((client.receive().completed == list{"WAIT_CLOSE"}));
  BOOST_TEST(client.receive().tags == "TDCZ");
}

BOOST_AUTO_TEST_CASE(wait_close_looks_at_its_database_only) {
  shards.shown[1].servers.push_back(some_server(true));
  auto other = some_lane();
  other.pool.database = "blog";
  shards.shown[1].lanes.push_back(other);
  auto client = log_in();
  BOOST_TEST((client.query("WAIT_CLOSE blog").completed == list{"WAIT_CLOSE"}));
  client.send_query("WAIT_CLOSE");
  client.hang_up();
  check_ended();
}

BOOST_AUTO_TEST_CASE(a_shutdown_now_is_answered_by_the_end) {
  auto client = log_in();
  start(client, "SHUTDOWN");
  BOOST_TEST((admin.commands() == list{"shutdown []"}));
  client.send_query("SHOW VERSION");
  client.hang_up();
  check_ended();
}

BOOST_AUTO_TEST_SUITE_END()

namespace {

struct impatient : fixture {
  impatient() {
    shards.silent = 1;
    auto with = parts();
    with.snapshot_time_max = std::chrono::milliseconds{1};
    other = std::make_unique<app::console>(std::move(with));
  }

  std::unique_ptr<app::console> other;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(console_shards, impatient)

BOOST_AUTO_TEST_CASE(a_silent_shard_is_named_and_not_waited_for) {
  auto got = app::collect_blocking(shards, true, std::chrono::milliseconds{1});
  BOOST_TEST(got.missing >= 1u);
  int ends[2];
  BOOST_REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
  auto client = operator_client{net::unique_fd{ends[1]}};
  auto socket = net::edge_stream::socket_type{
    io, asio::generic::stream_protocol{AF_UNIX, 0}, ends[0]};
  auto stream = net::edge_stream{std::move(socket)};
  auto done = std::promise<void>{};
  ended = done.get_future();
  asio::co_spawn(io, other->serve(std::move(stream), "root", true),
                 [&done](std::exception_ptr) { done.set_value(); });
  client.receive();
  auto shown = client.query("SHOW POOLS");
  BOOST_TEST(shown.tags.front() == 'N');
  BOOST_TEST(shown.notices.at(0).ends_with("shards did not answer in time"));
  BOOST_TEST(shown.tags.ends_with("CZ"));
  client.hang_up();
  check_ended();
}

BOOST_AUTO_TEST_CASE(averages_come_from_samples) {
  auto with = parts();
  shards.silent = 0;
  with.stats_period = std::chrono::milliseconds{1};
  auto sampled = app::console{std::move(with)};
  auto stop = asio::cancellation_signal{};
  auto done = std::promise<void>{};
  ended = done.get_future();
  // Ends when cancelled, after any number of samples.
  asio::co_spawn(io, sampled.sample_forever(),
                 asio::bind_cancellation_slot(
                   stop.slot(), [&done](std::exception_ptr problem) {
                     if (problem)
                       done.set_exception(problem);
                     else
                       done.set_value();
                   }));
  asio::post(io, [&stop] { stop.emit(asio::cancellation_type::terminal); });
  check_ended();
}

BOOST_AUTO_TEST_SUITE_END()
