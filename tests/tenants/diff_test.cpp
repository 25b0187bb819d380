#include <functional>

#include <boost/test/unit_test.hpp>

#include "support.hpp"
#include "tenants/diff.hpp"

using namespace cenote;
using namespace cenote::tenants;
using namespace std::chrono_literals;

namespace {

tenant sample(std::string id) {
  return test::make_tenant(std::move(id),
                           {test::make_database("a"), test::make_database("b")},
                           {test::make_user("u"), test::make_user("v")});
}

/// The change of one tenant that `edit` makes; empty id if there is none.
tenant_change change_by(const std::function<void(tenant&)>& edit) {
  auto after = sample("t");
  edit(after);
  auto got = diff(test::make_catalog({sample("t"), sample("other")}),
                  test::make_catalog({after, sample("other")}));
  BOOST_TEST(got.added.empty());
  BOOST_TEST(got.removed.empty());
  BOOST_TEST(!got.node_changed);
  BOOST_TEST(got.changed.size() <= 1u);
  return got.changed.empty() ? tenant_change{} : got.changed.front();
}

tenant_change expected() {
  auto out = tenant_change{};
  out.id = "t";
  return out;
}

} // namespace

BOOST_AUTO_TEST_SUITE(differences)

BOOST_AUTO_TEST_CASE(equal_catalogs_differ_in_nothing) {
  auto one = test::make_catalog({sample("t"), sample("")});
  auto two = catalog{{sample(""), sample("t")}, {}, {}, 77};
  BOOST_TEST(diff(one, two).empty());
  BOOST_TEST(change_by([](tenant&) {}).id == "");
  auto swap = [](tenant& x) {
    std::swap(x.databases[0], x.databases[1]);
    std::swap(x.users[0], x.users[1]);
  };
  BOOST_TEST(change_by(swap).id == "");
}

BOOST_AUTO_TEST_CASE(tenants_come_and_go) {
  auto got = diff(test::make_catalog({sample("a"), sample("b")}),
                  test::make_catalog({sample("b"), sample("c"), sample("")}));
  BOOST_TEST((got.added == std::vector<std::string>{"", "c"}));
  BOOST_TEST((got.removed == std::vector<std::string>{"a"}));
  BOOST_TEST(got.changed.empty());
}

BOOST_AUTO_TEST_CASE(a_change_names_the_part_that_changed) {
  auto want = expected();
  want.limits_changed = true;
  BOOST_TEST((change_by([](tenant& x) { x.clients_max = 5; }) == want));
  BOOST_TEST((change_by([](tenant& x) { x.servers_max = 5; }) == want));
  BOOST_TEST((change_by([](tenant& x) { x.pools_max = 5; }) == want));
  BOOST_TEST((change_by([](tenant& x) { x.sni_hostnames = {"h"}; }) == want));
  BOOST_TEST((change_by([](tenant& x) { x.options.pool_size = 1; }) == want));

  want = expected();
  want.databases_retargeted = {"b"};
  using edits = std::initializer_list<void (*)(database&)>;
  for (auto edit : edits{
         [](database& x) { x.host = "other"; }, [](database& x) { x.port = 1; },
         [](database& x) { x.server_database = "other"; },
         [](database& x) { x.server_user = "other"; },
         [](database& x) { x.server_password = test::plain("other"); },
         [](database& x) { x.tls.mode = server_tls::require; },
         [](database& x) { x.tls.ca_file = "other"; },
         [](database& x) {
           x.host = "other";
           x.clients_max = 5;
         }})
    BOOST_TEST((change_by([=](tenant& x) { edit(x.databases[1]); }) == want));

  want = expected();
  want.databases_retuned = {"b"};
  for (auto edit : edits{[](database& x) { x.clients_max = 5; },
                         [](database& x) { x.servers_max = 5; },
                         [](database& x) { x.options.pool_size = 5; }})
    BOOST_TEST((change_by([=](tenant& x) { edit(x.databases[1]); }) == want));

  want = expected();
  want.databases_added = {"c"};
  want.databases_removed = {"a"};
  want.users_added = {"w"};
  want.users_removed = {"u"};
  auto rename = [](tenant& x) {
    x.databases[0].name = "c";
    x.users[0].name = "w";
  };
  BOOST_TEST((change_by(rename) == want));
}

BOOST_AUTO_TEST_CASE(a_user_is_rekeyed_or_only_retuned) {
  auto want = expected();
  want.users_rekeyed = {"v"};
  using edits = std::initializer_list<void (*)(user&)>;
  for (auto edit : edits{[](user& x) { x.password = test::plain("other"); },
                         [](user& x) { x.password = no_credential{}; },
                         [](user& x) { x.auth = client_auth::trust; }})
    BOOST_TEST((change_by([=](tenant& x) { edit(x.users[1]); }) == want));
  want = expected();
  want.users_retuned = {"v"};
  // Saying what holds anyway changes nothing about the login.
  for (auto edit : edits{[](user& x) { x.clients_max = 5; },
                         [](user& x) { x.options.query_timeout = 5s; },
                         [](user& x) { x.auth = client_auth::scram_sha_256; }})
    BOOST_TEST((change_by([=](tenant& x) { edit(x.users[1]); }) == want));
}

BOOST_AUTO_TEST_CASE(new_defaults_of_the_node_touch_no_tenant_by_themselves) {
  auto defaults = pool_options{};
  defaults.pool_size = 7;
  auto got = diff(test::make_catalog({sample("t")}),
                  test::make_catalog({sample("t")}, defaults));
  BOOST_TEST(got.node_changed);
  BOOST_TEST(got.changed.empty());
  BOOST_TEST(!got.empty());
  got = diff(test::make_catalog({}), catalog{{}, {}, node_limits{1, 0, 0}});
  BOOST_TEST(got.node_changed);
}

BOOST_AUTO_TEST_CASE(a_pool_feels_only_what_concerns_it) {
  auto before = test::make_catalog({sample("t")});
  auto running = *resolve(before, "t", "u", "a", pool_mode::transaction);
  struct row {
    const char* what;
    std::function<void(tenant&)> edit;
    pool_effect expected;
  };
  for (const auto& [what, edit, expected] : std::initializer_list<row>{
         {"nothing", [](tenant&) {}, pool_effect::none},
         {"another database", [](tenant& x) { x.databases[1].host = "other"; },
          pool_effect::none},
         {"another user",
          [](tenant& x) { x.users[1].password = test::plain("other"); },
          pool_effect::none},
         {"the mode of new clients",
          [](tenant& x) { x.options.mode = pool_mode::statement; },
          pool_effect::none},
         {"clients of the user", [](tenant& x) { x.users[0].clients_max = 5; },
          pool_effect::none},
         {"its size", [](tenant& x) { x.options.pool_size = 5; },
          pool_effect::settings},
         {"a limit of the tenant", [](tenant& x) { x.clients_max = 5; },
          pool_effect::settings},
         {"the user's timeout",
          [](tenant& x) { x.users[0].options.query_timeout = 5s; },
          pool_effect::settings},
         {"its host", [](tenant& x) { x.databases[0].host = "other"; },
          pool_effect::target},
         {"its password",
          [](tenant& x) { x.users[0].password = test::plain("other"); },
          pool_effect::target},
         {"host and size",
          [](tenant& x) {
            x.databases[0].host = "other";
            x.options.pool_size = 5;
          },
          pool_effect::target},
         {"a forced role",
          [](tenant& x) { x.databases[0].server_user = "owner"; },
          pool_effect::gone},
         {"no database", [](tenant& x) { x.databases.clear(); },
          pool_effect::gone},
         {"no user", [](tenant& x) { x.users.clear(); }, pool_effect::gone},
         {"no tenant", [](tenant& x) { x.id = "other"; }, pool_effect::gone},
       }) {
    auto after = sample("t");
    edit(after);
    auto now = test::make_catalog({after});
    auto got = effect_on(running, now);
    BOOST_TEST((got.effect == expected), what);
    BOOST_TEST((got.spec.key == running.key), what);
    if (expected == pool_effect::gone || expected == pool_effect::none)
      BOOST_TEST((got.spec.settings == running.settings), what);
    // Once taken over, the change is none any more.
    if (expected != pool_effect::gone)
      BOOST_TEST((effect_on(got.spec, now).effect == pool_effect::none), what);
  }
}

BOOST_AUTO_TEST_CASE(a_forced_pool_is_not_touched_by_who_subscribed_first) {
  auto tenant = sample("t");
  tenant.databases[0].server_user = "owner";
  tenant.users[0].clients_max = 5;
  auto all = test::make_catalog({tenant});
  auto running = *resolve(all, "t", "u", "a");
  BOOST_TEST((effect_on(running, all).effect == pool_effect::none));
}

BOOST_AUTO_TEST_SUITE_END()
