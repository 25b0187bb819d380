#include "pool/backoff.hpp"

#include <boost/test/unit_test.hpp>

using namespace cenote;
using namespace std::chrono_literals;
using pool::backoff;

namespace {

const auto start = time_point{} + 1h;

pool::login_failure refusal() {
  return {ec::server_login_rejected, "28P01",
          "password authentication failed for user \"app\""};
}

} // namespace

BOOST_AUTO_TEST_SUITE(backoff_suite)

BOOST_AUTO_TEST_CASE(without_a_failure_there_is_nothing_to_wait_for) {
  const auto uut = backoff{{}};
  BOOST_TEST(uut.may_try(time_point{}));
  BOOST_TEST(uut.may_try(start));
  BOOST_TEST(uut.fail_fast(start, 0) == nullptr);
  BOOST_TEST(uut.last_failure() == nullptr);
}

BOOST_AUTO_TEST_CASE(no_attempt_before_the_retry_time_and_one_at_it) {
  auto uut = backoff{{.retry_first = 15s, .retry_max = 15s}};
  uut.failed(refusal(), start, 0.5);
  BOOST_TEST(!uut.may_try(start));
  BOOST_TEST(!uut.may_try(start + 15s - 1ns));
  BOOST_TEST(uut.may_try(start + 15s));
  BOOST_TEST((uut.next_try() == start + 15s));
}

BOOST_AUTO_TEST_CASE(clients_in_the_window_hear_the_servers_own_error) {
  auto uut = backoff{{.retry_first = 15s, .retry_max = 15s}};
  uut.failed(refusal(), start, 0);
  const auto* told = uut.fail_fast(start + 1s, 0);
  BOOST_TEST_REQUIRE(told != nullptr);
  BOOST_TEST(told->sqlstate == "28P01");
  BOOST_TEST(told->message == refusal().message);
  // With a working server a client waits for it; after the window it waits for
  // the new attempt.
  BOOST_TEST(uut.fail_fast(start + 1s, 1) == nullptr);
  BOOST_TEST(uut.fail_fast(start + 15s, 0) == nullptr);
  BOOST_TEST(uut.last_failure() != nullptr);
}

BOOST_AUTO_TEST_CASE(the_interval_grows_to_its_cap) {
  struct row {
    duration first, max;
    std::vector<duration> waits;
  };
  const row rows[] = {
    {15s, 15s, {15s, 15s, 15s}},           {15s, 0s, {15s, 15s, 15s}},
    {1s, 10s, {1s, 2s, 4s, 8s, 10s, 10s}}, {0s, 0s, {0s, 0s}},
    {1s, duration::max(), {1s, 2s, 4s}},
  };
  for (const auto& [first, max, waits] : rows) {
    auto uut = backoff{{.retry_first = first, .retry_max = max}};
    for (std::size_t i = 0; i < waits.size(); ++i) {
      uut.failed(refusal(), start, 1.0);
      BOOST_TEST((uut.next_try() - start == waits[i]),
                 "first " << first.count() << " failure " << i);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_thousand_failures_do_not_overflow) {
  auto uut = backoff{{.retry_first = 1s, .retry_max = 24h}};
  for (int i = 0; i < 1'000; ++i)
    uut.failed(refusal(), start, 0);
  BOOST_TEST((uut.next_try() == start + 24h));
  BOOST_TEST(uut.failure_count() == 1'000u);
}

BOOST_AUTO_TEST_CASE(chance_takes_away_at_most_the_jitter) {
  struct row {
    double jitter, chance;
    duration wait;
  };
  const row rows[] = {
    {0.0, 1.0, 8s}, {0.5, 0.0, 8s}, {0.5, 0.5, 6s}, {0.5, 1.0, 4s},
    {1.0, 1.0, 0s}, {9.0, 9.0, 0s}, {0.5, -1., 8s},
  };
  for (const auto& [jitter, chance, wait] : rows) {
    auto uut = backoff{{.retry_first = 8s, .retry_max = 8s, .jitter = jitter}};
    uut.failed(refusal(), start, chance);
    BOOST_TEST((uut.next_try() == start + wait),
               "jitter " << jitter << " chance " << chance);
  }
}

BOOST_AUTO_TEST_CASE(a_success_forgives_everything) {
  auto uut = backoff{{.retry_first = 1s, .retry_max = 60s}};
  uut.failed(refusal(), start, 0);
  uut.failed(refusal(), start, 0);
  uut.succeeded();
  BOOST_TEST(uut.may_try(start));
  BOOST_TEST(uut.last_failure() == nullptr);
  BOOST_TEST(uut.failure_count() == 0u);
  uut.failed(refusal(), start, 0);
  BOOST_TEST((uut.next_try() == start + 1s));
}

BOOST_AUTO_TEST_SUITE_END()
