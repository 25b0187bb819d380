#include <boost/test/unit_test.hpp>

#include "protocol/reader.hpp"
#include "protocol/scram.hpp"
#include "tests/proxy/edge/edge_fixture.hpp"

/// The rows of the security checklist that concern a login, client side.
namespace cenote::test {

using namespace std::string_literals;
using proxy::edge::client_tls;

namespace {

const auto right = std::string{the_password};

bytes untyped(std::uint32_t length, std::string_view body) {
  bytes out;
  auto to = protocol::writer{out};
  to.int32(static_cast<std::int32_t>(length));
  to.byte_n(body);
  return out;
}

bytes typed(char tag, std::uint32_t length, std::string_view body) {
  bytes out;
  auto to = protocol::writer{out};
  to.byte1(tag);
  to.int32(static_cast<std::int32_t>(length));
  to.byte_n(body);
  return out;
}

/// A client that was just asked for SCRAM.
wire_client asked_for_scram(edge_fixture& at, const char* user = "app") {
  auto client = wire_client{at, at.port()};
  client.say(hello({{"user", user}, {"database", "shop"}}));
  BOOST_TEST_REQUIRE(client.next().tag == 'R');
  return client;
}

} // namespace

BOOST_AUTO_TEST_SUITE(hostile_clients)

BOOST_AUTO_TEST_CASE(a_bad_startup_length_is_answered_with_silence) {
  auto at = edge_fixture{};
  at.start();
  for (std::uint32_t length :
       {0u, 3u, 4u, 7u, 10'005u, 0x7fff'ffffu, 0x8000'0000u, 0xffff'ffffu}) {
    auto client = wire_client{at, at.port()};
    client.send(untyped(length, ""));
    BOOST_TEST(client.is_closed(), "length " << length);
  }
  auto http = wire_client{at, at.port()};
  http.send("GET / HTTP/1.1\r\n\r\n"s);
  BOOST_TEST(http.is_closed());
  auto cut = wire_client{at, at.port()};
  cut.send(untyped(100, "\0\3\0\0user"s));
  cut.shut_down();
  BOOST_TEST(cut.is_closed());
  at.settle();
  BOOST_TEST(at.shards.clients.empty());
}

BOOST_AUTO_TEST_CASE(a_startup_message_of_the_largest_size_is_read) {
  auto at = edge_fixture{};
  at.start();
  const auto body = "\0\3\0\0user\0trusted\0database\0shop\0x\0"s;
  // Its length word is not counted.
  const auto filling = std::string(10'000 - body.size() - 2, 'y');
  const auto whole = body + filling + "\0\0"s;
  BOOST_TEST_REQUIRE(whole.size() == 10'000u);
  auto client = wire_client{at, at.port()};
  client.send(untyped(10'004, whole));
  BOOST_TEST(client.next().tag == 'R');
}

BOOST_AUTO_TEST_CASE(other_protocols_are_refused_in_postgresqls_words) {
  auto at = edge_fixture{};
  at.start();
  const auto unsupported = [&](std::string_view version) {
    auto client = wire_client{at, at.port()};
    client.send(
      untyped(static_cast<std::uint32_t>(version.size() + 4), version));
    return client.error();
  };
  const auto text = "0A000 unsupported frontend protocol "s;
  const auto range = ": server supports 3.0 to 3.2"s;
  BOOST_TEST(unsupported("\0\2\0\0"s) == text + "2.0" + range);
  BOOST_TEST(unsupported("\0\4\0\0"s) == text + "4.0" + range);
  BOOST_TEST(unsupported("\x04\xd2\x16\x32"s) == text + "1234.5682" + range);
  auto layout = wire_client{at, at.port()};
  layout.send(untyped(13, "\0\3\0\0user\0"s));
  BOOST_TEST(layout.error().starts_with("08P01 invalid startup packet layout"));
}

BOOST_AUTO_TEST_CASE(a_newer_client_is_taken_down_to_3_2) {
  const struct {
    std::uint16_t asked;
    std::vector<std::string> options;
    int answered; ///< The minor version; -1: nothing to negotiate.
    bool has_long_key;
  } table[] = {
    {0, {}, -1, false},       {0, {"_pq_.x"}, 0, false},
    {1, {}, -1, false},       {2, {}, -1, true},
    {2, {"_pq_.x"}, 2, true}, {3, {}, 2, true},
    {9999, {}, 2, true},      {9999, {"_pq_.x", "_pq_.y"}, 2, true},
  };
  for (const auto& row : table) {
    auto at = edge_fixture{};
    at.start();
    auto client = wire_client{at, at.port()};
    auto as = hello({{"user", "trusted"}, {"database", "shop"}});
    for (const auto& each : row.options)
      as.parameters.push_back({each, "1"});
    as.version.minor = row.asked;
    client.say(as);
    auto got = client.next();
    if (row.answered >= 0) {
      BOOST_TEST_REQUIRE(got.tag == 'v');
      auto said = protocol::negotiate_protocol_version::decode(got.body);
      BOOST_REQUIRE(said);
      BOOST_TEST(said->newest.major == 3u);
      BOOST_TEST(said->newest.minor == row.answered);
      const auto& unknown = said->unknown_options;
      const auto listed
        = std::vector<std::string>{unknown.begin(), unknown.end()};
      BOOST_TEST(listed == row.options, boost::test_tools::per_element());
      got = client.next();
    }
    BOOST_TEST(got.tag == 'R');
    at.run_until([&] { return at.shards.clients.size() == 1; });
    BOOST_TEST(at.shards.clients[0].profile->has_long_key == row.has_long_key);
  }
}

BOOST_AUTO_TEST_CASE(bytes_smuggled_in_front_of_tls_are_fatal) {
  for (auto mode : {client_tls::disable, client_tls::allow}) {
    auto at = edge_fixture{with_tls(mode)};
    at.start();
    for (bool is_tls : {true, false}) {
      auto wire = is_tls ? protocol::encoded(protocol::ssl_request{})
                         : protocol::encoded(protocol::gssenc_request{});
      auto behind = protocol::encoded(hello({{"user", "trusted"}}));
      wire.insert(wire.end(), behind.begin(), behind.end());
      auto client = wire_client{at, at.port()};
      client.send(wire);
      BOOST_TEST(client.error().starts_with("08P01 received unencrypted data"));
    }
    at.settle();
    BOOST_TEST(at.failures(ec::bytes_before_tls) == 2u);
  }
}

BOOST_AUTO_TEST_CASE(encryption_is_negotiated_once) {
  auto at = edge_fixture{with_tls(client_tls::allow)};
  at.start();
  auto client = wire_client{at, at.port()};
  client.say(protocol::ssl_request{});
  BOOST_TEST_REQUIRE(client.answer() == 'S');
  client.start_tls();
  client.say(protocol::ssl_request{});
  BOOST_TEST(client.error().starts_with("0A000 unsupported frontend protocol"));
  auto twice = wire_client{at, at.port()};
  twice.say(protocol::gssenc_request{});
  BOOST_TEST(twice.answer() == 'N');
  twice.say(protocol::gssenc_request{});
  BOOST_TEST(twice.error().starts_with("0A000 unsupported frontend protocol"));
}

BOOST_AUTO_TEST_CASE(an_identity_is_chosen_once) {
  auto at = edge_fixture{};
  at.start();
  auto client = asked_for_scram(at);
  client.say(hello({{"user", "trusted"}, {"database", "shop"}}));
  BOOST_TEST(client.error().starts_with("08P01"));
  at.settle();
  BOOST_TEST(at.shards.clients.empty());
  BOOST_TEST(at.failures(ec::auth_protocol_violation) == 1u);
}

BOOST_AUTO_TEST_CASE(every_other_message_during_authentication_is_fatal) {
  auto at = edge_fixture{};
  at.start();
  for (const auto* user : {"app", "hashed"})
    for (int tag = 0; tag < 256; ++tag) {
      if (tag == 'p')
        continue;
      auto client = asked_for_scram(at, user);
      client.send(typed(static_cast<char>(tag), 6, "x\0"s));
      BOOST_TEST(client.error().starts_with("08P01"), "tag " << tag);
    }
}

BOOST_AUTO_TEST_CASE(bad_lengths_during_authentication_are_fatal) {
  auto at = edge_fixture{};
  at.start();
  for (const auto* user : {"app", "hashed"})
    for (std::uint32_t length :
         {0u, 3u, 65'540u, 0x7fff'ffffu, 0x8000'0000u, 0xffff'ffffu}) {
      auto client = asked_for_scram(at, user);
      client.send(typed('p', length, ""));
      BOOST_TEST(client.error().starts_with("08P01"), "length " << length);
    }
}

BOOST_AUTO_TEST_CASE(malformed_sasl_is_fatal) {
  auto at = edge_fixture{};
  at.start();
  const auto name = "SCRAM-SHA-256\0"s;
  const auto first = "n,,n=,r=abcdefghijklmnopqrstuvwx"s;
  const auto sized = [](std::uint32_t size, const std::string& data) {
    auto out = untyped(size, data);
    return std::string{protocol::as_text(out)};
  };
  const auto bodies = std::vector<std::string>{
    ""s,
    name,
    name + sized(0xffff'fffe, first),
    name + sized(0x7fff'ffff, first),
    name + sized(static_cast<std::uint32_t>(first.size() + 1), first),
    name + sized(static_cast<std::uint32_t>(first.size() - 1), first),
    name + sized(static_cast<std::uint32_t>(first.size()), first + "x"),
    "SCRAM-SHA-256-PLUS\0"s
      + sized(static_cast<std::uint32_t>(first.size()), first),
    "OAUTHBEARER\0"s + sized(0xffff'ffff, ""),
    name + sized(0, ""),
    name + sized(9, "p=tls,,n="),
    name + sized(60'000, "n,,n=,r=" + std::string(59'992, 'r')),
  };
  for (const auto& body : bodies) {
    auto client = asked_for_scram(at);
    client.send(typed('p', static_cast<std::uint32_t>(body.size() + 4), body));
    BOOST_TEST(client.error().starts_with("08P01"));
  }
  at.settle();
  BOOST_TEST(at.failures(ec::auth_protocol_violation) == bodies.size());
}

BOOST_AUTO_TEST_CASE(an_empty_first_response_gets_an_empty_challenge) {
  auto at = edge_fixture{};
  at.start();
  auto client = asked_for_scram(at);
  client.send(typed('p', 22, "SCRAM-SHA-256\0\xff\xff\xff\xff"s));
  auto got = client.next();
  BOOST_TEST(got.tag == 'R');
  BOOST_TEST(got.body.size() == 4u);
  client.say(protocol::sasl_response{"n,,n=,r=abcdefghijklmnopqrstuvwx"});
  BOOST_TEST(client.next().tag == 'R');
}

BOOST_AUTO_TEST_CASE(who_is_unknown_meets_the_messages_of_who_is_known) {
  auto at = edge_fixture{};
  at.start();
  // Everything the server says, its own nonce cut out.
  const auto transcript = [&](const std::string& user, std::string& salt) {
    auto client = wire_client{at, at.port()};
    client.say(hello({{"user", user}, {"database", "shop"}}));
    auto seen = std::string{protocol::as_text(client.next().body)};
    const auto nonce = "abcdefghijklmnopqrstuvwx"s;
    auto scram = protocol::scram_client{nonce};
    const auto first = scram.start();
    client.say(
      protocol::sasl_initial_response{protocol::scram_mechanism, first});
    auto got = client.next();
    auto text = std::string{protocol::as_text(got.body).substr(4)};
    auto challenge = scram.challenged(text);
    BOOST_REQUIRE(challenge);
    salt = challenge->salt;
    seen += std::to_string(text.size()) + "/"
          + std::to_string(challenge->iterations);
    client.say(protocol::sasl_response{
      scram.answer(*protocol::derive_keys(secret{"wrong"}, salt, 4096))});
    auto last = std::string{protocol::as_text(client.rest())};
    const auto at_name = last.find(user);
    BOOST_REQUIRE(at_name != std::string::npos);
    // The length word grows with the name; the rest must not differ.
    return seen + last.substr(5).replace(at_name - 5, user.size(), "?");
  };
  std::string salt;
  std::string again;
  const auto known = transcript("app.acme", salt);
  BOOST_TEST(known == transcript("app.acme", again));
  BOOST_TEST(salt == again);
  for (const auto* user : {"nobody.acme", "app.nosuch", "nobody", "none.acme",
                           "hashed_scram.acme", "app"}) {
    std::string other;
    BOOST_TEST(known == transcript(user, other));
    BOOST_TEST(other.size() == salt.size());
    BOOST_TEST(other != salt);
    BOOST_TEST(other != again);
    std::string other_again;
    transcript(user, other_again);
    BOOST_TEST(other == other_again);
  }
}

BOOST_AUTO_TEST_CASE(a_login_has_a_budget_of_bytes) {
  auto at = edge_fixture{};
  at.start();
  auto client = asked_for_scram(at);
  // Two tokens of the largest size fit, what is behind them does not.
  const auto large = std::string(65'000, 'x');
  client.send(typed('p', 65'004, large));
  BOOST_TEST(client.error().starts_with("08P01"));
  auto greedy = wire_client{at, at.port()};
  auto wire = protocol::encoded(hello({{"user", "app"}, {"database", "shop"}}));
  wire.resize(wire.size() + 1'000'000);
  greedy.send(wire);
  BOOST_TEST(greedy.next().tag == 'R');
  BOOST_TEST(greedy.error().starts_with("08P01"));
}

BOOST_AUTO_TEST_CASE(a_login_has_a_budget_of_time) {
  auto settings = proxy::edge::edge_settings{};
  settings.login_time_max = std::chrono::milliseconds{50};
  auto at = edge_fixture{std::move(settings)};
  at.start();
  auto silent = wire_client{at, at.port()};
  BOOST_TEST(silent.is_closed());
  auto slow = asked_for_scram(at);
  BOOST_TEST(slow.error() == "57014 canceling authentication due to timeout");
  at.settle();
  BOOST_TEST(at.failures(ec::login_timeout) == 2u);
}

BOOST_AUTO_TEST_CASE(one_login_too_many_is_told_so) {
  auto settings = proxy::edge::edge_settings{};
  settings.logins_max = 2;
  auto at = edge_fixture{std::move(settings)};
  at.start();
  auto first = asked_for_scram(at);
  auto second = asked_for_scram(at);
  auto third = wire_client{at, at.port()};
  BOOST_TEST(third.error().starts_with("53300 too many logins"));
  first.close();
  at.run_until([&] { return at.edge->counters().logins_in_progress < 2; });
  auto fourth = asked_for_scram(at);
  BOOST_TEST(at.failures(ec::too_many_logins) == 1u);
}

BOOST_AUTO_TEST_CASE(stopping_ends_logins_in_progress) {
  auto at = edge_fixture{};
  at.start();
  auto client = asked_for_scram(at);
  at.edge->stop();
  BOOST_TEST(client.error().starts_with("57P01 "));
  at.settle();
  auto late = wire_client{at, at.port()};
  BOOST_TEST(late.is_closed());
  BOOST_TEST(at.failures(ec::shutting_down) == 1u);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(cancel_requests)

BOOST_AUTO_TEST_CASE(only_keys_of_our_size_go_on) {
  auto at = edge_fixture{};
  at.start();
  auto request = protocol::cancel_request{0x01020304, bytes(4, std::byte{9})};
  auto client = wire_client{at, at.port()};
  client.say(request);
  BOOST_TEST(client.is_closed());
  // Posted before the client can see the end of its connection.
  BOOST_TEST_REQUIRE(at.shards.cancels.size() == 1u);
  BOOST_TEST(at.shards.cancels[0].pid == 0x01020304u);
  BOOST_TEST(at.shards.cancels[0].shard() == 2u);
  BOOST_TEST((at.shards.cancels[0].secret == request.key));
  auto newer = wire_client{at, at.port()};
  request.key.assign(32, std::byte{7});
  newer.say(request);
  BOOST_TEST(newer.is_closed());
  BOOST_TEST_REQUIRE(at.shards.cancels.size() == 2u);
  BOOST_TEST((at.shards.cancels[1].secret == request.key));
  for (std::size_t size : {0u, 3u, 5u, 8u, 12u, 31u, 33u, 256u, 257u}) {
    auto other = wire_client{at, at.port()};
    request.key.assign(size, std::byte{9});
    other.say(request);
    BOOST_TEST(other.is_closed(), "key of " << size);
  }
  BOOST_TEST(at.shards.cancels.size() == 2u);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace cenote::test
