#include "net/wait_timer.hpp"

#include <poll.h>

#include <boost/test/unit_test.hpp>

namespace net = cenote::net;

using cenote::never;
using cenote::time_point;
using namespace std::chrono_literals;

namespace {

/// The time from `clock::now()` to the ring as the kernel has it; 0 if it will
/// not ring.
std::chrono::nanoseconds left(const net::wait_timer& of) {
  auto found = itimerspec{};
  BOOST_REQUIRE(::timerfd_gettime(of.fd(), &found) == 0);
  return std::chrono::seconds{found.it_value.tv_sec}
       + std::chrono::nanoseconds{found.it_value.tv_nsec};
}

bool rings_within(const net::wait_timer& which, int limit_ms) {
  auto waits = pollfd{which.fd(), POLLIN, 0};
  return ::poll(&waits, 1, limit_ms) == 1;
}

struct fixture {
  net::wait_timer uut{net::wait_timer::make_timer()};
  time_point now = cenote::clock::now();
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(wait_timer, fixture)

BOOST_AUTO_TEST_CASE(never_is_no_deadline) {
  uut.ring_by(never, now);
  BOOST_TEST((left(uut) == 0s));
  uut.ring_by(now + 1h, now);
  uut.ring_by(never, now);
  BOOST_TEST((left(uut) > 30min));
}

BOOST_AUTO_TEST_CASE(a_later_deadline_is_told_to_nobody) {
  uut.ring_by(now + 1h, now);
  uut.ring_by(now + 5h, now);
  BOOST_TEST((left(uut) <= 1h));
  BOOST_TEST((left(uut) > 30min));
}

BOOST_AUTO_TEST_CASE(an_earlier_deadline_counts) {
  uut.ring_by(now + 5h, now);
  uut.ring_by(now + 1h, now);
  BOOST_TEST((left(uut) <= 1h));
  BOOST_TEST((left(uut) > 30min));
}

BOOST_AUTO_TEST_CASE(it_rings_once_and_is_set_again) {
  uut.ring_by(now + 1ms, now);
  BOOST_TEST(rings_within(uut, 10'000));
  BOOST_TEST((cenote::clock::now() >= now + 1ms));
  BOOST_TEST((left(uut) == 0s));
  now = cenote::clock::now();
  uut.ring_by(now + 1h, now);
  BOOST_TEST((left(uut) > 30min));
  // What rang before is forgotten.
  BOOST_TEST(!rings_within(uut, 0));
}

BOOST_AUTO_TEST_CASE(what_rang_unseen_still_rings) {
  uut.ring_by(now + 1ms, now);
  BOOST_TEST(rings_within(uut, 10'000));
  // The caller's clock is behind: it has not looked since.
  uut.ring_by(now + 1h, now);
  BOOST_TEST(rings_within(uut, 0));
}

BOOST_AUTO_TEST_CASE(a_deadline_that_has_passed_rings_at_once) {
  uut.ring_by(now - 1s, now - 2s);
  BOOST_TEST(rings_within(uut, 10'000));
}

BOOST_AUTO_TEST_SUITE_END()
