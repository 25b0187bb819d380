#include "proxy/edge/acquaintances.hpp"

#include <boost/test/unit_test.hpp>

#include "tests/tenants/support.hpp"

using namespace cenote;
using namespace cenote::proxy::edge;
using tenants::pool_mode;

namespace {

using where_said = acquaintances::where_said;

std::vector<std::byte> bytes_of(std::string_view text) {
  auto out = std::vector<std::byte>{};
  for (auto c : text)
    out.push_back(static_cast<std::byte>(c));
  return out;
}

struct fixture {
  acquaintance_ptr find(std::string_view hello, const where_said& at = {}) {
    return uut.find(bytes_of(hello), at, all, settings);
  }

  void keep(std::string_view hello, acquaintance_ptr who,
            const where_said& at = {}) {
    uut.keep(bytes_of(hello), at, std::move(who));
  }

  tenants::catalog_ptr all = std::make_shared<const tenants::catalog>();
  edge_settings_ptr settings = std::make_shared<const edge_settings>();
  acquaintance_ptr somebody = std::make_shared<acquaintance>();
  acquaintances uut;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(acquaintances_suite, fixture)

BOOST_AUTO_TEST_CASE(who_says_the_same_is_known) {
  BOOST_TEST((find("me") == nullptr));
  keep("me", somebody);
  BOOST_TEST((find("me") == somebody));
  BOOST_TEST((find("you") == nullptr));
  BOOST_TEST((find("") == nullptr));
}

BOOST_AUTO_TEST_CASE(the_same_words_elsewhere_mean_something_else) {
  const auto here = where_said{false, pool_mode::session};
  BOOST_TEST((find("me", here) == nullptr));
  keep("me", somebody, here);
  BOOST_TEST((find("me", here) == somebody));
  BOOST_TEST((find("me", {true, pool_mode::session}) == nullptr));
  BOOST_TEST((find("me", {false, pool_mode::transaction}) == nullptr));
  BOOST_TEST((find("me", {false, {}}) == nullptr));
}

BOOST_AUTO_TEST_CASE(nobody_is_known_by_an_old_catalog) {
  BOOST_TEST((find("me") == nullptr));
  keep("me", somebody);
  all = std::make_shared<const tenants::catalog>();
  BOOST_TEST((find("me") == nullptr));
  BOOST_TEST((find("me") == nullptr));
  // And it keeps nobody alive.
  BOOST_TEST(somebody.use_count() == 1);
}

BOOST_AUTO_TEST_CASE(nobody_is_known_by_old_settings) {
  BOOST_TEST((find("me") == nullptr));
  keep("me", somebody);
  settings = std::make_shared<const edge_settings>();
  BOOST_TEST((find("me") == nullptr));
  BOOST_TEST(somebody.use_count() == 1);
}

BOOST_AUTO_TEST_CASE(long_messages_are_not_kept) {
  const auto longest = std::string(acquaintances::hello_bytes_max, 'x');
  BOOST_TEST((find(longest) == nullptr));
  keep(longest, somebody);
  BOOST_TEST((find(longest) == somebody));
  keep(longest + "x", somebody);
  BOOST_TEST((find(longest + "x") == nullptr));
}

BOOST_AUTO_TEST_CASE(strangers_push_each_other_out) {
  BOOST_TEST((find("me") == nullptr));
  for (int i = 0; i < 10'000; ++i)
    keep("stranger" + std::to_string(i), somebody);
  BOOST_TEST(static_cast<std::size_t>(somebody.use_count())
             <= acquaintances::places_max + 1);
  keep("me", somebody);
  BOOST_TEST((find("me") == somebody));
}

BOOST_AUTO_TEST_SUITE_END()
