#include <thread>

#include <boost/test/unit_test.hpp>

#include "support.hpp"

using namespace cenote;
using namespace cenote::tenants;

namespace {

const auto key = std::string(43, 'A') + '=';

std::string verifier(const std::string& head, const std::string& stored = key,
                     const std::string& server = key) {
  return "SCRAM-SHA-256$" + head + '$' + stored + ':' + server;
}

std::string kind_of(const std::string& text) {
  auto got = parse_credential(text);
  if (!got) {
    BOOST_TEST((got.error().code == ec::config_bad_value));
    return "error";
  }
  static constexpr const char* kinds[] = {"none", "plain", "md5", "scram"};
  return kinds[got->index()];
}

} // namespace

BOOST_AUTO_TEST_SUITE(model)

BOOST_AUTO_TEST_CASE(a_password_text_is_classified_by_its_form) {
  auto hex = std::string{"0123456789abcdefABCDEF0123456789"};
  struct row {
    std::string text;
    const char* kind;
  };
  for (const auto& [text, kind] : std::initializer_list<row>{
         {"", "none"},
         {"secret", "plain"},
         {"md5", "plain"},
         {"md5" + hex, "md5"},
         {"md5" + hex + '0', "plain"},
         {"md5" + hex.substr(1), "plain"},
         {"md5" + hex.substr(1) + 'g', "plain"},
         {"MD5" + hex, "plain"},
         {"SCRAM-SHA-256", "plain"},
         {"scram-sha-256$", "plain"},
         {"SCRAM-SHA-256$", "error"},
         {verifier("4096:c2FsdA=="), "scram"},
         {verifier("1:c2FsdA=="), "scram"},
         {verifier("600000:c2FsdA=="), "scram"},
         {verifier("600001:c2FsdA=="), "error"},
         {verifier("4294967296:c2FsdA=="), "error"},
         {verifier("0:c2FsdA=="), "error"},
         {verifier("-1:c2FsdA=="), "error"},
         {verifier(":c2FsdA=="), "error"},
         {verifier("4096"), "error"},
         {verifier("4096:"), "error"},
         {verifier("4096:c2FsdA="), "error"},
         {verifier("4096:c2Fs=A=="), "error"},
         {verifier("4096:===="), "error"},
         {verifier("4096:c2FsdA==", "c2hvcnQ="), "error"},
         {verifier("4096:c2FsdA==", key, "c2hvcnQ="), "error"},
         {verifier("4096:c2FsdA==", key, key + ' '), "error"},
         {verifier("4096:c2FsdA==", key, ""), "error"},
       })
    BOOST_TEST(kind_of(text) == kind, text);
}

BOOST_AUTO_TEST_CASE(every_cut_of_a_verifier_is_refused_or_a_password) {
  auto whole = verifier("4096:c2FsdA==");
  for (std::size_t cut = 0; cut < whole.size(); ++cut) {
    auto kind = kind_of(whole.substr(0, cut));
    BOOST_TEST((kind == "error" || kind == "plain" || kind == "none"),
               "cut at " << cut << ": " << kind);
  }
}

BOOST_AUTO_TEST_CASE(a_fault_in_a_verifier_does_not_quote_it) {
  auto got = parse_credential("SCRAM-SHA-256$4096:s3cr3t$x:y");
  BOOST_REQUIRE(!got);
  BOOST_TEST(got.error().detail.find("s3cr3t") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(the_login_method_follows_the_credential_unless_it_is_set) {
  auto who = user{};
  BOOST_TEST((auth_method(who) == client_auth::scram_sha_256));
  who.password = test::plain("p");
  BOOST_TEST((auth_method(who) == client_auth::scram_sha_256));
  who.password = md5_hash{};
  BOOST_TEST((auth_method(who) == client_auth::md5));
  who.password = scram_verifier{};
  BOOST_TEST((auth_method(who) == client_auth::scram_sha_256));
  who.auth = client_auth::trust;
  BOOST_TEST((auth_method(who) == client_auth::trust));
}

BOOST_AUTO_TEST_CASE(words_and_their_parsers_are_inverse) {
  for (auto mode :
       {pool_mode::session, pool_mode::transaction, pool_mode::statement})
    BOOST_TEST((parse_pool_mode(name(mode)) == mode));
  for (auto mode :
       {server_tls::disable, server_tls::prefer, server_tls::require,
        server_tls::verify_ca, server_tls::verify_full})
    BOOST_TEST((parse_server_tls(name(mode)) == mode));
  for (auto method : {client_auth::scram_sha_256, client_auth::md5,
                      client_auth::password, client_auth::trust})
    BOOST_TEST((parse_client_auth(name(method)) == method));
  BOOST_TEST(!parse_pool_mode("Session"));
  BOOST_TEST(!parse_server_tls("allow"));
  BOOST_TEST(!parse_client_auth(""));
}

BOOST_AUTO_TEST_CASE(a_catalog_finds_tenants_by_id_and_by_host) {
  auto acme = test::make_tenant("acme");
  acme.sni_hostnames = {"acme.example.com"};
  auto all = test::make_catalog({acme, test::make_tenant("")});
  BOOST_TEST(all.find("acme")->id == "acme");
  BOOST_TEST(all.find("")->id == "");
  BOOST_TEST((all.find("Acme") == nullptr));
  for (auto host :
       {"acme.example.com", "ACME.Example.com", "acme.example.com."})
    BOOST_TEST((all.find_by_sni(host) == all.find("acme")), host);
  for (auto host : {"", ".", "example.com", "x.acme.example.com"})
    BOOST_TEST((all.find_by_sni(host) == nullptr), host);
}

BOOST_AUTO_TEST_CASE(the_first_of_two_tenants_with_one_name_wins) {
  auto first = test::make_tenant("a");
  first.clients_max = 1;
  first.sni_hostnames = {"h"};
  auto second = test::make_tenant("a");
  second.sni_hostnames = {"other"};
  auto third = test::make_tenant("b");
  third.sni_hostnames = {"h"};
  auto all = test::make_catalog({first, second, third});
  BOOST_TEST(all.find("a")->clients_max == 1u);
  BOOST_TEST(all.find_by_sni("h")->id == "a");
  BOOST_TEST((all.find_by_sni("other") == nullptr));
}

BOOST_AUTO_TEST_CASE(readers_of_the_cell_see_versions_in_order) {
  constexpr auto versions = std::uint64_t{2'000};
  auto cell = catalog_cell{};
  BOOST_TEST(cell.load()->version() == 0u);
  auto orderly = std::vector<char>(3, 1);
  auto readers = std::vector<std::thread>{};
  for (auto& ok : orderly)
    readers.emplace_back([&cell, &ok] {
      for (auto last = std::uint64_t{0}; last < versions;) {
        auto seen = cell.load()->version();
        if (seen < last)
          ok = 0;
        last = seen;
      }
    });
  for (std::uint64_t next = 1; next <= versions; ++next) {
    auto before = cell.exchange(std::make_shared<const catalog>(
      std::vector<tenant>{}, pool_options{}, node_limits{}, next));
    BOOST_TEST_REQUIRE(before->version() == next - 1);
  }
  for (auto& reader : readers)
    reader.join();
  BOOST_TEST(orderly == std::vector<char>(3, 1));
}

BOOST_AUTO_TEST_SUITE_END()
