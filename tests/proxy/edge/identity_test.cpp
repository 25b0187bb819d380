#include "proxy/edge/identity.hpp"

#include <boost/test/unit_test.hpp>

#include "proxy/edge/auth_plan.hpp"
#include "proxy/edge/key_store.hpp"
#include "tests/proxy/edge/edge_fixture.hpp"

namespace cenote::proxy::edge {

namespace {

using test::hello;

edge_settings with_admins() {
  auto out = edge_settings{};
  out.admins.push_back({"admin", tenants::plain_password{secret{"a"}}, true});
  out.admins.push_back({"stats", tenants::plain_password{secret{"s"}}, false});
  return out;
}

outcome<identity> resolved(std::vector<protocol::parameter> parameters,
                           std::string_view sni = {}) {
  const auto message = hello(std::move(parameters));
  return resolve_identity(message, sni, *test::some_catalog(), with_admins());
}

identity found(std::vector<protocol::parameter> parameters,
               std::string_view sni = {}) {
  auto got = resolved(std::move(parameters), sni);
  BOOST_TEST_REQUIRE(got.index() == 0u);
  return *std::get_if<0>(&got);
}

ec refused(std::vector<protocol::parameter> parameters) {
  auto got = resolved(std::move(parameters));
  return got.index() == 0 ? ec::none : std::get_if<1>(&got)->why.code;
}

} // namespace

BOOST_AUTO_TEST_SUITE(identity_resolution)

BOOST_AUTO_TEST_CASE(every_spelling_finds_the_same_tenant_and_user) {
  const auto spellings = std::vector<identity>{
    found({{"user", "app.acme"}}),
    found({{"user", "app"}, {"options", "reference=acme"}}),
    found({{"user", "app"}, {"options", "--reference=acme"}}),
    found({{"user", "app"}, {"options", "-c reference=acme"}}),
    found({{"user", "app"}}, "acme.example"),
  };
  for (const auto& each : spellings) {
    BOOST_TEST(each.tenant == "acme");
    BOOST_TEST(each.user == "app");
    BOOST_TEST(each.database == "app");
    BOOST_TEST((each.who != nullptr));
  }
  BOOST_TEST(found({{"user", "app"}}).tenant == "");
}

BOOST_AUTO_TEST_CASE(salts_depend_on_what_the_client_said_alone) {
  auto by_name = found({{"user", "app.acme"}});
  auto by_option = found({{"user", "app"}, {"options", "reference=acme"}});
  auto nobody = found({{"user", "app.nosuch"}});
  auto nobody_by_option
    = found({{"user", "app"}, {"options", "reference=nosuch"}});
  BOOST_TEST(by_name.salt_name == by_option.salt_name);
  BOOST_TEST(nobody.salt_name == nobody_by_option.salt_name);
  BOOST_TEST((nobody_by_option.who == nullptr));
  BOOST_TEST(!nobody_by_option.has_tenant);
}

BOOST_AUTO_TEST_CASE(the_console_knows_only_its_own_users) {
  auto admin = found({{"user", "admin"}, {"database", "pgbouncer"}});
  BOOST_TEST(admin.is_console);
  BOOST_TEST(admin.may_change);
  BOOST_TEST((admin.who != nullptr));
  auto stats = found({{"user", "stats"}, {"database", "pgbouncer"}});
  BOOST_TEST(!stats.may_change);
  BOOST_TEST((stats.who != nullptr));
  // A tenant's user, with or without its tenant, is nobody there.
  for (const auto* name : {"app", "app.acme", "trusted", "trusted.acme"}) {
    auto other = found({{"user", name}, {"database", "pgbouncer"}});
    BOOST_TEST(other.is_console);
    BOOST_TEST((other.who == nullptr));
  }
  // Nor does an admin mean anything to a tenant.
  BOOST_TEST((found({{"user", "admin"}, {"database", "x"}}).who == nullptr));
}

BOOST_AUTO_TEST_CASE(settings_are_collected_in_order_and_checked) {
  auto who = found({{"user", "app"},
                    {"database", "shop"},
                    {"options", "-c work_mem=1MB --search-path=a\\ b"},
                    {"application_name", "x"},
                    {"_pq_.thing", "1"},
                    {"TimeZone", "UTC"}});
  const auto expected = std::vector<std::pair<std::string, std::string>>{
    {"work_mem", "1MB"},
    {"search_path", "a b"},
    {"application_name", "x"},
    {"TimeZone", "UTC"}};
  BOOST_TEST((who.settings == expected));
  BOOST_TEST(who.application_name == "x");
  BOOST_TEST(who.database == "shop");
}

BOOST_AUTO_TEST_CASE(replication_is_read_as_postgres_reads_it) {
  const struct {
    std::string_view said;
    std::string_view meant;
  } table[] = {
    {"database", "database"},
    {"true", "true"},
    {"t", "true"},
    {"TRUE", "true"},
    {"tru", "true"},
    {"yes", "true"},
    {"y", "true"},
    {"on", "true"},
    {"1", "true"},
    {"false", ""},
    {"F", ""},
    {"no", ""},
    {"n", ""},
    {"off", ""},
    {"of", ""},
    {"0", ""},
  };
  for (const auto& row : table)
    BOOST_TEST(found({{"user", "app"}, {"replication", std::string{row.said}}})
                   .replication
                 == row.meant,
               row.said);
  for (auto said : {"", "o", "2", "DATABASE", "truee", "maybe", "tf"})
    BOOST_TEST(name(refused({{"user", "app"}, {"replication", said}}))
                 == name(ec::unsupported_startup_option),
               said);
  BOOST_TEST(
    found(
      {{"user", "app"}, {"replication", "database"}, {"replication", "off"}})
      .replication
    == "");
}

BOOST_AUTO_TEST_CASE(what_cannot_be_served_is_refused_by_name) {
  struct row {
    std::vector<protocol::parameter> parameters;
    ec code;
  };
  const auto table = std::vector<row>{
    {{}, ec::no_user_name},
    {{{"user", ""}}, ec::no_user_name},
    {{{"user", "app"}, {"replication", "off"}}, ec::none},
    {{{"user", "app"}, {"replication", "maybe"}},
     ec::unsupported_startup_option},
    {{{"user", "app"},
      {"replication", "true"},
      {"options", "-c user=postgres"}},
     ec::unsupported_startup_option},
    {{{"user", "app"}, {"replication", "true"}, {"options", "-c database=x"}},
     ec::unsupported_startup_option},
    {{{"user", "app"},
      {"replication", "true"},
      {"options", "--replication=database"}},
     ec::unsupported_startup_option},
    {{{"user", "admin"}, {"database", "pgbouncer"}, {"replication", "true"}},
     ec::replication_not_supported},
    {{{"user", "pgbouncer"}, {"replication", "database"}},
     ec::replication_not_supported},
    {{{"user", "app"}, {"options", "-c"}}, ec::startup_options_invalid},
    {{{"user", "app"}, {"options", "-c="}}, ec::startup_options_invalid},
    {{{"user", "app"}, {"options", "--="}}, ec::startup_options_invalid},
    {{{"user", "app"}, {"options", "nonsense"}}, ec::startup_options_invalid},
    {{{"user", "app"}, {"a;drop table b", "1"}},
     ec::unsupported_startup_option},
    {{{"user", "app"}, {"1a", "1"}}, ec::unsupported_startup_option},
    {{{"user", "app"}, {"a\"b", "1"}}, ec::unsupported_startup_option},
    {{{"user", "app"}, {"options", "-c a'b=1"}},
     ec::unsupported_startup_option},
  };
  for (const auto& [parameters, code] : table)
    BOOST_TEST(name(refused(parameters)) == name(code));
}

BOOST_AUTO_TEST_CASE(long_names_are_cut_as_postgresql_cuts_them) {
  for (std::size_t size : {62u, 63u, 64u, 65u, 5000u}) {
    auto long_name = std::string(size, 'x');
    auto who = found({{"user", "app.acme"}, {"database", long_name}});
    BOOST_TEST(who.database.size() == std::min<std::size_t>(size, 63));
    auto other = found({{"user", long_name}});
    BOOST_TEST(other.user.size() == std::min<std::size_t>(size, 63));
  }
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(pure_parts)

BOOST_AUTO_TEST_CASE(the_plan_follows_method_and_credential) {
  struct row {
    const char* user;
    bool is_private;
    proof ask;
    ec hopeless;
    ec refused;
  };
  constexpr auto mismatch = ec::auth_method_mismatch;
  const row table[] = {
    {"app", false, proof::scram, ec::none, ec::none},
    {"verified", false, proof::scram, ec::none, ec::none},
    {"hashed", false, proof::md5, ec::none, ec::none},
    {"none", false, proof::scram, ec::wrong_password, ec::none},
    {"plain_md5", false, proof::md5, ec::none, ec::none},
    {"verified_md5", false, proof::scram, ec::none, ec::none},
    {"none_md5", false, proof::md5, ec::wrong_password, ec::none},
    {"hashed_scram", false, proof::scram, mismatch, ec::none},
    {"plain_clear", true, proof::password, ec::none, ec::none},
    {"plain_clear", false, proof::password, ec::none, ec::tls_required},
    {"none_clear", true, proof::password, ec::wrong_password, ec::none},
    {"trusted", false, proof::none, ec::none, ec::none},
  };
  const auto tenant = test::some_catalog()->find("acme");
  for (const auto& each : table) {
    const auto got
      = plan_authentication(tenant->find_user(each.user), each.is_private);
    BOOST_TEST((got.ask == each.ask), each.user);
    BOOST_TEST((got.hopeless == each.hopeless), each.user);
    BOOST_TEST((got.refused == each.refused), each.user);
  }
  const auto nobody = plan_authentication(nullptr, true);
  BOOST_TEST((nobody.ask == proof::scram));
  BOOST_TEST((nobody.hopeless == ec::unknown_user));
}

BOOST_AUTO_TEST_CASE(keys_belong_to_a_tenant_a_user_and_a_verifier) {
  auto store = key_store{};
  auto keys = protocol::scram_keys{};
  keys.client_key.bytes()[0] = 'k';
  const auto verifier = secret{"one"};
  store.put("a", "u", verifier, keys);
  auto got = store.find("a", "u", verifier);
  BOOST_REQUIRE(got.has_value());
  BOOST_TEST((got->client_key == keys.client_key));
  BOOST_TEST(!store.find("a", "u", secret{"two"}).has_value());
  BOOST_TEST(!store.find("a", "v", verifier).has_value());
  BOOST_TEST(!store.find("b", "u", verifier).has_value());
  store.put("a", "u", secret{"two"}, keys);
  BOOST_TEST(!store.find("a", "u", verifier).has_value());
  BOOST_TEST(store.size() == 1u);
  store.forget("a");
  BOOST_TEST(store.size() == 0u);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace cenote::proxy::edge
