#include "tests/app/console_fixture.hpp"

using namespace cenote;
using namespace cenote::test;

namespace {

using list = std::vector<std::string>;

std::vector<std::byte> raw_message(char tag, std::size_t body_bytes) {
  auto out = std::vector<std::byte>{};
  auto to = protocol::writer{out};
  to.begin(tag);
  to.byte_n(std::string(body_bytes, 'x'));
  to.end();
  return out;
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(console_protocol, console_fixture)

BOOST_AUTO_TEST_CASE(a_session_begins_like_a_servers) {
  auto client = connect();
  auto got = client.receive();
  BOOST_TEST(got.tags == "RSSSSSSSSKZ");
  const auto first
    = std::pair<std::string, std::string>{"server_version", "0.1.0/bouncer"};
  BOOST_TEST((got.parameters.front() == first));
}

BOOST_AUTO_TEST_CASE(statements_of_one_query_are_answered_in_turn) {
  auto client = log_in();
  auto got = client.query("SHOW VERSION; show version ;SELECT version;");
  BOOST_TEST(got.tags == "TDCTDCTDCZ");
  BOOST_TEST((got.completed == list{"SHOW", "SHOW", "SHOW"}));
  // An error ends the query, not the session.
  got = client.query("SHOW VERSION; nonsense; SHOW VERSION");
  BOOST_TEST(got.tags == "TDCEZ");
  BOOST_TEST(
    (got.errors
     == list{"ERROR 42601 invalid command 'nonsense', use SHOW HELP;"}));
  BOOST_TEST(client.query("").tags == "IZ");
  BOOST_TEST(client.query(" ; ").tags == "IZ");
  BOOST_TEST(client.query("SHOW VERSION").tags == "TDCZ");
}

BOOST_AUTO_TEST_CASE(a_query_may_arrive_cut_anywhere) {
  auto client = log_in();
  auto message = protocol::query_message{};
  message.text = "SHOW VERSION;";
  const auto bytes = protocol::encoded(message);
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    if (cut > 0)
      client.send(std::span{bytes}.first(cut));
    if (cut < bytes.size())
      client.send(std::span{bytes}.subspan(cut));
    BOOST_TEST(client.receive().tags == "TDCZ", "cut at " << cut);
  }
}

BOOST_AUTO_TEST_CASE(queries_may_be_sent_ahead) {
  auto client = log_in();
  for (int i = 0; i < 50; ++i)
    client.send_query("SHOW VERSION");
  for (int i = 0; i < 50; ++i)
    BOOST_TEST(client.receive().tags == "TDCZ");
}

BOOST_AUTO_TEST_CASE(a_session_outlives_the_budget_of_a_login) {
  auto client = log_in();
  const auto text = "SHOW \"" + std::string(30'000, 'x') + "\"";
  for (int i = 0; i < 10; ++i)
    BOOST_TEST(client.query(text).tags == "EZ");
}

BOOST_AUTO_TEST_CASE(the_extended_protocol_ends_the_session) {
  for (auto tag : {'P', 'B', 'D', 'E', 'C', 'H', 'S'}) {
    auto client = log_in();
    client.send(raw_message(tag, tag == 'S' || tag == 'H' ? 0 : 4));
    auto got = client.receive();
    BOOST_TEST(got.tags == "E.");
    BOOST_TEST((got.errors
                == list{"FATAL 08P01 extended query protocol not supported by "
                        "admin console"}));
    client.hang_up();
    check_ended();
  }
}

BOOST_AUTO_TEST_CASE(other_messages_end_the_session) {
  auto client = log_in();
  client.send(raw_message('d', 1));
  auto got = client.receive();
  BOOST_TEST(got.tags == "E.");
  BOOST_TEST((got.errors
              == list{"FATAL 08P01 unsupported packet type for admin console: "
                      "100"}));
  client.hang_up();
  check_ended();
}

BOOST_AUTO_TEST_CASE(a_query_has_a_limit) {
  constexpr std::size_t limit = 64 * 1024;
  auto client = log_in();
  // At the limit it is a query, with its NUL.
  BOOST_TEST(client.query(std::string(limit - 1, ' ')).tags == "IZ");
  const auto too_long = raw_message('Q', limit + 1);
  client.send(std::span{too_long}.first(5));
  auto got = client.receive();
  BOOST_TEST(got.tags == "E.");
  BOOST_TEST(got.errors.at(0).starts_with("FATAL"));
  client.hang_up();
  check_ended();
}

BOOST_AUTO_TEST_CASE(a_query_without_its_end_is_a_violation) {
  auto client = log_in();
  client.send(raw_message('Q', 4));
  auto got = client.receive();
  BOOST_TEST(got.tags == "E.");
  BOOST_TEST(got.errors.at(0).starts_with("FATAL 08P01"));
  client.hang_up();
  check_ended();
}

BOOST_AUTO_TEST_CASE(terminate_and_a_closed_socket_end_the_session) {
  {
    auto client = log_in();
    client.send(protocol::encoded(protocol::terminate_message{}));
    BOOST_TEST(client.receive().tags == ".");
    check_ended();
  }
  auto client = log_in();
  client.hang_up();
  check_ended();
}

BOOST_AUTO_TEST_CASE(sessions_have_a_limit) {
  auto clients = std::vector<operator_client>{};
  for (int i = 0; i < 100; ++i)
    clients.push_back(log_in());
  auto one_too_many = connect();
  auto got = one_too_many.receive();
  BOOST_TEST(got.tags == "E.");
  BOOST_TEST(got.errors.at(0).starts_with("FATAL 53300"));
}

BOOST_AUTO_TEST_CASE(drivers_may_look_at_settings_and_pretend_to_set_them) {
  auto client = log_in(false);
  auto got = client.query("SHOW client_encoding");
  BOOST_TEST(got.tags == "TDCZ");
  BOOST_TEST(got.columns.at(0).first == "client_encoding");
  BOOST_TEST(got.cell(0, "client_encoding") == "UTF8");
  got = client.query("show Server_Version");
  BOOST_TEST(got.cell(0, "server_version") == "0.1.0/bouncer");
  got = client.query("SHOW transaction_isolation");
  BOOST_TEST(got.cell(0, "transaction_isolation") == "read committed");
  for (auto text :
       {"SET client_encoding TO 'UTF8'", "set extra_float_digits = 3",
        "SET application_name = 'PostgreSQL JDBC Driver'",
        "SET datestyle TO 'ISO'"}) {
    got = client.query(text);
    BOOST_TEST(got.tags == "NCZ", text);
    BOOST_TEST((got.notices == list{"SET ignored"}));
    BOOST_TEST((got.completed == list{"SET"}));
  }
}

BOOST_AUTO_TEST_SUITE_END()
