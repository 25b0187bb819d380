#include "app/console/stats.hpp"

#include <boost/test/unit_test.hpp>

#include <chrono>

using namespace cenote;
using namespace cenote::app;
using namespace std::chrono_literals;

namespace {

const auto start = time_point{} + 1h;
const auto key = stats_key{"app", "acme"};

traffic some(std::uint64_t count, std::uint64_t time_us) {
  auto out = traffic{};
  out.server_assignments = count;
  out.transactions = count;
  out.queries = count * 2;
  out.bytes_received = count * 100;
  out.transaction_time_us = time_us;
  out.query_time_us = time_us;
  out.wait_time_us = time_us;
  return out;
}

} // namespace

BOOST_AUTO_TEST_SUITE(statistics)

BOOST_AUTO_TEST_CASE(counts_are_per_second_and_times_per_event) {
  auto got = average(some(600, 60'000), some(0, 0), 60s);
  BOOST_TEST(got.server_assignments == 10u);
  BOOST_TEST(got.transactions == 10u);
  BOOST_TEST(got.queries == 20u);
  BOOST_TEST(got.bytes_received == 1000u);
  BOOST_TEST(got.transaction_time_us == 100u);
  BOOST_TEST(got.query_time_us == 50u);
  BOOST_TEST(got.wait_time_us == 100u);
}

BOOST_AUTO_TEST_CASE(nothing_happened_in_no_time) {
  auto got = average(some(600, 60'000), some(0, 0), 0s);
  for (auto field : traffic_fields)
    BOOST_TEST((got.*field == 0u));
  got = average(some(600, 60'000), some(600, 60'000), 60s);
  for (auto field : traffic_fields)
    BOOST_TEST((got.*field == 0u));
}

BOOST_AUTO_TEST_CASE(pools_that_are_gone_are_summed_up_too) {
  auto seen = collected{};
  seen.shards.resize(2);
  auto& lane = seen.shards[0].lanes.emplace_back();
  lane.pool = {"acme", "app", "app", tenants::pool_mode::session};
  lane.sums = some(1, 10);
  seen.shards[0].ended.push_back({"acme", "app", some(2, 20)});
  seen.shards[1].ended.push_back({"acme", "app", some(4, 40)});
  seen.shards[1].ended.push_back({"acme", "gone", some(8, 80)});
  auto sums = sum_up(seen);
  BOOST_TEST(sums.size() == 2u);
  BOOST_TEST(sums[key].transactions == 7u);
  BOOST_TEST((sums[{"gone", "acme"}] == some(8, 80)));
}

BOOST_AUTO_TEST_CASE(a_sum_that_went_back_counts_from_zero) {
  auto got = average(some(120, 1'200), some(6'000, 99'000), 60s);
  BOOST_TEST(got.transactions == 2u);
  BOOST_TEST(got.transaction_time_us == 10u);
}

BOOST_AUTO_TEST_CASE(averages_go_back_one_to_two_periods) {
  auto uut = stats_history{start};
  // Before the first sample: since the start.
  auto got = uut.averages({{key, some(100, 100)}}, start + 10s);
  BOOST_TEST(got.at(key).transactions == 10u);
  uut.add({{key, some(600, 600)}}, start + 60s);
  got = uut.averages({{key, some(700, 700)}}, start + 70s);
  BOOST_TEST(got.at(key).transactions == 10u);
  uut.add({{key, some(1'200, 1'200)}}, start + 120s);
  // Now against the sample of second 60.
  got = uut.averages({{key, some(600 + 7 * 70, 999'999)}}, start + 130s);
  BOOST_TEST(got.at(key).transactions == 7u);
  // A database nobody knew then counts from zero.
  const auto other = stats_key{"new", "acme"};
  got = uut.averages({{other, some(140, 0)}}, start + 130s);
  BOOST_TEST(got.at(other).transactions == 2u);
  BOOST_TEST(got.count(key) == 0u);
}

BOOST_AUTO_TEST_CASE(lanes_of_a_database_add_up_per_tenant) {
  auto seen = collected{};
  auto& shard = seen.shards.emplace_back();
  for (auto tenant : {"acme", "acme", "globex"}) {
    auto& lane = shard.lanes.emplace_back();
    lane.pool = {tenant, "u", "app", tenants::pool_mode::session};
    lane.sums = some(1, 1);
  }
  auto got = sum_up(seen);
  BOOST_TEST(got.size() == 2u);
  BOOST_TEST(got.at({"app", "acme"}).transactions == 2u);
  BOOST_TEST(got.at({"app", "globex"}).transactions == 1u);
}

BOOST_AUTO_TEST_SUITE_END()
