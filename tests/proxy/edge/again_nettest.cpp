// Clients that say what others have said before them, while what follows from
// it changes.

#include <boost/test/unit_test.hpp>

#include "tests/proxy/edge/edge_fixture.hpp"

namespace cenote::test {

namespace {

const auto right = std::string{the_password};
const std::string greeted = " 0 S S S S";
const std::string denied = "28P01 password authentication failed for user \"";

std::string try_login(edge_fixture& at, const std::string& user,
                      const std::string& said) {
  auto client = wire_client{at, at.port()};
  return log_in(client, hello({{"user", user}, {"database", "shop"}}), said);
}

/// `some_catalog`, with `change` done to each tenant.
template <class Change>
tenants::catalog_ptr changed(Change change) {
  auto out = std::vector<tenants::tenant>{};
  for (const auto& [id, one] : some_catalog()->tenants()) {
    out.push_back(*one);
    change(out.back());
  }
  return std::make_shared<const tenants::catalog>(
    std::move(out), tenants::pool_options{}, tenants::node_limits{});
}

} // namespace

BOOST_AUTO_TEST_SUITE(clients_that_come_again)

BOOST_AUTO_TEST_CASE(who_is_right_is_right_again_and_who_is_wrong_is_wrong) {
  auto at = edge_fixture{};
  at.start();
  for (int i = 0; i < 3; ++i) {
    BOOST_TEST(try_login(at, "verified", right) == "10 11 12" + greeted);
    BOOST_TEST(try_login(at, "verified", "wrong")
               == "10 11 " + denied + "verified\"");
    BOOST_TEST(try_login(at, "nobody", right)
               == "10 11 " + denied + "nobody\"");
    BOOST_TEST(try_login(at, "trusted", right) == "0 S S S S");
  }
  at.settle();
  BOOST_REQUIRE(at.shards.clients.size() == 6u);
  for (const auto& each : at.shards.clients)
    BOOST_TEST(each.profile->database == "shop");
  BOOST_TEST(at.shards.clients[4].profile->user == "verified");
  BOOST_TEST(at.shards.clients[5].profile->user == "trusted");
}

BOOST_AUTO_TEST_CASE(who_comes_again_is_judged_by_the_catalog_of_now) {
  auto at = edge_fixture{};
  at.start();
  BOOST_TEST(try_login(at, "verified", right) == "10 11 12" + greeted);
  BOOST_TEST(try_login(at, "trusted", right) == "0 S S S S");
  at.catalog.exchange(changed([](tenants::tenant& of) {
    std::erase_if(of.users, [](const auto& each) {
      return each.name == "verified" || each.name == "trusted";
    });
  }));
  BOOST_TEST(try_login(at, "verified", right)
             == "10 11 " + denied + "verified\"");
  BOOST_TEST(try_login(at, "trusted", right)
             == "10 11 " + denied + "trusted\"");
  at.catalog.exchange(some_catalog());
  BOOST_TEST(try_login(at, "verified", right) == "10 11 12" + greeted);
}

/// What was found out for the one before it is of another catalog.
BOOST_AUTO_TEST_CASE(who_is_half_in_gets_the_pool_of_now) {
  auto at = edge_fixture{};
  at.start();
  BOOST_TEST(try_login(at, "verified", right) == "10 11 12" + greeted);
  auto client = wire_client{at, at.port()};
  client.say(hello({{"user", "verified"}, {"database", "shop"}}));
  BOOST_REQUIRE(client.next().tag == 'R');
  auto scram = protocol::scram_client{"abcdefghijklmnopqrstuvwx"};
  const auto first = scram.start();
  client.say(protocol::sasl_initial_response{protocol::scram_mechanism, first});
  const auto got = client.next();
  auto said = protocol::decode_authentication(got.body);
  BOOST_REQUIRE(said);
  const auto* challenge
    = std::get_if<protocol::authentication_sasl_continue>(&*said);
  BOOST_REQUIRE(challenge != nullptr);
  const auto wants = scram.challenged(challenge->data);
  BOOST_REQUIRE(wants);
  at.catalog.exchange(changed([](tenants::tenant& of) {
    for (auto& each : of.databases)
      each.host = "127.0.0.9";
  }));
  const auto keys
    = protocol::derive_keys(secret{right}, wants->salt, wants->iterations);
  const auto last = scram.answer(*keys);
  client.say(protocol::sasl_response{last});
  at.run_until([&] { return at.shards.clients.size() == 2u; });
  BOOST_REQUIRE(at.pools.asked.size() == 2u);
  BOOST_TEST(at.pools.asked[0].target.host == "127.0.0.1");
  BOOST_TEST(at.pools.asked[1].target.host == "127.0.0.9");
}

BOOST_AUTO_TEST_CASE(who_comes_again_meets_the_settings_of_now) {
  auto at = edge_fixture{};
  at.start();
  BOOST_TEST(try_login(at, "verified", right) == "10 11 12" + greeted);
  at.settings.store(with_tls(proxy::edge::client_tls::require));
  BOOST_TEST(try_login(at, "verified", right) == "28000 SSL required");
}

BOOST_AUTO_TEST_CASE(what_is_behind_the_startup_message_is_no_part_of_it) {
  auto at = edge_fixture{};
  at.start();
  for (int i = 0; i < 2; ++i) {
    auto client = wire_client{at, at.port()};
    auto wire
      = protocol::encoded(hello({{"user", "trusted"}, {"database", "shop"}}));
    const auto behind = protocol::encoded(protocol::query_message{"select 1"});
    if (i == 1)
      wire.insert(wire.end(), behind.begin(), behind.end());
    client.send(wire);
    at.run_until([&] {
      return at.shards.clients.size() == static_cast<std::size_t>(i) + 1;
    });
    const auto& unread = at.shards.clients.back().unread;
    BOOST_TEST((unread == (i == 1 ? behind : bytes{})));
  }
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace cenote::test
