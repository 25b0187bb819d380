#include "proxy/cancel_keys.hpp"

#include <set>
#include <vector>

#include <boost/test/unit_test.hpp>

namespace cenote::proxy {

namespace {

struct somebody : cancel_keys::holder {};

} // namespace

BOOST_AUTO_TEST_SUITE(cancel_keys_suite)

BOOST_AUTO_TEST_CASE(a_key_says_its_shard_and_the_length_of_its_secret) {
  for (std::uint32_t shard : {0u, 1u, 255u}) {
    auto keys = cancel_keys{shard};
    for (bool is_long : {false, true}) {
      somebody who;
      keys.draw(who, is_long);
      const auto told = keys.spell_out(who.key());
      BOOST_TEST(told.shard() == shard);
      BOOST_TEST((told.pid >> 24) == 0u);
      BOOST_TEST(told.secret.size() == (is_long ? 32u : 4u));
      BOOST_TEST((keys.find(told) == &who));
      keys.forget(who);
    }
  }
}

BOOST_AUTO_TEST_CASE(every_bit_of_a_key_counts) {
  auto keys = cancel_keys{3};
  for (bool is_long : {false, true}) {
    somebody who;
    keys.draw(who, is_long);
    const auto right = keys.spell_out(who.key());
    for (unsigned bit = 0; bit < 32; ++bit) {
      auto wrong = right;
      wrong.pid ^= 1U << bit;
      BOOST_TEST(!keys.find(wrong));
    }
    for (std::size_t bit = 0; bit < right.secret.size() * 8; ++bit) {
      auto wrong = right;
      wrong.secret[bit / 8] ^= std::byte{1} << (bit % 8);
      BOOST_TEST(!keys.find(wrong));
    }
    for (std::size_t size = 0; size <= 64; ++size) {
      auto wrong = right;
      wrong.secret.resize(size);
      BOOST_TEST((keys.find(wrong) != nullptr)
                 == (size == right.secret.size()));
    }
    keys.forget(who);
  }
}

/// More clients than numbers: several share one, and are told apart.
BOOST_AUTO_TEST_CASE(clients_that_share_a_number_are_told_apart) {
  constexpr std::size_t count = 100'000;
  auto keys = cancel_keys{0};
  auto all = std::vector<somebody>(count);
  auto numbers = std::set<std::uint32_t>{};
  for (std::size_t i = 0; i < count; ++i) {
    keys.draw(all[i], i % 2 == 0);
    numbers.insert(all[i].key().pid);
  }
  const auto told = keys.spell_out(all[0].key());
  BOOST_TEST(numbers.size() <= 65'536u);
  BOOST_TEST(!numbers.contains(0)); // Which drivers take for no key.
  BOOST_TEST(keys.size() == count);
  auto missed = 0;
  for (std::size_t i = 0; i < count; i += 97)
    missed += keys.find(keys.spell_out(all[i].key())) != &all[i];
  BOOST_TEST(missed == 0);
  for (std::size_t i = 0; i < count; i += 2)
    keys.forget(all[i]);
  BOOST_TEST(keys.size() == count / 2);
  BOOST_TEST(keys.find(told) == nullptr);
  for (std::size_t i = 1; i < count; i += 98)
    missed += keys.find(keys.spell_out(all[i].key())) != &all[i];
  BOOST_TEST(missed == 0);
}

BOOST_AUTO_TEST_CASE(a_forgotten_key_is_nobodys) {
  auto keys = cancel_keys{0};
  somebody who;
  keys.forget(who); // It has none yet.
  keys.draw(who, true);
  const auto told = keys.spell_out(who.key());
  BOOST_TEST((keys.find(told) == &who));
  keys.forget(who);
  BOOST_TEST(!keys.find(told));
  keys.forget(who);
  BOOST_TEST(keys.size() == 0u);
  BOOST_TEST((who.key() == cancel_handle{}));
  keys.draw(who, true); // Another one.
  BOOST_TEST(!keys.find(told));
  keys.forget(who);
}

/// What one shard derives another cannot: seeds are drawn, not computed.
BOOST_AUTO_TEST_CASE(long_secrets_differ_between_shards_of_one_number) {
  auto here = cancel_keys{0};
  auto there = cancel_keys{0};
  somebody who;
  here.draw(who, true);
  const auto handle = who.key();
  BOOST_TEST((here.spell_out(handle) != there.spell_out(handle)));
  BOOST_TEST((here.spell_out(handle) == here.spell_out(handle)));
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace cenote::proxy
