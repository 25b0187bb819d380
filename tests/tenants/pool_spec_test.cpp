#include <boost/test/unit_test.hpp>

#include "support.hpp"
#include "tenants/pool_spec.hpp"

using namespace cenote;
using namespace cenote::tenants;
using namespace std::chrono_literals;

namespace {

std::string password_of(const pool_spec& spec) {
  auto* found = std::get_if<plain_password>(&spec.target.password);
  return found != nullptr ? std::string{found->value.reveal()} : "";
}

pool_options with_mode(std::optional<pool_mode> mode) {
  auto out = pool_options{};
  out.mode = mode;
  return out;
}

} // namespace

BOOST_AUTO_TEST_SUITE(pool_specs)

BOOST_AUTO_TEST_CASE(the_mode_is_the_first_one_set) {
  constexpr auto none = std::optional<pool_mode>{};
  constexpr auto session = std::optional{pool_mode::session};
  constexpr auto transaction = std::optional{pool_mode::transaction};
  constexpr auto statement = std::optional{pool_mode::statement};
  struct row {
    std::optional<pool_mode> listener, user, database, tenant, node;
    pool_mode expected;
  };
  for (const auto& at : std::initializer_list<row>{
         {none, none, none, none, none, pool_mode::session},
         {none, none, none, none, statement, pool_mode::statement},
         {none, none, none, transaction, statement, pool_mode::transaction},
         {none, none, statement, transaction, session, pool_mode::statement},
         {none, transaction, statement, session, session,
          pool_mode::transaction},
         {session, transaction, statement, statement, statement,
          pool_mode::session},
         {statement, none, none, none, none, pool_mode::statement},
         {none, none, none, session, statement, pool_mode::session},
       }) {
    auto tenant = test::make_tenant("t", {test::make_database("db")},
                                    {test::make_user("u")});
    tenant.options = with_mode(at.tenant);
    tenant.databases[0].options = with_mode(at.database);
    tenant.users[0].options = with_mode(at.user);
    auto all = test::make_catalog({tenant}, with_mode(at.node));
    auto got = resolve(all, "t", "u", "db", at.listener);
    BOOST_REQUIRE(got);
    BOOST_TEST((got->key.mode == at.expected));
    BOOST_TEST((got->settings.mode == at.expected));
  }
}

BOOST_AUTO_TEST_CASE(a_setting_comes_from_the_nearest_level) {
  auto tenant = test::make_tenant("t", {test::make_database("db")},
                                  {test::make_user("u")});
  auto defaults = pool_options{};
  auto resolved = [&] {
    return resolve(test::make_catalog({tenant}, defaults), "t", "u", "db")
      ->settings;
  };
  BOOST_TEST((resolved().query_wait_timeout == 120s));
  BOOST_TEST(resolved().pool_size == 20u);
  defaults.query_wait_timeout = 4s;
  defaults.pool_size = 4;
  BOOST_TEST((resolved().query_wait_timeout == 4s));
  BOOST_TEST(resolved().pool_size == 4u);
  tenant.options.query_wait_timeout = 3s;
  BOOST_TEST((resolved().query_wait_timeout == 3s));
  BOOST_TEST(resolved().pool_size == 4u);
  tenant.databases[0].options.query_wait_timeout = 2s;
  BOOST_TEST((resolved().query_wait_timeout == 2s));
  tenant.users[0].options.query_wait_timeout = 0s; // Off is a value, too.
  BOOST_TEST((resolved().query_wait_timeout == 0s));
}

BOOST_AUTO_TEST_CASE(every_option_is_taken_over) {
  auto given = pool_options{};
  given.mode = pool_mode::statement;
  given.pool_size = 1;
  given.min_pool_size = 1;
  given.lanes = 4;
  given.waiters_max = 2;
  given.query_wait_timeout = 3ms;
  given.server_lifetime = 4ms;
  given.server_idle_timeout = 5ms;
  given.server_connect_timeout = 6ms;
  given.server_login_retry = 7ms;
  given.client_idle_timeout = 8ms;
  given.idle_transaction_timeout = 9ms;
  given.transaction_timeout = 10ms;
  given.query_timeout = 11ms;
  given.pool_idle_timeout = 12ms;
  given.reset_query = "RESET ALL";
  given.lazy_begin = true;
  given.function_watch_interval = 13ms;
  auto tenant = test::make_tenant("t", {test::make_database("db")},
                                  {test::make_user("u")});
  tenant.clients_max = 21;
  tenant.servers_max = 22;
  tenant.pools_max = 23;
  tenant.databases[0].clients_max = 24;
  tenant.databases[0].servers_max = 25;
  tenant.users[0].clients_max = 26;
  auto all = catalog{{tenant}, given, node_limits{27, 28, 29}};
  auto got = resolve(all, "t", "u", "db");
  BOOST_REQUIRE(got);
  auto expected = pool_settings{pool_mode::statement,
                                1,
                                1,
                                4,
                                2,
                                3ms,
                                4ms,
                                5ms,
                                6ms,
                                7ms,
                                8ms,
                                9ms,
                                10ms,
                                11ms,
                                12ms,
                                "RESET ALL",
                                200,
                                true,
                                0,
                                pin_policy::pin,
                                listen_policy::pin,
                                13ms,
                                21,
                                22,
                                23,
                                24,
                                25,
                                29};
  BOOST_TEST((got->settings == expected));
  BOOST_TEST(got->user_clients_max == 26u);
}

BOOST_AUTO_TEST_CASE(a_minimum_of_one_level_is_cut_to_the_size_of_another) {
  auto tenant = test::make_tenant("t", {test::make_database("db")},
                                  {test::make_user("u")});
  tenant.databases[0].options.min_pool_size = 5;
  tenant.users[0].options.pool_size = 2;
  auto got = resolve(test::make_catalog({tenant}), "t", "u", "db");
  BOOST_TEST(got->settings.min_pool_size == 2u);
  tenant.users[0].options.pool_size = 0; // no limit
  got = resolve(test::make_catalog({tenant}), "t", "u", "db");
  BOOST_TEST(got->settings.min_pool_size == 5u);
}

BOOST_AUTO_TEST_CASE(an_exact_database_wins_over_the_wildcard) {
  auto aliased = test::make_database("alias", "exact");
  aliased.server_database = "real";
  auto all = test::make_catalog({test::make_tenant(
    "t", {test::make_database("*", "any"), aliased}, {test::make_user("u")})});
  struct row {
    const char* asked;
    const char* host;
    const char* on_server;
  };
  for (auto [asked, host, on_server] : std::initializer_list<row>{
         {"alias", "exact", "real"},
         {"Alias", "any", "Alias"},
         {"real", "any", "real"},
         {"", "any", ""},
         {"*", "any", "*"},
       }) {
    auto got = resolve(all, "t", "u", asked);
    BOOST_REQUIRE(got);
    BOOST_TEST(got->key.database == asked);
    BOOST_TEST(got->target.host == host, asked);
    BOOST_TEST(got->target.database == on_server, asked);
    BOOST_TEST(got->target.user == "u");
    BOOST_TEST(password_of(*got) == "pw");
  }
}

BOOST_AUTO_TEST_CASE(a_forced_role_makes_one_pool_of_all_users) {
  auto forced = test::make_database("db");
  forced.server_user = "owner";
  auto one = test::make_user("one", "pw-one");
  one.clients_max = 3;
  one.options.pool_size = 9;
  one.options.mode = pool_mode::transaction;
  auto two = test::make_user("two", "pw-two");
  two.options.mode = pool_mode::transaction;
  auto tenant = test::make_tenant("t", {forced}, {one, two});
  auto all = test::make_catalog({tenant});
  auto first = resolve(all, "t", "one", "db");
  auto second = resolve(all, "t", "two", "db");
  BOOST_REQUIRE((first && second));
  BOOST_TEST(to_string(first->key) == "t/owner/db/transaction");
  BOOST_TEST((first->key == second->key));
  BOOST_TEST((first->target == second->target));
  BOOST_TEST((first->settings == second->settings));
  BOOST_TEST(first->settings.pool_size == 20u);
  BOOST_TEST(first->user_clients_max == 3u);
  BOOST_TEST(second->user_clients_max == 0u);
  BOOST_TEST(first->target.user == "owner");
  BOOST_TEST(password_of(*first) == "");

  // The role's password: the database's, else of the user called like it.
  tenant.users.push_back(test::make_user("owner", "pw-owner"));
  tenant.users.back().options.pool_size = 5;
  auto third = resolve(test::make_catalog({tenant}), "t", "one", "db");
  BOOST_TEST(password_of(*third) == "pw-owner");
  BOOST_TEST(third->settings.pool_size == 5u);
  tenant.databases[0].server_password = test::plain("pw-db");
  third = resolve(test::make_catalog({tenant}), "t", "one", "db");
  BOOST_TEST(password_of(*third) == "pw-db");
}

BOOST_AUTO_TEST_CASE(names_that_do_not_exist_say_which) {
  auto all = test::make_catalog({test::make_tenant(
    "t", {test::make_database("db")}, {test::make_user("u")})});
  BOOST_TEST((resolve(all, "x", "u", "db").error().code == ec::unknown_tenant));
  BOOST_TEST((resolve(all, "", "u", "db").error().code == ec::unknown_tenant));
  BOOST_TEST((resolve(all, "t", "x", "db").error().code == ec::unknown_user));
  BOOST_TEST(
    (resolve(all, "t", "u", "x").error().code == ec::unknown_database));
}

BOOST_AUTO_TEST_CASE(a_key_resolves_to_the_pool_it_was_made_for) {
  auto forced = test::make_database("forced");
  forced.server_user = "owner";
  auto tenant = test::make_tenant("t", {test::make_database("*"), forced},
                                  {test::make_user("u")});
  auto all = test::make_catalog({tenant});
  for (auto name : {"any", "forced"}) {
    auto made = resolve(all, "t", "u", name, pool_mode::statement);
    auto again = resolve(all, made->key);
    BOOST_REQUIRE(again);
    BOOST_TEST((*again == *made), name);
  }
  struct row {
    pool_key key;
    ec expected;
  };
  for (const auto& [key, expected] : std::initializer_list<row>{
         {{"x", "u", "any", {}}, ec::unknown_tenant},
         {{"t", "x", "any", {}}, ec::unknown_user},
         {{"t", "u", "forced", {}}, ec::unknown_user},
         {{"t", "owner", "any", {}}, ec::unknown_user},
       })
    BOOST_TEST((resolve(all, key).error().code == expected), to_string(key));
}

BOOST_AUTO_TEST_CASE(replication_has_pools_of_its_own) {
  auto tenant = test::make_tenant("t", {test::make_database("db")},
                                  {test::make_user("u")});
  tenant.options.min_pool_size = 3;
  tenant.options.lanes = 2;
  tenant.options.query_timeout = 5s;
  tenant.options.transaction_timeout = 5s;
  tenant.options.query_wait_timeout = 5s;
  auto all = test::make_catalog({tenant}, {});
  const auto physical = startup_parameters{{"replication", "true"}};
  const auto logical
    = startup_parameters{{"replication", "database"}, {"work_mem", "1MB"}};
  auto got = resolve(all, "t", "u", "db", pool_mode::session, logical);
  BOOST_REQUIRE(got);
  BOOST_TEST(got->key.is_replication());
  BOOST_TEST(to_string(got->key) == "t/u/db/replication");
  BOOST_TEST(replication_kind(got->key) == "logical");
  BOOST_TEST((got->target.startup == logical));
  BOOST_TEST(got->settings.min_pool_size == 0u);
  BOOST_TEST(got->settings.lanes == 1u);
  BOOST_TEST((got->settings.query_timeout == 0s));
  BOOST_TEST((got->settings.transaction_timeout == 0s));
  BOOST_TEST((got->settings.query_wait_timeout == 5s));
  BOOST_TEST((*resolve(all, got->key) == *got));
  auto other = resolve(all, "t", "u", "db", pool_mode::session, physical);
  BOOST_REQUIRE(other);
  BOOST_TEST((other->key != got->key));
  BOOST_TEST(replication_kind(other->key) == "physical");
  auto ordinary = resolve(all, "t", "u", "db", pool_mode::session);
  BOOST_REQUIRE(ordinary);
  BOOST_TEST(replication_kind(ordinary->key) == "none");
  BOOST_TEST(ordinary->target.startup.empty());
  BOOST_TEST((ordinary->settings.query_timeout == 5s));
  for (auto mode : {pool_mode::transaction, pool_mode::statement})
    BOOST_TEST((resolve(all, "t", "u", "db", mode, physical).error().code
                == ec::replication_not_supported));
}

BOOST_AUTO_TEST_CASE(keys_are_ordered_and_hashed_by_every_part) {
  auto base = pool_key{"t", "u", "d", pool_mode::session};
  auto others
    = {pool_key{"T", "u", "d", pool_mode::session},
       pool_key{"t", "U", "d", pool_mode::session},
       pool_key{"t", "u", "D", pool_mode::session},
       pool_key{"t", "u", "d", pool_mode::statement},
       pool_key{"u", "t", "d", pool_mode::session},
       pool_key{"t", "u", "d", pool_mode::session, {{"replication", "true"}}}};
  auto hash = std::hash<pool_key>{};
  auto copy = base;
  BOOST_TEST(hash(base) == hash(copy));
  for (const auto& other : others) {
    BOOST_TEST((base != other));
    BOOST_TEST(((base < other) != (other < base)));
    BOOST_TEST(hash(base) != hash(other));
  }
}

BOOST_AUTO_TEST_SUITE_END()
