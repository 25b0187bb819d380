#include "pool/fair_queue.hpp"

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <vector>

#include <boost/test/unit_test.hpp>

using cenote::pool::fair_queue;

namespace {

/// Pops everything, as tenants: "abab".
std::string order(fair_queue& uut) {
  std::string seen;
  while (auto next = uut.pop())
    seen += next->tenant;
  return seen;
}

} // namespace

BOOST_AUTO_TEST_SUITE(fair_queue_suite)

BOOST_AUTO_TEST_CASE(tenants_take_turns) {
  struct row {
    const char* pushed;
    const char* granted;
  };
  const row rows[] = {
    {"", ""},
    {"a", "a"},
    {"aaa", "aaa"},
    {"aaabbb", "ababab"},
    {"aaaab", "abaaa"},
    {"abc", "abc"},
    {"aaabcc", "abcaca"},
  };
  for (const auto& [pushed, granted] : rows) {
    auto uut = fair_queue{};
    std::uint64_t request = 0;
    for (const auto* tenant = pushed; *tenant != '\0'; ++tenant)
      BOOST_TEST(uut.push({tenant, 1}, ++request));
    BOOST_TEST(uut.size() == request);
    BOOST_TEST(order(uut) == granted, pushed);
    BOOST_TEST(uut.empty());
    BOOST_TEST(uut.tenant_count() == 0u);
  }
}

BOOST_AUTO_TEST_CASE(within_a_tenant_the_first_comes_first) {
  auto uut = fair_queue{};
  for (std::uint64_t request : {7u, 3u, 5u})
    BOOST_TEST(uut.push("a", request));
  BOOST_TEST(uut.pop()->request == 7u);
  BOOST_TEST(uut.pop()->request == 3u);
  BOOST_TEST(uut.pop()->request == 5u);
  BOOST_TEST(!uut.pop());
}

BOOST_AUTO_TEST_CASE(a_weight_is_the_number_of_grants_in_a_turn) {
  auto uut = fair_queue{};
  for (std::uint64_t n = 1; n <= 6; ++n) {
    BOOST_TEST(uut.push("a", n, 2));
    BOOST_TEST(uut.push("b", 100 + n, 1));
  }
  BOOST_TEST(order(uut) == "aabaabaabbbb");
}

BOOST_AUTO_TEST_CASE(a_weight_of_nothing_counts_as_one) {
  auto uut = fair_queue{};
  BOOST_TEST(uut.push("a", 1, 0));
  BOOST_TEST(uut.push("a", 2, 0));
  BOOST_TEST(uut.push("b", 3));
  BOOST_TEST(order(uut) == "aba");
}

BOOST_AUTO_TEST_CASE(a_request_is_queued_once) {
  auto uut = fair_queue{};
  BOOST_TEST(uut.push("a", 1));
  BOOST_TEST(!uut.push("a", 1));
  BOOST_TEST(!uut.push("b", 1));
  BOOST_TEST(uut.size() == 1u);
}

BOOST_AUTO_TEST_CASE(a_cancelled_request_is_never_granted) {
  auto uut = fair_queue{};
  for (std::uint64_t n = 1; n <= 3; ++n)
    BOOST_TEST(uut.push("a", n));
  BOOST_TEST(uut.push("b", 4));
  BOOST_TEST(uut.cancel(2));
  BOOST_TEST(!uut.cancel(2));
  BOOST_TEST(!uut.cancel(99));
  BOOST_TEST(uut.cancel(4));
  BOOST_TEST(uut.tenant_count() == 1u);
  BOOST_TEST(order(uut) == "aa");
}

BOOST_AUTO_TEST_CASE(coming_back_gains_no_turn) {
  auto uut = fair_queue{};
  BOOST_TEST(uut.push("a", 1));
  BOOST_TEST(uut.push("b", 2));
  BOOST_TEST(uut.push("b", 3));
  BOOST_TEST(uut.pop()->tenant == "a");
  BOOST_TEST(uut.push("a", 4));
  BOOST_TEST(order(uut) == "bab");
}

BOOST_AUTO_TEST_CASE(a_crowd_cannot_delay_a_newcomer_by_more_than_a_round) {
  auto uut = fair_queue{};
  std::uint64_t request = 0;
  for (int n = 0; n < 10'000; ++n)
    BOOST_TEST_REQUIRE(uut.push("crowd", ++request));
  for (char tenant = 'a'; tenant < 'f'; ++tenant)
    BOOST_TEST_REQUIRE(uut.push({&tenant, 1}, ++request));
  BOOST_TEST(uut.push("new", ++request));
  int before = 0;
  while (uut.pop()->tenant != "new")
    ++before;
  BOOST_TEST(before == 6);
}

BOOST_AUTO_TEST_CASE(backlogged_tenants_never_differ_by_more_than_one_grant) {
  for (std::uint32_t seed = 1; seed <= 50; ++seed) {
    auto random = std::mt19937{seed};
    auto uut = fair_queue{};
    std::map<std::string, std::set<std::uint64_t>> queued;
    std::uint64_t request = 0;
    auto push = [&](const std::string& tenant) {
      BOOST_TEST_REQUIRE(uut.push(tenant, ++request));
      queued[tenant].insert(request);
    };
    const std::string names[] = {"a", "b", "c", "d"};
    std::map<std::string, int> granted;
    for (const auto& tenant : names) {
      push(tenant);
      granted[tenant] = 0;
    }
    for (int step = 0; step < 500; ++step) {
      // Each tenant always has something queued; some cancel a lot of it.
      for (const auto& tenant : names)
        for (auto more = random() % 3 + 1; more > 0; --more)
          push(tenant);
      const auto& quitter = names[random() % 4];
      while (queued[quitter].size() > 1 && random() % 4 != 0) {
        const auto last = *queued[quitter].rbegin();
        BOOST_TEST_REQUIRE(uut.cancel(last));
        queued[quitter].erase(last);
      }
      for (auto pops = random() % 3; pops > 0; --pops) {
        for (const auto& tenant : names)
          if (queued[tenant].size() == 1)
            push(tenant);
        const auto next = uut.pop();
        BOOST_TEST_REQUIRE(next.has_value());
        BOOST_TEST_REQUIRE(queued[next->tenant].erase(next->request) == 1u);
        ++granted[next->tenant];
      }
      const auto [least, most] = std::minmax_element(
        granted.begin(), granted.end(),
        [](auto& a, auto& b) { return a.second < b.second; });
      BOOST_TEST_REQUIRE(most->second - least->second <= 1, "seed " << seed);
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
