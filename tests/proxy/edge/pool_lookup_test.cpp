#include "proxy/edge/pool_lookup.hpp"

#include <algorithm>

#include <boost/test/unit_test.hpp>

#include "tests/tenants/support.hpp"

using namespace cenote;
using namespace cenote::proxy::edge;
using namespace cenote::tenants::test;
using tenants::pool_mode;

namespace {

tenants::catalog_ptr some_tenants(std::uint32_t clients_max = 0) {
  auto acme
    = make_tenant("a", {make_database("*")}, {make_user("b"), make_user("bc")});
  acme.clients_max = clients_max;
  auto other = make_tenant("ab", {make_database("d")}, {make_user("c")});
  return std::make_shared<const tenants::catalog>(
    make_catalog({std::move(acme), std::move(other)}));
}

} // namespace

BOOST_AUTO_TEST_SUITE(pool_lookup_suite)

BOOST_AUTO_TEST_CASE(the_same_client_gets_the_same_pool) {
  auto quotas = quota_book{};
  auto uut = pool_lookup{quotas};
  const auto all = some_tenants();
  const auto first = uut.find(all, "a", "b", "d", {});
  const auto again = uut.find(all, "a", "b", "d", {});
  BOOST_REQUIRE((first && again));
  BOOST_TEST(first->spec.get() == again->spec.get());
  BOOST_TEST(
    std::ranges::equal(first->quotas.quotas(), again->quotas.quotas()));
  auto direct = tenants::resolve(*all, "a", "b", "d");
  BOOST_TEST((*first->spec == *direct));
}

BOOST_AUTO_TEST_CASE(names_do_not_run_into_each_other) {
  auto quotas = quota_book{};
  auto uut = pool_lookup{quotas};
  const auto all = some_tenants();
  const auto seat
    = [&](const char* tenant, const char* user, const char* database,
          std::optional<pool_mode> mode = {}) {
        auto found = uut.find(all, tenant, user, database, mode);
        return found ? tenants::to_string(found->spec->key) : "none";
      };
  for (auto i = 0; i < 2; ++i) {
    BOOST_TEST(seat("a", "b", "cd") == "a/b/cd/session");
    BOOST_TEST(seat("a", "bc", "d") == "a/bc/d/session");
    BOOST_TEST(seat("ab", "c", "d") == "ab/c/d/session");
    BOOST_TEST(seat("a", "bc", "d", pool_mode::transaction)
               == "a/bc/d/transaction");
    BOOST_TEST(seat("a", "c", "d") == "none");
    BOOST_TEST(seat("ab", "c", "e") == "none");
  }
}

BOOST_AUTO_TEST_CASE(failures_are_those_of_resolve) {
  auto quotas = quota_book{};
  auto uut = pool_lookup{quotas};
  const auto all = some_tenants();
  BOOST_TEST(
    (uut.find(all, "x", "b", "d", {}).error().code == ec::unknown_tenant));
  BOOST_TEST(
    (uut.find(all, "a", "x", "d", {}).error().code == ec::unknown_user));
  BOOST_TEST(
    (uut.find(all, "ab", "c", "x", {}).error().code == ec::unknown_database));
}

BOOST_AUTO_TEST_CASE(a_new_catalog_counts_at_once) {
  auto quotas = quota_book{};
  auto uut = pool_lookup{quotas};
  const auto before = uut.find(some_tenants(), "a", "b", "d", {});
  BOOST_REQUIRE(before);
  auto taken = quota_book::take(before->quotas);
  BOOST_REQUIRE(taken);
  const auto after = uut.find(some_tenants(1), "a", "b", "d", {});
  BOOST_REQUIRE(after);
  BOOST_TEST(after->spec->settings.tenant_clients_max == 1u);
  // The same quotas, with the new limit: who came before counts.
  BOOST_TEST(
    std::ranges::equal(after->quotas.quotas(), before->quotas.quotas()));
  BOOST_TEST((quota_book::take(after->quotas).error().code
              == ec::too_many_clients_tenant));
}

BOOST_AUTO_TEST_SUITE_END()
