#include <boost/test/unit_test.hpp>

#include "tests/actors/fakes.hpp"

using namespace cenote;
using namespace cenote::test;

BOOST_AUTO_TEST_SUITE(quota_book_suite)

BOOST_AUTO_TEST_CASE(each_limit_has_its_own_word) {
  auto book = proxy::edge::quota_book{};
  auto spec = make_spec();
  spec.user_clients_max = 1;
  spec.settings.tenant_clients_max = 2;
  auto first = book.take(book.client_quotas_of(spec, "app"));
  BOOST_REQUIRE(first);
  BOOST_TEST(book.node_clients() == 1u);
  auto second = book.take(book.client_quotas_of(spec, "app"));
  BOOST_REQUIRE(!second);
  BOOST_TEST((second.error().code == ec::too_many_clients_user));
  auto other = book.take(book.client_quotas_of(spec, "other"));
  BOOST_REQUIRE(other);
  auto third = book.take(book.client_quotas_of(spec, "third"));
  BOOST_REQUIRE(!third);
  BOOST_TEST((third.error().code == ec::too_many_clients_tenant));
  (*first).give_back();
  BOOST_TEST(book.node_clients() == 1u);
  BOOST_TEST(static_cast<bool>(book.take(book.client_quotas_of(spec, "app"))));
}

BOOST_AUTO_TEST_CASE(a_catalog_lowers_the_limit_of_the_node) {
  auto book = proxy::edge::quota_book{};
  auto limits = tenants::node_limits{};
  limits.clients_max = 1;
  book.apply(tenants::catalog{{}, {}, limits});
  auto first = book.take(book.client_quotas_of(make_spec(), "a"));
  BOOST_REQUIRE(first);
  auto second = book.take(book.client_quotas_of(make_spec(), "b"));
  BOOST_REQUIRE(!second);
  BOOST_TEST((second.error().code == ec::too_many_clients));
}

BOOST_AUTO_TEST_CASE(a_name_is_one_quota_however_often_it_is_asked_for) {
  auto book = proxy::edge::quota_book{};
  auto one = book.quotas_of(make_spec());
  book.apply(tenants::catalog{});
  auto two = book.quotas_of(make_spec());
  BOOST_TEST((one.pool == two.pool));
  BOOST_TEST((one.shared == two.shared));
  auto elsewhere = make_spec();
  elsewhere.target.port = 1;
  auto three = book.quotas_of(elsewhere);
  BOOST_TEST((one.pool == three.pool));
  BOOST_TEST((one.logins != three.logins));
}

BOOST_AUTO_TEST_SUITE_END()
