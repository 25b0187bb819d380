// A shard between socket pairs: the test is the clients and the servers.

#include "tests/proxy/shard_fixture.hpp"

#include <boost/test/unit_test.hpp>

#include "protocol/messages.hpp"
#include "protocol/reader.hpp"

using namespace cenote;
using namespace cenote::proxy;

BOOST_FIXTURE_TEST_SUITE(shard_suite, shard_fixture)

BOOST_AUTO_TEST_CASE(a_query_goes_to_a_server_and_its_reply_comes_back) {
  far_end client, server;
  adopt_server(server);
  adopt_client(client, 1);
  client.say(query("select 1"));
  turn();
  BOOST_TEST(server.hear() == query("select 1"));
  server.say(selected());
  turn();
  BOOST_TEST(client.hear() == selected());
  BOOST_TEST(here().numbers().servers_idle == 1u);
}

BOOST_AUTO_TEST_CASE(every_cut_of_query_and_reply_gives_the_same) {
  far_end client, server;
  adopt_server(server);
  adopt_client(client, 1);
  auto ask = query("select 'x'") + query("select 2");
  auto answer = selected() + selected();
  for (std::size_t cut = 1; cut < std::max(ask.size(), answer.size()); ++cut) {
    std::string asked;
    std::string answered;
    auto first = std::min(cut, ask.size());
    client.say(std::string_view{ask}.substr(0, first));
    turn();
    asked += server.hear();
    client.say(std::string_view{ask}.substr(first));
    turn();
    asked += server.hear();
    BOOST_TEST(asked == ask, "asked, cut at " << cut);
    first = std::min(cut, answer.size());
    server.say(std::string_view{answer}.substr(0, first));
    turn();
    answered += client.hear();
    server.say(std::string_view{answer}.substr(first));
    turn();
    answered += client.hear();
    BOOST_TEST(answered == answer, "answered, cut at " << cut);
    BOOST_TEST(here().numbers().servers_idle == 1u);
  }
}

BOOST_AUTO_TEST_CASE(a_transaction_keeps_its_server_and_the_next_client_waits) {
  far_end one, two, server;
  settings.pool_size = 1;
  here().configure(settings);
  adopt_server(server);
  adopt_client(one, 1);
  adopt_client(two, 2);
  one.say(query("begin"));
  turn();
  BOOST_TEST(server.hear() == query("begin"));
  server.say(done("BEGIN", 'T'));
  turn();
  one.hear();
  two.say(query("select 2"));
  turn();
  BOOST_TEST(server.hear() == "");
  BOOST_TEST(here().numbers().waiting == 1u);
  one.say(query("commit"));
  turn();
  BOOST_TEST(server.hear() == query("commit"));
  server.say(done("COMMIT"));
  turn();
  BOOST_TEST(one.hear() == done("COMMIT"));
  BOOST_TEST(server.hear() == query("select 2"));
  server.say(selected());
  turn();
  BOOST_TEST(two.hear() == selected());
}

BOOST_AUTO_TEST_CASE(a_client_without_a_server_makes_the_lane_say_so) {
  far_end client, server;
  adopt_client(client, 1);
  client.say(query("select 1"));
  turn();
  BOOST_REQUIRE(port->starved.size() == 1u);
  BOOST_TEST(port->starved[0].servers_wanted == 1u);
  adopt_server(server);
  turn();
  BOOST_TEST(server.hear() == query("select 1"));
}

BOOST_AUTO_TEST_CASE(a_client_that_vanishes_leaves_a_cleaned_server) {
  far_end client, server;
  adopt_server(server);
  adopt_client(client, 1);
  client.say(query("begin"));
  turn();
  server.hear();
  server.say(done("BEGIN", 'T'));
  turn();
  client.say(query("select pg_sleep(9)"));
  turn();
  server.hear();
  client.hang_up();
  turn();
  BOOST_TEST(port->left.size() == 1u);
  // Cancelled first; the server answers the statement's error.
  BOOST_REQUIRE(edge.orders.size() == 1u);
  BOOST_TEST(edge.orders[0].backend_pid == 42u);
  server.say(
    message('E', std::string_view{"SERROR\0VERROR\0C57014\0Mx\0\0", 25})
    + message('Z', "E"));
  turn();
  // The cancel is still under way: it must not strike the ROLLBACK.
  BOOST_TEST(server.hear() == "");
  home->cancel_settled(edge.orders[0].ticket, true);
  turn();
  BOOST_TEST(server.hear() == query("ROLLBACK"));
  BOOST_TEST(here().numbers().servers_idle == 0u);
  server.say(done("ROLLBACK"));
  turn();
  BOOST_TEST(here().numbers().servers_idle == 1u);
  BOOST_TEST(port->gone.empty());
}

BOOST_AUTO_TEST_CASE(half_a_message_asks_for_no_server) {
  far_end client, server;
  adopt_server(server);
  adopt_client(client, 1);
  auto first = query("select 'x'");
  auto ask = first + query("select 2");
  for (std::size_t cut = 1; cut < first.size(); ++cut) {
    client.say(std::string_view{ask}.substr(0, cut));
    turn();
    BOOST_TEST(here().numbers().servers_idle == 1u, "cut at " << cut);
    BOOST_TEST(server.hear() == "");
    client.say(std::string_view{ask}.substr(cut));
    turn();
    BOOST_TEST(server.hear() == ask, "cut at " << cut);
    server.say(selected() + selected());
    turn();
    BOOST_TEST(client.hear() == selected() + selected());
  }
  client.say(std::string_view{ask}.substr(0, 9));
  turn();
  client.hang_up();
  turn();
  BOOST_TEST(port->gone.empty());
  BOOST_TEST(here().numbers().servers_idle == 1u);
}

BOOST_AUTO_TEST_CASE(a_message_cut_by_its_client_costs_the_server) {
  far_end client, server;
  adopt_server(server);
  adopt_client(client, 1);
  // Too long to be kept until all of it is here.
  auto call = message('F', std::string(limits::held_bytes_max, 'x'));
  client.say(std::string_view{call}.substr(0, 9));
  turn();
  BOOST_TEST(here().numbers().servers_idle == 0u);
  client.hang_up();
  turn();
  // It reads an end, and keeps its place until it has hung up.
  server.hear();
  BOOST_TEST(server.is_closed());
  BOOST_TEST(edge.orders.size() == 1u);
  BOOST_TEST(port->gone.empty());
  server.hang_up();
  turn();
  BOOST_TEST(port->gone.size() == 1u);
}

BOOST_AUTO_TEST_CASE(a_dirty_server_is_reset_where_sessions_are_not_followed) {
  settings.prepared_statements_max = 0;
  here().configure(settings);
  far_end client, server;
  adopt_server(server);
  adopt_client(client, 1);
  client.say(query("set work_mem = '1MB'"));
  turn();
  server.hear();
  server.say(done("SET"));
  turn();
  BOOST_TEST(client.hear() == done("SET"));
  BOOST_TEST(server.hear() == query("DISCARD ALL"));
  BOOST_TEST(here().numbers().servers_idle == 0u);
  server.say(done("DISCARD ALL"));
  turn();
  BOOST_TEST(client.hear() == "");
  BOOST_TEST(here().numbers().servers_idle == 1u);
}

BOOST_AUTO_TEST_CASE(what_a_client_set_follows_it_and_nobody_else) {
  settings.pool_size = 1;
  here().configure(settings);
  far_end one, two, server;
  adopt_server(server);
  adopt_client(one, 1);
  adopt_client(two, 2);
  one.say(query("set work_mem = '1MB'"));
  turn();
  server.hear();
  server.say(done("SET"));
  turn();
  BOOST_TEST(one.hear() == done("SET"));
  auto asked = std::string{server.hear()};
  BOOST_TEST(asked.find("cenote_left_behind") != std::string::npos);
  two.say(query("select 2"));
  turn();
  BOOST_TEST(server.hear() == "");
  server.say(message('3') + message('1') + message('2')
             + message('D', std::string_view{"\0\3"
                                             "\0\0\0\1s"
                                             "\0\0\0\10work_mem"
                                             "\0\0\0\4"
                                             "1024",
                                             27})
             + done("SELECT 1"));
  turn();
  BOOST_TEST(one.hear() == "");
  auto next = std::string{server.hear()};
  BOOST_TEST(next.find("reset \"work_mem\"") != std::string::npos);
  BOOST_TEST(next.ends_with(query("select 2")));
  server.say(message('1') + message('2') + done("RESET") + selected());
  turn();
  BOOST_TEST(two.hear() == selected());
  one.say(query("select 1"));
  turn();
  next = std::string{server.hear()};
  BOOST_TEST(next.find("set_config") != std::string::npos);
  BOOST_TEST(next.find("1024") != std::string::npos);
  BOOST_TEST(next.ends_with(query("select 1")));
}

BOOST_AUTO_TEST_CASE(a_statement_is_parsed_where_it_is_bound) {
  auto text = std::string_view{"mine\0select 1\0\0\0", 16};
  far_end client, other, first, second;
  settings.pool_size = 2;
  here().configure(settings);
  adopt_server(first);
  adopt_client(client, 1);
  adopt_client(other, 2);
  client.say(message('P', text) + message('S'));
  turn();
  auto asked = std::string{first.hear()};
  BOOST_TEST(asked.find("cenote_") != std::string::npos);
  BOOST_TEST(asked.find("mine") == std::string::npos);
  first.say(message('1') + message('Z', "I"));
  turn();
  BOOST_TEST(client.hear() == message('1') + message('Z', "I"));
  // Somebody else has the first server when the statement is bound.
  other.say(query("begin"));
  turn();
  first.hear();
  adopt_server(second);
  client.say(message('B', std::string_view{"\0mine\0\0\0\0\0\0\0", 12})
             + message('E', std::string_view{"\0\0\0\0\0", 5}) + message('S'));
  turn();
  auto sent = std::string{second.hear()};
  BOOST_TEST(sent[0] == 'P');
  BOOST_TEST(sent.find("select 1") != std::string::npos);
  second.say(message('1') + message('2') + done("SELECT 0"));
  turn();
  BOOST_TEST(client.hear() == message('2') + done("SELECT 0"));
}

BOOST_AUTO_TEST_CASE(a_waiting_client_that_is_canceled_gets_an_error_only) {
  far_end client, server;
  adopt_client(client, 1);
  client.say(query("select 1"));
  turn();
  home->cancel(last_key);
  turn();
  auto got = std::string{client.hear()};
  BOOST_TEST(got[0] == 'E');
  BOOST_TEST(got.find("57014") != std::string::npos);
  BOOST_TEST(got.ends_with(message('Z', "I")));
  BOOST_TEST(here().numbers().waiting == 0u);
  adopt_server(server);
  client.say(query("select 2"));
  turn();
  BOOST_TEST(server.hear() == query("select 2"));
}

BOOST_AUTO_TEST_CASE(a_canceled_batch_is_dropped_up_to_its_sync) {
  far_end client, server;
  adopt_client(client, 1);
  auto batch = message('P', std::string_view{"\0select 1\0\0\0", 12})
             + message('B', std::string_view{"\0\0\0\0\0\0\0\0", 8});
  client.say(batch);
  turn();
  home->cancel(last_key);
  turn();
  BOOST_TEST(std::string{client.hear()}.find("57014") != std::string::npos);
  client.say(message('E', std::string_view{"\0\0\0\0\0", 5}) + message('S')
             + query("select 2"));
  turn();
  BOOST_TEST(client.hear() == message('Z', "I"));
  adopt_server(server);
  turn();
  BOOST_TEST(server.hear() == query("select 2"));
}

BOOST_AUTO_TEST_CASE(a_long_key_cancels_where_a_part_of_it_does_not) {
  far_end client, server;
  adopt_server(server);
  adopt_client(client, 1, true);
  client.say(query("select 1"));
  turn();
  for (std::size_t at = 0; at < long_secret_bytes; ++at) {
    auto wrong = last_key;
    wrong.secret[at] ^= std::byte{1};
    home->cancel(wrong);
  }
  auto cut = last_key;
  cut.secret.resize(short_secret_bytes);
  home->cancel(cut);
  cut.pid &= ~1U;
  home->cancel(cut);
  BOOST_TEST(edge.orders.empty());
  home->cancel(last_key);
  BOOST_TEST(edge.orders.size() == 1u);
}

BOOST_AUTO_TEST_CASE(four_cancels_at_a_time_are_on_their_way_to_a_server) {
  far_end client, other, server;
  adopt_server(server);
  adopt_client(client, 1);
  const auto key = last_key;
  adopt_client(other, 2);
  client.say(query("select 1"));
  other.say(query("select 2"));
  turn();
  BOOST_TEST(server.hear() == query("select 1"));
  for (int i = 0; i < 10; ++i)
    home->cancel(key);
  BOOST_TEST_REQUIRE(edge.orders.size() == 4u);
  home->cancel_settled(edge.orders[0].ticket, true);
  home->cancel(key);
  home->cancel(key);
  BOOST_TEST_REQUIRE(edge.orders.size() == 5u);
  server.say(selected());
  turn();
  // Not before the last of them has struck, or missed.
  for (std::size_t i = 1; i < edge.orders.size(); ++i) {
    BOOST_TEST(server.hear().empty());
    home->cancel_settled(edge.orders[i].ticket, true);
    turn();
  }
  BOOST_TEST(server.hear() == query("select 2"));
}

BOOST_AUTO_TEST_CASE(a_wrong_or_late_key_does_nothing) {
  far_end client, server;
  adopt_server(server);
  adopt_client(client, 1);
  auto wrong = last_key;
  wrong.secret[3] ^= std::byte{1};
  client.say(query("select 1"));
  turn();
  home->cancel(wrong);
  BOOST_TEST(edge.orders.empty());
  server.hear();
  server.say(selected());
  turn();
  home->cancel(last_key);
  turn();
  BOOST_TEST(edge.orders.empty());
}

BOOST_AUTO_TEST_CASE(bytes_that_are_no_message_end_the_client_alone) {
  far_end bad, good, server;
  adopt_server(server);
  adopt_client(bad, 1);
  adopt_client(good, 2);
  bad.say(message('y', "what"));
  turn();
  BOOST_TEST(std::string{bad.hear()}.find("08P01") != std::string::npos);
  good.say(query("select 1"));
  turn();
  BOOST_TEST(server.hear() == query("select 1"));
}

BOOST_AUTO_TEST_CASE(a_server_that_talks_nonsense_is_closed_with_08006) {
  far_end client, server;
  adopt_server(server);
  adopt_client(client, 1);
  client.say(query("select 1"));
  turn();
  server.hear();
  server.say(message('3'));
  turn();
  BOOST_TEST(std::string{client.hear()}.find("08006") != std::string::npos);
  BOOST_TEST(port->gone.size() == 1u);
}

BOOST_AUTO_TEST_CASE(a_drain_ends_idle_clients_now_and_busy_ones_later) {
  far_end idle, busy, server;
  adopt_server(server);
  adopt_client(idle, 1);
  adopt_client(busy, 2);
  busy.say(query("select 1"));
  turn();
  server.hear();
  here().drain(never, ec::shutting_down);
  turn();
  BOOST_TEST(std::string{idle.hear()}.find("57P01") != std::string::npos);
  BOOST_TEST(port->drained_count == 0);
  server.say(selected());
  turn();
  auto got = std::string{busy.hear()};
  BOOST_TEST(got.starts_with(selected()));
  BOOST_TEST(got.find("57P01") != std::string::npos);
  BOOST_TEST(port->drained_count == 1);
  BOOST_TEST(port->cut_short == 0u);
}

BOOST_AUTO_TEST_CASE(a_client_that_finds_no_lane_is_told_and_counted) {
  far_end client;
  client_adoption from;
  from.socket = client.near_end();
  from.seat = subscription{client_id{7}, port, {}};
  from.profile = std::make_shared<const client_profile>();
  home->adopt(lane_id{9}, std::move(from));
  turn();
  const auto words = protocol::error_message(ec::pool_draining);
  BOOST_TEST(client.hear() == protocol::as_text(words));
  BOOST_TEST(home->snapshot(false).clients_ended.of(ec::pool_draining) == 1u);
}

BOOST_AUTO_TEST_CASE(a_pause_is_answered_when_nothing_is_lent) {
  far_end client, server;
  adopt_server(server);
  adopt_client(client, 1);
  client.say(query("select 1"));
  turn();
  server.hear();
  here().pause(1);
  BOOST_TEST(port->paused_count == 0);
  server.say(selected());
  turn();
  BOOST_TEST(port->paused_count == 1);
  client.hear();
  client.say(query("select 2"));
  turn();
  BOOST_TEST(here().numbers().waiting == 1u);
  here().resume();
  far_end fresh;
  adopt_server(fresh);
  turn();
  BOOST_TEST(fresh.hear() == query("select 2"));
}

BOOST_AUTO_TEST_CASE(many_clients_that_fail_in_a_row_do_not_recurse) {
  std::vector<std::unique_ptr<far_end>> clients;
  for (std::uint64_t i = 1; i <= 3000; ++i) {
    clients.push_back(std::make_unique<far_end>());
    adopt_client(*clients.back(), i);
    clients.back()->say(message('S', "x")); // A Sync has no body.
  }
  turn(10);
  far_end last, server;
  adopt_client(last, 9999);
  last.say(query("select 1"));
  adopt_server(server);
  turn(10);
  BOOST_TEST(server.hear() == query("select 1"));
}

BOOST_AUTO_TEST_SUITE_END()
