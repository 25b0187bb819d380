#include "proxy/quotas.hpp"

#include <atomic>
#include <thread>
#include <vector>

#include <boost/test/unit_test.hpp>

using namespace cenote;
using namespace cenote::proxy;

namespace {

quota_ptr clients(quota::count limit, quota_hook hook = {}) {
  return make_quota("tenant acme clients", limit, ec::too_many_clients_tenant,
                    std::move(hook));
}

/// Counts the calls of a quota's hook.
struct bell {
  std::shared_ptr<std::atomic<int>> rung
    = std::make_shared<std::atomic<int>>(0);

  quota_hook hook() const {
    return {[](void* context, quota&) noexcept {
              ++*static_cast<std::atomic<int>*>(context);
            },
            rung};
  }
};

/// Calls `work` with 0 to 7, each in a thread of its own, all at the same time.
template <class Work>
void in_eight_threads(const Work& work) {
  std::atomic<bool> go{false};
  std::vector<std::thread> threads;
  for (std::size_t n = 0; n < 8; ++n)
    threads.emplace_back([&, n] {
      while (!go)
        std::this_thread::yield();
      work(n);
    });
  go = true;
  for (auto& each : threads)
    each.join();
}

} // namespace

BOOST_AUTO_TEST_SUITE(quotas_suite)

BOOST_AUTO_TEST_CASE(the_limit_holds_at_one_below_and_one_above) {
  const auto uut = clients(2);
  auto first = try_take(uut);
  auto second = try_take(uut);
  BOOST_TEST(first.has_value());
  BOOST_TEST(second.has_value());
  BOOST_TEST(!try_take(uut));
  BOOST_TEST(uut->used() == 2u);
  first.reset();
  BOOST_TEST(uut->used() == 1u);
  BOOST_TEST(try_take(uut).has_value());
  BOOST_TEST(uut->used() == 1u);
}

BOOST_AUTO_TEST_CASE(a_unit_is_given_back_exactly_once) {
  const auto uut = clients(9);
  auto first = std::move(*try_take(uut));
  BOOST_TEST(uut->used() == 1u);
  auto second = std::move(first);
  BOOST_TEST(!first);
  BOOST_TEST(bool{second});
  BOOST_TEST(uut->used() == 1u);
  auto third = std::move(*try_take(uut));
  BOOST_TEST(uut->used() == 2u);
  third = std::move(second);
  BOOST_TEST(uut->used() == 1u);
  third.give_back();
  third.give_back();
  BOOST_TEST(!third);
  BOOST_TEST(uut->used() == 0u);
}

BOOST_AUTO_TEST_CASE(a_unit_outlives_everything_else) {
  auto uut = clients(1);
  auto unit = std::move(*try_take(uut));
  const auto watch = std::weak_ptr{uut};
  uut.reset();
  BOOST_TEST(!watch.expired());
  BOOST_TEST(unit.home()->name() == "tenant acme clients");
  unit.give_back();
  BOOST_TEST(watch.expired());
}

BOOST_AUTO_TEST_CASE(a_limit_below_the_use_takes_nobodys_unit) {
  const auto uut = clients(3);
  auto first = try_take(uut);
  auto second = try_take(uut);
  uut->set_limit(1);
  BOOST_TEST(uut->used() == 2u);
  BOOST_TEST(!try_take(uut));
  first.reset();
  BOOST_TEST(!try_take(uut));
  second.reset();
  BOOST_TEST(try_take(uut).has_value());
}

BOOST_AUTO_TEST_CASE(a_limit_of_nothing_and_no_limit) {
  BOOST_TEST(!try_take(clients(0)));
  const auto uut = clients(quota::unlimited);
  std::vector<quota_unit> units;
  for (int n = 0; n < 1'000; ++n)
    units.push_back(std::move(*try_take(uut)));
  BOOST_TEST(uut->used() == 1'000u);
}

BOOST_AUTO_TEST_CASE(one_of_each_or_none_of_any) {
  const quota_ptr quotas[] = {clients(2), nullptr, clients(1), clients(2)};
  const auto list = quota_list{{std::begin(quotas), std::end(quotas)}};
  BOOST_TEST(list.quotas().size() == 3u);
  auto taken = quota_units::take(list);
  BOOST_TEST(bool{taken});
  BOOST_TEST(bool{taken.units});
  const auto refused = quota_units::take(list);
  BOOST_TEST(!refused);
  BOOST_TEST(refused.full == quotas[2]);
  BOOST_TEST((refused.full->when_full() == ec::too_many_clients_tenant));
  BOOST_TEST(!refused.units);
  BOOST_TEST(quotas[0]->used() == 1u);
  BOOST_TEST(quotas[2]->used() == 1u);
  BOOST_TEST(quotas[3]->used() == 1u);
  taken.units.give_back();
  taken.units.give_back();
  BOOST_TEST(!taken.units);
  BOOST_TEST(quotas[0]->used() == 0u);
}

BOOST_AUTO_TEST_CASE(units_move_and_keep_their_quotas) {
  auto one = clients(2);
  auto list = quota_list{{one}};
  auto first = std::move(quota_units::take(list).units);
  auto second = std::move(quota_units::take(list).units);
  BOOST_TEST(one->used() == 2u);
  first = std::move(second);
  BOOST_TEST(one->used() == 1u);
  BOOST_TEST(!second);
  list = {};
  const auto* there = one.get();
  auto still = std::weak_ptr{one};
  one = nullptr;
  BOOST_TEST(still.lock().get() == there);
  BOOST_TEST(there->used() == 1u);
  first.give_back();
  BOOST_TEST(still.expired());
}

/// Whoever needs no unit of anything gets what it needs.
BOOST_AUTO_TEST_CASE(a_list_of_nothing_is_never_full) {
  const auto none = quota_list{{nullptr}};
  BOOST_TEST(bool{quota_units::take(none)});
  BOOST_TEST(bool{quota_units::take(quota_list{})});
  BOOST_TEST(!quota_units::take(none).units);
}

BOOST_AUTO_TEST_CASE(lists_with_the_same_quota_have_exactly_its_limit) {
  constexpr quota::count limit = 5;
  const auto shared = clients(limit);
  std::atomic<quota::count> held{0};
  std::atomic<bool> was_exceeded{false};
  std::vector<quota_ptr> narrow;
  for (int n = 0; n < 8; ++n)
    narrow.push_back(clients(1));
  in_eight_threads([&](std::size_t n) {
    const auto mine = quota_list{{narrow[n], shared}};
    for (int round = 0; round < 5'000; ++round) {
      auto taken = quota_units::take(mine);
      if (!taken)
        continue;
      if (++held > limit)
        was_exceeded = true;
      if (round % 64 == 0)
        std::this_thread::yield();
      --held;
    }
  });
  BOOST_TEST(!was_exceeded);
  BOOST_TEST(shared->used() == 0u);
  for (const auto& each : narrow)
    BOOST_TEST(each->used() == 0u);
}

BOOST_AUTO_TEST_CASE(the_hook_is_called_only_while_somebody_wants_a_unit) {
  const auto bell = ::bell{};
  const auto uut = clients(1, bell.hook());
  try_take(uut).reset();
  BOOST_TEST(*bell.rung == 0);
  uut->want();
  try_take(uut).reset();
  BOOST_TEST(*bell.rung == 1);
  uut->set_limit(2);
  BOOST_TEST(*bell.rung == 2);
  uut->set_limit(1);
  BOOST_TEST(*bell.rung == 2);
  uut->unwant();
  try_take(uut).reset();
  BOOST_TEST(*bell.rung == 2);
}

BOOST_AUTO_TEST_CASE(the_limit_holds_exactly_under_eight_threads) {
  constexpr quota::count limit = 5;
  const auto uut = clients(limit);
  std::atomic<quota::count> held{0};
  std::atomic<quota::count> most{0};
  std::atomic<std::uint64_t> taken{0};
  in_eight_threads([&](std::size_t) {
    for (int round = 0; round < 20'000; ++round) {
      auto unit = try_take(uut);
      if (!unit)
        continue;
      ++taken;
      const auto now = ++held;
      for (auto seen = most.load();
           seen < now && !most.compare_exchange_weak(seen, now);) {
        // Again with what another thread has seen.
      }
      // Let the others run into the limit on a machine with few cores.
      if (round % 64 == 0)
        std::this_thread::yield();
      --held;
    }
  });
  BOOST_TEST(most <= limit);
  BOOST_TEST(taken > 0u);
  BOOST_TEST(uut->used() == 0u);
  // Nothing leaked either way: exactly `limit` units are left.
  std::vector<quota_unit> units;
  while (auto unit = try_take(uut))
    units.push_back(std::move(*unit));
  BOOST_TEST(units.size() == limit);
}

BOOST_AUTO_TEST_CASE(eight_threads_that_keep_units_get_exactly_the_limit) {
  for (int round = 0; round < 200; ++round) {
    const auto uut = clients(5);
    std::vector<std::optional<quota_unit>> units(8);
    std::atomic<bool> go{false};
    std::vector<std::thread> threads;
    for (auto& unit : units)
      threads.emplace_back([&] {
        while (!go)
          std::this_thread::yield();
        unit = try_take(uut);
      });
    go = true;
    for (auto& each : threads)
      each.join();
    int got = 0;
    for (const auto& unit : units)
      got += unit.has_value() ? 1 : 0;
    BOOST_TEST_REQUIRE(got == 5);
  }
}

BOOST_AUTO_TEST_CASE(who_wants_and_tries_again_is_never_forgotten) {
  for (int round = 0; round < 500; ++round) {
    const auto bell = ::bell{};
    const auto uut = clients(1, bell.hook());
    auto unit = try_take(uut);
    auto other = std::thread{[&] { unit->give_back(); }};
    uut->want();
    const auto mine = try_take(uut);
    other.join();
    BOOST_TEST_REQUIRE((mine.has_value() || *bell.rung > 0));
  }
}

BOOST_AUTO_TEST_SUITE_END()
