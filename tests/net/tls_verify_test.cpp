#include "net/tls.hpp"

#include "tests/net/tls_support.hpp"

using namespace cenote;
using namespace cenote::test;

namespace {

/// The certificates of the table below.
struct world {
  authority ca{"Right CA"};
  authority other_ca{"Other CA"};
  identity named = ca.issue({"ignored.example", {"DNS:db.example.com"}});
  identity wild = ca.issue({"w", {"DNS:*.wild.example"}});
  identity numbered = ca.issue({"n", {"IP:127.0.0.1", "IP:::1"}});
  identity cn_only = ca.issue({"cn.example.com", {}});
  identity expired = ca.issue({"e", {"DNS:db.example.com"}, "serverAuth", -60});
  identity for_clients = ca.issue({"c", {"DNS:db.example.com"}, "clientAuth"});
  identity foreign = other_ca.issue({"f", {"DNS:db.example.com"}});
};

struct row {
  const char* what;
  identity world::*shown;
  net::tls_verify verify;
  const char* host;
  ec expected;
};

constexpr auto none = net::tls_verify::none;
constexpr auto ca = net::tls_verify::ca;
constexpr auto full = net::tls_verify::full;
constexpr auto ok = ec::none;
constexpr auto bad = ec::server_tls_verify_failed;

constexpr row rows[] = {
  {"none takes anything", &world::foreign, none, "x", ok},
  {"none takes expired", &world::expired, none, "x", ok},
  {"ca takes any name", &world::named, ca, "elsewhere.example", ok},
  {"ca needs the right CA", &world::foreign, ca, "db.example.com", bad},
  {"ca minds the time", &world::expired, ca, "db.example.com", bad},
  {"ca minds the purpose", &world::for_clients, ca, "db.example.com", bad},
  {"full takes its name", &world::named, full, "db.example.com", ok},
  {"full ignores case", &world::named, full, "DB.Example.COM", ok},
  {"full needs the name", &world::named, full, "other.example.com", bad},
  {"a longer name is another", &world::named, full, "a.db.example.com", bad},
  {"names hide the common one", &world::named, full, "ignored.example", bad},
  {"the common name counts alone", &world::cn_only, full, "cn.example.com", ok},
  {"a star is one label", &world::wild, full, "a.wild.example", ok},
  {"a star is not two labels", &world::wild, full, "a.b.wild.example", bad},
  {"a star is not no label", &world::wild, full, "wild.example", bad},
  {"an IPv4 address", &world::numbered, full, "127.0.0.1", ok},
  {"an IPv6 address", &world::numbered, full, "::1", ok},
  {"another address", &world::numbered, full, "127.0.0.2", bad},
  {"an address is no name", &world::named, full, "127.0.0.1", bad},
  {"full needs the right CA", &world::foreign, full, "db.example.com", bad},
  {"full minds the time", &world::expired, full, "db.example.com", bad},
  {"full minds the purpose", &world::for_clients, full, "db.example.com", bad},
};

net::tls_context_ptr showing(const identity& shown) {
  auto options = net::tls_accept_options{};
  options.certificate_file = shown.certificate_file;
  options.key_file = shown.key_file;
  return accepting(options);
}

} // namespace

BOOST_AUTO_TEST_SUITE(tls_verify)

BOOST_AUTO_TEST_CASE(servers_are_verified_as_the_mode_says) {
  auto all = world{};
  for (const auto& at : rows) {
    auto options = net::tls_connect_options{};
    options.verify = at.verify;
    options.ca_file = all.ca.file();
    auto uut
      = tls_couple{showing(all.*(at.shown)), connecting(options), at.host};
    uut.shake_hands();
    BOOST_TEST((uut.client_code == at.expected),
               at.what << ": " << name(uut.client_code) << " "
                       << uut.client_detail);
    if (at.expected != ok)
      BOOST_TEST((uut.server_code == ec::tls_handshake_failed
                  || uut.server_code == ec::tls_failed),
                 at.what << ": the server hears " << name(uut.server_code));
  }
}

BOOST_AUTO_TEST_CASE(verify_full_without_a_name_is_refused) {
  auto all = world{};
  auto options = net::tls_connect_options{};
  options.verify = full;
  options.ca_file = all.ca.file();
  for (auto* host : {"", "/run/postgresql"}) {
    auto made = net::tls_session::connect(connecting(options), host);
    BOOST_REQUIRE(!made);
    BOOST_TEST((made.error().code == bad));
  }
}

BOOST_AUTO_TEST_CASE(a_missing_or_broken_ca_is_refused) {
  auto all = world{};
  auto options = net::tls_connect_options{};
  options.verify = ca;
  options.ca_file = all.ca.directory() + "/missing";
  auto made = net::make_connecting_tls(options);
  BOOST_REQUIRE(!made);
  BOOST_TEST((made.error().code == ec::config_unreadable), made.error().detail);
  options.ca_file = all.named.key_file;
  made = net::make_connecting_tls(options);
  BOOST_REQUIRE(!made);
  BOOST_TEST((made.error().code == ec::config_bad_value), made.error().detail);
}

BOOST_AUTO_TEST_CASE(client_certificates_are_taken_as_the_mode_says) {
  auto all = world{};
  auto mine = all.ca.issue({"alice", {}, "clientAuth"});
  auto foreign = all.other_ca.issue({"mallory", {}, "clientAuth"});
  using mode = net::tls_client_certificate;
  struct {
    mode asks;
    const identity* shows;
    bool fine;
    const char* common_name;
  } table[] = {
    {mode::ignored, nullptr, true, ""},
    {mode::ignored, &mine, true, ""},
    {mode::optional, nullptr, true, ""},
    {mode::optional, &mine, true, "alice"},
    {mode::optional, &foreign, false, ""},
    {mode::required, nullptr, false, ""},
    {mode::required, &mine, true, "alice"},
    {mode::required, &foreign, false, ""},
  };
  for (const auto& at : table) {
    auto server = net::tls_accept_options{};
    server.certificate_file = all.named.certificate_file;
    server.key_file = all.named.key_file;
    server.client_certificate = at.asks;
    server.ca_file = all.ca.file();
    auto client = net::tls_connect_options{};
    if (at.shows != nullptr) {
      client.certificate_file = at.shows->certificate_file;
      client.key_file = at.shows->key_file;
    }
    auto uut = tls_couple{accepting(server), connecting(client)};
    uut.shake_hands();
    auto row = &at - table;
    BOOST_TEST(uut.server->is_established() == at.fine, "row " << row);
    if (at.fine)
      BOOST_TEST(uut.server->peer_common_name() == at.common_name,
                 "row " << row);
    else
      BOOST_TEST((uut.server_code == ec::tls_handshake_failed), "row " << row);
  }
}

BOOST_AUTO_TEST_SUITE_END()
