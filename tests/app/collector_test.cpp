#include "app/console/collector.hpp"

#include <boost/test/unit_test.hpp>

using namespace cenote;
using namespace cenote::app;

namespace {

proxy::shard_snapshot shard_with(std::vector<std::uint64_t> servers) {
  auto out = proxy::shard_snapshot{};
  for (auto id : servers)
    out.servers.emplace_back().id = server_id{id};
  return out;
}

std::vector<std::uint64_t> servers_of(const proxy::shard_snapshot& shard) {
  auto out = std::vector<std::uint64_t>{};
  for (const auto& row : shard.servers)
    out.push_back(row.id.value());
  return out;
}

} // namespace

BOOST_AUTO_TEST_SUITE(collector_suite)

BOOST_AUTO_TEST_CASE(a_server_that_moved_between_two_snapshots_is_shown_once) {
  auto box = collector{3};
  box.arrived(shard_with({1, 2, 3}));
  box.arrived(shard_with({4, 2}));
  box.arrived(shard_with({4, 5, 1}));
  auto got = box.take();
  BOOST_TEST(got.missing == 0u);
  BOOST_REQUIRE(got.shards.size() == 3u);
  BOOST_TEST(servers_of(got.shards[0]) == (std::vector<std::uint64_t>{1, 2, 3}),
             boost::test_tools::per_element());
  BOOST_TEST(servers_of(got.shards[1]) == (std::vector<std::uint64_t>{4}),
             boost::test_tools::per_element());
  BOOST_TEST(servers_of(got.shards[2]) == (std::vector<std::uint64_t>{5}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(what_arrives_late_is_dropped) {
  auto box = collector{2};
  box.arrived(shard_with({1}));
  auto got = box.take();
  BOOST_TEST(got.missing == 1u);
  BOOST_TEST(got.shards.size() == 1u);
  box.arrived(shard_with({2}));
  BOOST_TEST(box.take().shards.empty());
}

BOOST_AUTO_TEST_SUITE_END()
