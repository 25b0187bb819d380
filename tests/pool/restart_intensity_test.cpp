#include "pool/restart_intensity.hpp"

#include <boost/test/unit_test.hpp>

using namespace cenote;
using namespace std::chrono_literals;
using pool::restart_intensity;

namespace {

const auto start = time_point{} + 1h;

} // namespace

BOOST_AUTO_TEST_SUITE(restart_intensity_suite)

BOOST_AUTO_TEST_CASE(ten_restarts_in_the_window_and_not_eleven) {
  auto uut = restart_intensity{10, 60s};
  for (int i = 0; i < 10; ++i)
    BOOST_TEST(uut.may_restart(start + i * 1s));
  BOOST_TEST(!uut.may_restart(start + 10s));
  BOOST_TEST(uut.count(start + 10s) == 10u);
}

BOOST_AUTO_TEST_CASE(the_window_slides) {
  auto uut = restart_intensity{2, 60s};
  BOOST_TEST(uut.may_restart(start));
  BOOST_TEST(uut.may_restart(start + 30s));
  BOOST_TEST(!uut.may_restart(start + 60s - 1ns));
  BOOST_TEST(uut.may_restart(start + 60s));
  BOOST_TEST(!uut.may_restart(start + 61s));
  BOOST_TEST(uut.may_restart(start + 90s));
}

BOOST_AUTO_TEST_CASE(restarts_far_enough_apart_go_on_for_ever) {
  auto uut = restart_intensity{3, 60s};
  for (int i = 0; i < 1'000; ++i)
    BOOST_TEST_REQUIRE(uut.may_restart(start + i * 20s));
  BOOST_TEST(uut.count(start + 999 * 20s) == 3u);
}

BOOST_AUTO_TEST_CASE(none_allowed_means_never) {
  auto uut = restart_intensity{0, 60s};
  BOOST_TEST(!uut.may_restart(start));
  BOOST_TEST(uut.count(start) == 0u);
}

BOOST_AUTO_TEST_CASE(a_reset_forgets) {
  auto uut = restart_intensity{1, 60s};
  BOOST_TEST(uut.may_restart(start));
  BOOST_TEST(!uut.may_restart(start));
  uut.reset();
  BOOST_TEST(uut.may_restart(start));
}

BOOST_AUTO_TEST_SUITE_END()
