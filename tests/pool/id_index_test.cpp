#include "pool/id_index.hpp"

#include <cstdint>
#include <map>
#include <random>
#include <set>

#include <boost/test/unit_test.hpp>

#include "pool/id_set.hpp"

using cenote::pool::id_index;

BOOST_AUTO_TEST_SUITE(id_index_suite)

BOOST_AUTO_TEST_CASE(an_empty_index_finds_nothing) {
  auto uut = id_index{};
  BOOST_TEST(!uut.find(1));
  BOOST_TEST(!uut.find(0));
  BOOST_TEST(!uut.erase(1));
}

BOOST_AUTO_TEST_CASE(the_same_slot_in_another_generation_is_another_id) {
  auto uut = id_index{};
  uut.insert((1ull << 32) | 7, 3);
  BOOST_TEST(!uut.find((2ull << 32) | 7));
  BOOST_TEST((uut.find((1ull << 32) | 7) == 3u));
}

BOOST_AUTO_TEST_CASE(it_agrees_with_a_map_whatever_is_inserted_and_erased) {
  // Few different ids, so that gaps are closed in the middle of long probes.
  for (std::uint32_t seed = 1; seed <= 50; ++seed) {
    auto random = std::mt19937{seed};
    auto uut = id_index{};
    std::map<std::uint64_t, std::uint32_t> model;
    for (std::uint32_t step = 0; step < 2'000; ++step) {
      const auto id = (std::uint64_t{random() % 3 + 1} << 32) | (random() % 40);
      if (model.contains(id)) {
        BOOST_TEST_REQUIRE(uut.erase(id), "seed " << seed << " step " << step);
        model.erase(id);
      } else {
        BOOST_TEST_REQUIRE(!uut.erase(id));
        uut.insert(id, step);
        model[id] = step;
      }
      BOOST_TEST_REQUIRE(uut.size() == model.size());
      for (const auto& [key, slot] : model)
        BOOST_TEST_REQUIRE((uut.find(key) == slot),
                           "seed " << seed << " step " << step);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_set_agrees_with_a_set) {
  for (std::uint32_t seed = 1; seed <= 20; ++seed) {
    auto random = std::mt19937{seed};
    auto uut = cenote::pool::id_set{};
    std::set<cenote::client_id> model;
    for (std::uint32_t step = 0; step < 2'000; ++step) {
      const auto who = cenote::client_id{random() % 60 + 1};
      if (random() % 2 == 0)
        BOOST_TEST_REQUIRE(uut.insert(who) == model.insert(who).second);
      else
        BOOST_TEST_REQUIRE(uut.erase(who) == (model.erase(who) > 0));
      BOOST_TEST_REQUIRE(uut.contains(who) == model.contains(who));
      BOOST_TEST_REQUIRE(uut.size() == model.size());
    }
    const auto all = uut.list();
    BOOST_TEST((std::set<cenote::client_id>{all.begin(), all.end()} == model));
    BOOST_TEST(all.size() == model.size());
    uut.clear();
    BOOST_TEST(uut.empty());
    BOOST_TEST(uut.list().empty());
    BOOST_TEST(uut.insert(cenote::client_id{1}));
  }
}

BOOST_AUTO_TEST_SUITE_END()
