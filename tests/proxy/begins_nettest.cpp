// A BEGIN that comes alone, between socket pairs: docs/lazy-begin.md.

#include "tests/proxy/shard_fixture.hpp"

#include <boost/test/unit_test.hpp>

using namespace cenote;
using namespace cenote::proxy;

namespace {

std::string ready(char status) {
  return message('Z', std::string_view{&status, 1});
}

std::string error(std::string_view severity, std::string_view code) {
  using namespace std::string_literals;
  return message('E', "S"s.append(severity) + "\0V"s.append(severity) + "\0C"s
                        + std::string{code} + "\0Mmade up\0\0"s);
}

const auto failing = query("rollback to cenote_canceled");

struct lazy_fixture : shard_fixture {
  lazy_fixture() {
    settings.lazy_begin = true;
    settings.pool_size = 1;
    here().configure(settings);
  }

  /// A BEGIN that is held.
  void begin(far_end& client, std::string_view sql = "begin") {
    client.say(query(sql));
    turn();
    BOOST_TEST(client.hear() == done("BEGIN", 'T'));
  }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(begins, lazy_fixture)

BOOST_AUTO_TEST_CASE(it_takes_no_server_and_travels_with_the_next_message) {
  far_end client, server;
  adopt_client(client, 1);
  begin(client, "begin isolation level serializable");
  BOOST_TEST(port->starved.empty());
  adopt_server(server);
  client.say(query("select 1"));
  turn();
  BOOST_TEST(server.hear() == query("begin isolation level serializable"));
  BOOST_TEST(client.hear() == "");
  server.say(done("BEGIN", 'T'));
  turn();
  BOOST_TEST(client.hear() == "");
  BOOST_TEST(server.hear() == query("select 1"));
  server.say(message('T', std::string_view{"\0\0", 2}) + done("SELECT 1", 'T'));
  turn();
  client.hear();
  BOOST_TEST(here().numbers().servers_lent == 1u);
  client.say(query("commit"));
  turn();
  BOOST_TEST(server.hear() == query("commit"));
  server.say(done("COMMIT"));
  turn();
  BOOST_TEST(client.hear() == done("COMMIT"));
  BOOST_TEST(here().numbers().servers_idle == 1u);
  BOOST_TEST(here().sums().queries == 3u);
  BOOST_TEST(here().sums().transactions == 1u);
}

BOOST_AUTO_TEST_CASE(it_is_held_only_where_it_comes_alone) {
  far_end client, server;
  adopt_server(server);
  adopt_client(client, 1);
  auto both = query("begin") + query("select 1");
  client.say(both);
  turn();
  BOOST_TEST(server.hear() == both);
  server.say(done("BEGIN", 'T') + done("SELECT 1", 'T'));
  turn();
  BOOST_TEST(client.hear() == done("BEGIN", 'T') + done("SELECT 1", 'T'));
  // In a block that a server knows of, PostgreSQL has something to say.
  client.say(query("begin"));
  turn();
  BOOST_TEST(server.hear() == query("begin"));
}

BOOST_AUTO_TEST_CASE(every_cut_of_it_has_the_same_answer) {
  auto ask = query("begin");
  for (std::size_t cut = 1; cut < ask.size(); ++cut) {
    far_end client, server;
    adopt_server(server);
    adopt_client(client, 100 + cut);
    client.say(std::string_view{ask}.substr(0, cut));
    turn();
    client.say(std::string_view{ask}.substr(cut));
    turn();
    // Less than its header says nothing about it; then it is held, or not.
    if (server.hear() == ask)
      server.say(done("BEGIN", 'T'));
    turn();
    BOOST_TEST(client.hear() == done("BEGIN", 'T'), "cut at " << cut);
    client.hang_up();
    server.hang_up();
    turn();
  }
}

BOOST_AUTO_TEST_CASE(an_end_alone_is_answered_too) {
  far_end client;
  adopt_client(client, 1);
  using pair = std::pair<std::string_view, std::string_view>;
  for (auto [sql, tag] : {pair{"commit", "COMMIT"}, pair{"END;", "COMMIT"},
                          pair{"rollback work", "ROLLBACK"},
                          pair{"Abort transaction ;", "ROLLBACK"}}) {
    begin(client);
    client.say(query(sql));
    turn();
    BOOST_TEST(client.hear() == done(tag), sql);
  }
  BOOST_TEST(here().sums().transactions == 4u);
  BOOST_TEST(here().sums().queries == 8u);
  BOOST_TEST(here().sums().server_assignments == 0u);
  // The next BEGIN may come behind the end, in one write.
  begin(client);
  client.say(query("commit") + query("start transaction"));
  turn();
  BOOST_TEST(client.hear() == done("COMMIT") + done("START TRANSACTION", 'T'));
  BOOST_TEST(port->starved.empty());
}

BOOST_AUTO_TEST_CASE(a_sync_alone_is_answered_and_what_is_ignored_is_ignored) {
  far_end client;
  adopt_client(client, 1);
  begin(client);
  client.say(message('H') + message('d', "x") + message('c')
             + message('f', std::string_view{"\0", 1}) + message('S'));
  turn();
  BOOST_TEST(client.hear() == ready('T'));
  BOOST_TEST(port->starved.empty());
}

BOOST_AUTO_TEST_CASE(the_clients_settings_come_before_it) {
  far_end one, two, server;
  adopt_server(server);
  adopt_client(one, 1);
  adopt_client(two, 2);
  one.say(query("set work_mem = 1024"));
  turn();
  server.hear();
  server.say(done("SET"));
  turn();
  // PostgreSQL is asked what is set now.
  server.hear();
  server.say(message('3') + message('1') + message('2')
             + message('D', std::string_view{"\0\3"
                                             "\0\0\0\1s"
                                             "\0\0\0\10work_mem"
                                             "\0\0\0\4"
                                             "1024",
                                             27})
             + done("SELECT 1"));
  turn();
  one.hear();
  two.say(query("select 2"));
  turn();
  auto sent = std::string{server.hear()};
  BOOST_TEST(sent.ends_with(query("select 2")));
  server.say(message('1') + message('2') + done("RESET") + selected());
  turn();
  BOOST_TEST(two.hear() == selected());
  begin(one);
  one.say(query("select 1"));
  turn();
  sent = std::string{server.hear()};
  BOOST_TEST(sent.find("1024") != std::string::npos);
  BOOST_TEST(sent.ends_with(query("begin")));
}

BOOST_AUTO_TEST_CASE(its_error_answers_the_message_behind_and_ends_the_block) {
  far_end client, server;
  adopt_server(server);
  adopt_client(client, 1);
  begin(client, "begin read write");
  client.say(query("select 1") + query("select 2"));
  turn();
  BOOST_TEST(server.hear() == query("begin read write"));
  server.say(error("ERROR", "25006") + ready('I'));
  turn();
  BOOST_TEST(client.hear() == error("ERROR", "25006") + ready('E'));
  // No statement of the client's runs outside of its block.
  BOOST_TEST(server.hear() == query("begin read write") + failing);
  server.say(error("ERROR", "25006") + ready('I') + error("ERROR", "25P01")
             + ready('I'));
  turn();
  BOOST_TEST(client.hear() == error("ERROR", "25006") + ready('E'));
  BOOST_TEST(here().numbers().servers_idle == 1u);
  client.say(query("commit"));
  turn();
  BOOST_TEST(client.hear() == done("ROLLBACK"));
  client.say(query("select 3"));
  turn();
  BOOST_TEST(server.hear() == query("select 3"));
}

BOOST_AUTO_TEST_CASE(its_error_drops_a_batch_up_to_its_sync) {
  far_end client, server;
  adopt_server(server);
  adopt_client(client, 1);
  begin(client);
  auto batch = message('P', std::string_view{"\0select 1\0\0\0", 12})
             + message('B', std::string_view{"\0\0\0\0\0\0\0\0", 8})
             + message('E', std::string_view{"\0\0\0\0\0", 5});
  client.say(batch);
  turn();
  BOOST_TEST(server.hear() == query("begin"));
  server.say(error("ERROR", "57014") + ready('I'));
  turn();
  BOOST_TEST(client.hear() == error("ERROR", "57014"));
  client.say(batch + message('S'));
  turn();
  BOOST_TEST(client.hear() == ready('E'));
  BOOST_TEST(server.hear() == "");
}

BOOST_AUTO_TEST_CASE(a_cancel_in_the_queue_leaves_a_failed_block) {
  far_end client, server;
  adopt_client(client, 1);
  auto key = last_key;
  begin(client);
  home->cancel(key);
  turn();
  BOOST_TEST(client.hear() == ""); // Nothing to be canceled.
  client.say(query("select 1"));
  turn();
  BOOST_TEST(here().numbers().waiting == 1u);
  home->cancel(key);
  turn();
  auto got = std::string{client.hear()};
  BOOST_TEST(got.find("57014") != std::string::npos);
  BOOST_TEST(got.ends_with(ready('E')));
  BOOST_TEST(here().numbers().waiting == 0u);
  client.say(message('S'));
  turn();
  BOOST_TEST(client.hear() == ready('E'));
  // What it says now PostgreSQL answers, in a block that has failed.
  adopt_server(server);
  client.say(query("select 2"));
  turn();
  BOOST_TEST(server.hear() == query("begin") + failing);
  server.say(done("BEGIN", 'T'));
  turn();
  BOOST_TEST(server.hear() == "");
  server.say(error("ERROR", "3B001") + ready('E'));
  turn();
  BOOST_TEST(server.hear() == query("select 2"));
  server.say(error("ERROR", "25P02") + ready('E'));
  turn();
  BOOST_TEST(client.hear() == error("ERROR", "25P02") + ready('E'));
  client.say(query("rollback"));
  turn();
  BOOST_TEST(server.hear() == query("rollback"));
}

BOOST_AUTO_TEST_CASE(a_failed_block_ends_without_a_server) {
  far_end client;
  adopt_client(client, 1);
  auto key = last_key;
  for (auto sql : {"commit", "rollback"}) {
    begin(client);
    client.say(query("select 1"));
    turn();
    home->cancel(key);
    turn();
    client.hear();
    client.say(query(sql));
    turn();
    BOOST_TEST(client.hear() == done("ROLLBACK"), sql);
  }
}

BOOST_AUTO_TEST_CASE(a_client_that_vanishes_with_it_touches_no_server) {
  far_end gone, leaving, server;
  adopt_server(server);
  adopt_client(gone, 1);
  adopt_client(leaving, 2);
  begin(gone);
  begin(leaving);
  gone.hang_up();
  leaving.say(message('X'));
  turn();
  BOOST_TEST(port->left.size() == 2u);
  BOOST_TEST(server.hear() == "");
  BOOST_TEST(here().numbers().servers_idle == 1u);
}

BOOST_AUTO_TEST_CASE(a_client_that_vanishes_while_it_travels) {
  far_end client, server;
  adopt_server(server);
  adopt_client(client, 1);
  begin(client);
  client.say(query("select 1"));
  turn();
  BOOST_TEST(server.hear() == query("begin"));
  client.hang_up();
  turn();
  BOOST_REQUIRE(edge.orders.size() == 1u);
  server.say(done("BEGIN", 'T'));
  turn();
  home->cancel_settled(edge.orders[0].ticket, true);
  turn();
  BOOST_TEST(server.hear() == query("ROLLBACK"));
  server.say(done("ROLLBACK"));
  turn();
  BOOST_TEST(here().numbers().servers_idle == 1u);
}

BOOST_AUTO_TEST_CASE(a_server_that_ends_while_it_travels_says_why) {
  far_end client, server;
  adopt_server(server);
  adopt_client(client, 1);
  begin(client);
  client.say(query("select 1"));
  turn();
  server.hear();
  server.say(error("FATAL", "57P01"));
  server.hang_up();
  turn();
  BOOST_TEST(client.hear() == error("FATAL", "57P01"));
  BOOST_TEST(client.is_closed());
}

BOOST_AUTO_TEST_CASE(a_server_that_is_lost_while_it_travels_ends_the_client) {
  far_end client, server;
  adopt_server(server);
  adopt_client(client, 1);
  begin(client);
  client.say(query("select 1"));
  turn();
  server.hear();
  server.hang_up();
  turn();
  BOOST_TEST(std::string{client.hear()}.find("08006") != std::string::npos);
  BOOST_TEST(client.is_closed());
}

BOOST_AUTO_TEST_CASE(a_server_that_answers_it_wrongly_is_closed) {
  far_end client, server;
  adopt_server(server);
  adopt_client(client, 1);
  begin(client);
  client.say(query("select 1"));
  turn();
  server.hear();
  server.say(done("BEGIN")); // And no error.
  turn();
  BOOST_TEST(std::string{client.hear()}.find("08006") != std::string::npos);
  BOOST_TEST(port->gone.size() == 1u);
}

BOOST_AUTO_TEST_CASE(a_pause_does_not_wait_for_it_and_a_drain_ends_it) {
  far_end client, server;
  adopt_server(server);
  adopt_client(client, 1);
  begin(client);
  here().pause(1);
  BOOST_TEST(port->paused_count == 1);
  here().resume();
  here().drain(never, ec::shutting_down);
  turn();
  BOOST_TEST(std::string{client.hear()}.find("57P01") != std::string::npos);
  BOOST_TEST(port->drained_count == 1);
}

BOOST_AUTO_TEST_CASE(the_unnamed_statement_is_gone_behind_it) {
  far_end client, server;
  adopt_server(server);
  adopt_client(client, 1);
  client.say(message('P', std::string_view{"\0select 1\0\0\0", 12})
             + message('S'));
  turn();
  server.hear();
  server.say(message('1') + ready('I'));
  turn();
  client.hear();
  begin(client);
  client.say(query("commit"));
  turn();
  client.hear();
  const auto bind = message('B', std::string_view{"\0\0\0\0\0\0\0\0", 8});
  client.say(bind + message('S'));
  turn();
  // The same server still has it: it is taken off there first.
  BOOST_TEST(server.hear()
             == message('C', std::string_view{"S\0", 2}) + bind + message('S'));
}

BOOST_AUTO_TEST_CASE(without_the_setting_it_takes_a_server) {
  settings.lazy_begin = false;
  here().configure(settings);
  far_end client, server;
  adopt_server(server);
  adopt_client(client, 1);
  client.say(query("begin"));
  turn();
  BOOST_TEST(server.hear() == query("begin"));
  BOOST_TEST(client.hear() == "");
}

BOOST_AUTO_TEST_CASE(in_statement_mode_it_is_refused_as_ever) {
  settings.mode = tenants::pool_mode::statement;
  here().configure(settings);
  far_end client, server;
  adopt_server(server);
  adopt_client(client, 1);
  client.say(query("begin"));
  turn();
  BOOST_TEST(server.hear() == query("begin"));
  server.say(done("BEGIN", 'T'));
  turn();
  BOOST_TEST(client.hear().ends_with(ready('T')) == false);
  BOOST_TEST(client.is_closed());
}

BOOST_AUTO_TEST_SUITE_END()
