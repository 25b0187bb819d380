#include "proxy/ended_sums.hpp"

#include <boost/test/unit_test.hpp>

#include <string>

#include "base/limits.hpp"

using namespace cenote;
using namespace cenote::proxy;

namespace {

tenants::pool_key pool_of(std::string database, std::string user = "app",
                          std::string tenant = "acme") {
  return {std::move(tenant), std::move(user), std::move(database),
          tenants::pool_mode::transaction};
}

traffic queries(std::uint64_t count) {
  auto out = traffic{};
  out.queries = count;
  return out;
}

} // namespace

BOOST_AUTO_TEST_SUITE(ended)

BOOST_AUTO_TEST_CASE(pools_of_a_database_are_summed_up) {
  auto uut = ended_sums{};
  uut.add(pool_of("shop"), queries(3));
  uut.add(pool_of("shop", "other"), queries(4));
  uut.add(pool_of("shop", "app", "globex"), queries(5));
  auto rows = uut.rows();
  BOOST_REQUIRE(rows.size() == 2u);
  BOOST_TEST(rows[0].tenant == "acme");
  BOOST_TEST(rows[0].database == "shop");
  BOOST_TEST(rows[0].sums.queries == 7u);
  BOOST_TEST(rows[1].tenant == "globex");
  BOOST_TEST(rows[1].sums.queries == 5u);
}

BOOST_AUTO_TEST_CASE(a_pool_that_did_nothing_leaves_nothing) {
  auto uut = ended_sums{};
  uut.add(pool_of("nowhere"), {});
  BOOST_TEST(uut.rows().empty());
}

BOOST_AUTO_TEST_CASE(names_have_a_limit_and_sums_lose_nothing) {
  auto uut = ended_sums{};
  for (std::size_t i = 0; i < limits::ended_names_max; ++i)
    uut.add(pool_of("d" + std::to_string(i)), queries(1));
  BOOST_TEST(uut.rows().size() == limits::ended_names_max);
  uut.add(pool_of("one too many"), queries(10));
  uut.add(pool_of("two"), queries(20));
  uut.add(pool_of("d0"), queries(40));
  auto rows = uut.rows();
  BOOST_REQUIRE(rows.size() == limits::ended_names_max + 1);
  BOOST_TEST(rows[0].database == "*");
  BOOST_TEST(rows[0].sums.queries == 30u);
  BOOST_TEST(rows[1].database == "d0");
  BOOST_TEST(rows[1].sums.queries == 41u);
}

BOOST_AUTO_TEST_SUITE_END()
