#include "net/direct_call.hpp"

#include <boost/test/unit_test.hpp>

BOOST_AUTO_TEST_SUITE(direct_call_test)

BOOST_AUTO_TEST_CASE(its_clock_is_the_one_clock) {
  const auto before = cenote::clock::now();
  const auto now = cenote::net::direct::now();
  const auto after = cenote::clock::now();
  BOOST_TEST((before <= now && now <= after));
}

BOOST_AUTO_TEST_SUITE_END()
