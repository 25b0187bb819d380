#include <boost/test/unit_test.hpp>

#include "tests/proxy/edge/edge_fixture.hpp"

namespace cenote::test {

using proxy::edge::client_tls;

namespace {

const auto right = std::string{the_password};
const auto wrong = std::string{"wrong"};
const std::string greeted = " 0 S S S S";
const std::string denied = "28P01 password authentication failed for user \"";

std::string try_login(edge_fixture& at, const std::string& user,
                      const std::string& said, bool over_tls = false) {
  auto client = wire_client{at, at.port()};
  if (over_tls) {
    client.say(protocol::ssl_request{});
    BOOST_TEST_REQUIRE(client.answer() == 'S');
    client.start_tls();
  }
  return log_in(client, hello({{"user", user}, {"database", "shop"}}), said);
}

} // namespace

BOOST_AUTO_TEST_SUITE(client_logins)

BOOST_AUTO_TEST_CASE(every_method_checks_every_credential) {
  struct row {
    const char* user;
    bool over_tls;
    std::string right; ///< Transcript with the right password.
    std::string wrong; ///< With a wrong one, up to the error.
  };
  const auto scram = "10 11 12" + greeted;
  const auto no = std::string{"no way"};
  const auto table = std::vector<row>{
    {"app", false, scram, "10 11 "},
    {"app", true, scram, "10 11 "},
    {"verified", false, scram, "10 11 "},
    {"verified_md5", false, scram, "10 11 "},
    {"hashed", false, "5" + greeted, "5 "},
    {"plain_md5", false, "5" + greeted, "5 "},
    {"plain_clear", true, "3" + greeted, "3 "},
    {"verified_clear", true, "3" + greeted, "3 "},
    {"hashed_clear", true, "3" + greeted, "3 "},
    // Nobody comes in here.
    {"none", false, no, "10 11 "},
    {"hashed_scram", false, no, "10 11 "},
    {"none_md5", false, no, "5 "},
    {"none_clear", true, no, "3 "},
    {"nobody", false, no, "10 11 "},
  };
  auto at = edge_fixture{with_tls(client_tls::allow)};
  at.start();
  for (const auto& [user, over_tls, when_right, when_wrong] : table) {
    BOOST_TEST_CONTEXT(user << (over_tls ? " over TLS" : "")) {
      const auto refusal = when_wrong + denied + user + "\"";
      BOOST_TEST(try_login(at, user, wrong, over_tls) == refusal);
      const auto got = try_login(at, user, right, over_tls);
      BOOST_TEST(got == (when_right == no ? refusal : when_right));
    }
  }
  BOOST_TEST(try_login(at, "trusted", wrong) == "0 S S S S");
  at.settle();
  BOOST_TEST(at.shards.clients.size() == 10u);
  BOOST_TEST(at.edge->counters().logins_succeeded == 10u);
  BOOST_TEST(at.failures(ec::unknown_user) == 2u);
  BOOST_TEST(at.failures(ec::auth_method_mismatch) == 2u);
}

BOOST_AUTO_TEST_CASE(a_password_is_never_asked_for_in_the_clear) {
  auto at = edge_fixture{};
  at.start();
  BOOST_TEST(try_login(at, "plain_clear", right) == "28000 SSL required");
}

BOOST_AUTO_TEST_CASE(an_md5_user_of_a_tenant_hashes_the_name_it_sent) {
  auto at = edge_fixture{};
  at.start();
  BOOST_TEST(try_login(at, "plain_md5.acme", right) == "5" + greeted);
}

BOOST_AUTO_TEST_CASE(a_client_crosses_with_all_it_said) {
  auto at = edge_fixture{};
  at.start(tenants::pool_mode::transaction);
  auto client = wire_client{at, at.port()};
  auto as = hello({{"user", "trusted.acme"},
                   {"database", "shop"},
                   {"application_name", "till"},
                   {"options", "-c work_mem=1MB"}});
  auto wire = protocol::encoded(as);
  auto behind = protocol::encoded(protocol::query_message{"select 1"});
  wire.insert(wire.end(), behind.begin(), behind.end());
  client.send(wire);
  at.run_until([&] { return !at.shards.clients.empty(); });
  const auto& got = at.shards.clients[0];
  BOOST_TEST(got.profile->user == "trusted");
  BOOST_TEST(got.profile->database == "shop");
  BOOST_TEST(got.profile->application_name == "till");
  BOOST_TEST(got.peer.host() == "127.0.0.1");
  BOOST_TEST(got.local.port() == at.port());
  BOOST_TEST((got.unread == behind));
  BOOST_REQUIRE(!got.last_words.empty());
  BOOST_TEST((got.last_words[0] == std::byte{u8'R'}));
  BOOST_TEST(got.profile->settings.size() == 2u);
  BOOST_TEST(static_cast<bool>(got.seat));
  BOOST_TEST(static_cast<bool>(got.socket));
  BOOST_TEST(at.pools.asked.at(0).key.tenant == "acme");
  BOOST_TEST((at.pools.asked[0].key.mode == tenants::pool_mode::transaction));
  // The client's seat ends with whoever holds the adoption.
  at.shards.clients.clear();
  BOOST_TEST(at.pools.port->clients_left == 1);
}

BOOST_AUTO_TEST_CASE(tls_is_spoken_as_configured) {
  for (auto mode :
       {client_tls::disable, client_tls::allow, client_tls::require}) {
    auto at = edge_fixture{with_tls(mode)};
    at.start();
    auto client = wire_client{at, at.port()};
    client.say(protocol::gssenc_request{});
    BOOST_TEST(client.answer() == 'N');
    client.say(protocol::ssl_request{});
    const auto answer = client.answer();
    BOOST_TEST(answer == (mode == client_tls::disable ? 'N' : 'S'));
    if (answer == 'S')
      client.start_tls();
    BOOST_TEST(
      log_in(client, hello({{"user", "trusted"}, {"database", "shop"}}), "")
      == "0 S S S S");
    at.settle();
    BOOST_TEST(at.shards.clients.at(0).is_tls == (answer == 'S'));
    BOOST_TEST((at.shards.clients[0].tls != nullptr) == (answer == 'S'));
    auto plain = wire_client{at, at.port()};
    const auto got
      = log_in(plain, hello({{"user", "trusted"}, {"database", "shop"}}), "");
    BOOST_TEST(
      got
      == (mode == client_tls::require ? "28000 SSL required" : "0 S S S S"));
  }
}

BOOST_AUTO_TEST_CASE(the_tenant_may_come_from_sni) {
  auto at = edge_fixture{with_tls(client_tls::allow)};
  at.start();
  auto client = wire_client{at, at.port()};
  client.say(protocol::ssl_request{});
  BOOST_TEST_REQUIRE(client.answer() == 'S');
  client.start_tls("acme.example");
  BOOST_TEST(log_in(client, hello({{"user", "app"}}), right)
             == "10 11 12" + greeted);
  BOOST_TEST(at.pools.asked.at(0).key.tenant == "acme");
  BOOST_TEST(at.pools.asked[0].key.database == "app");
}

BOOST_AUTO_TEST_CASE(keys_are_kept_of_who_proved_a_verifier) {
  auto at = edge_fixture{};
  at.start();
  try_login(at, "verified.acme", wrong);
  BOOST_TEST(at.keys.size() == 0u);
  try_login(at, "app.acme", right);
  BOOST_TEST(at.keys.size() == 0u); // A password is known: no need.
  try_login(at, "verified.acme", right);
  BOOST_TEST(at.keys.size() == 1u);
}

BOOST_AUTO_TEST_CASE(an_unknown_database_is_told_only_to_who_logged_in) {
  auto at = edge_fixture{};
  at.start();
  const auto as = hello({{"user", "app"}, {"database", "no\"such"}});
  auto stranger = wire_client{at, at.port()};
  BOOST_TEST(log_in(stranger, as, wrong) == "10 11 " + denied + "app\"");
  auto client = wire_client{at, at.port()};
  BOOST_TEST(log_in(client, as, right)
             == "10 11 12 3D000 database \"no\"such\" does not exist");
}

BOOST_AUTO_TEST_CASE(a_full_tenant_says_so_and_frees_its_seats) {
  auto at = edge_fixture{};
  at.start();
  const auto as = hello({{"user", "trusted.tiny"}, {"database", "shop"}});
  auto first = wire_client{at, at.port()};
  BOOST_TEST(log_in(first, as, "") == "0 S S S S");
  auto second = wire_client{at, at.port()};
  BOOST_TEST(log_in(second, as, "")
             == "53300 too many clients for this tenant");
  at.settle();
  at.shards.clients.clear();
  auto third = wire_client{at, at.port()};
  BOOST_TEST(log_in(third, as, "") == "0 S S S S");
}

BOOST_AUTO_TEST_CASE(the_servers_own_error_is_passed_on) {
  auto at = edge_fixture{};
  at.start();
  auto error = protocol::make_error(ec::server_login_rejected);
  error.code = "53300";
  error.message = "sorry, too many clients already";
  auto no = proxy::refusal{};
  no.why = failure{ec::server_login_rejected, {}};
  no.server_error = std::make_shared<const bytes>(protocol::encoded(error));
  at.pools.no = no;
  BOOST_TEST(try_login(at, "trusted", "")
             == "53300 sorry, too many clients already");
  no.server_error = nullptr;
  no.why = failure{ec::pool_draining, {}};
  at.pools.no = no;
  BOOST_TEST(try_login(at, "app", right)
             == "10 11 12 57P01 terminating connection due to administrator "
                "command");
}

BOOST_AUTO_TEST_CASE(the_console_takes_admins_and_nobody_else) {
  auto settings = proxy::edge::edge_settings{};
  settings.admins.push_back(
    {"admin", tenants::plain_password{secret{right}}, true});
  settings.admins.push_back(
    {"stats", tenants::plain_password{secret{right}}, false});
  auto at = edge_fixture{std::move(settings)};
  at.start();
  const auto console = [&](const std::string& user, const std::string& said) {
    auto client = wire_client{at, at.port()};
    return log_in(client, hello({{"user", user}, {"database", "pgbouncer"}}),
                  said);
  };
  for (const auto* user : {"app", "app.acme", "trusted", "trusted.acme"})
    BOOST_TEST(console(user, right) == "10 11 " + denied + user + "\"");
  BOOST_TEST(console("admin", wrong) == "10 11 " + denied + "admin\"");
  BOOST_TEST(at.console.visits.empty());
  BOOST_TEST(console("admin", right) == "10 11 12 end");
  BOOST_TEST(console("stats", right) == "10 11 12 end");
  BOOST_TEST_REQUIRE(at.console.visits.size() == 2u);
  BOOST_TEST(at.console.visits[0].user == "admin");
  BOOST_TEST(at.console.visits[0].may_change);
  BOOST_TEST(!at.console.visits[1].may_change);
  BOOST_TEST(at.shards.clients.empty());
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace cenote::test
