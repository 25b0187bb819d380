#include "net/timer_queue.hpp"

#include <deque>
#include <random>
#include <vector>

#include <boost/test/unit_test.hpp>

using namespace std::chrono_literals;
using cenote::never;
using cenote::time_point;

namespace {

struct owner;
using queue = cenote::net::timer_queue<owner>;

struct owner {
  explicit owner(int number)
    : id{number} {
    // nop
  }

  int id;
  queue::entry timer{*this};
};

constexpr auto t0 = time_point{} + 1h;

std::vector<int> due(queue& uut, time_point now) {
  auto ids = std::vector<int>{};
  while (auto* who = uut.pop_due(now))
    ids.push_back(who->id);
  return ids;
}

} // namespace

#define CHECK_DUE(now, ...)                                                    \
  BOOST_TEST(due(uut, now) == (std::vector<int>{__VA_ARGS__}),                 \
             boost::test_tools::per_element())

BOOST_AUTO_TEST_SUITE(timer_queue)

BOOST_AUTO_TEST_CASE(an_empty_queue_is_never_due) {
  auto uut = queue{};
  BOOST_TEST((uut.next() == never));
  CHECK_DUE(t0, );
}

BOOST_AUTO_TEST_CASE(entries_come_out_in_the_order_of_their_deadlines) {
  auto uut = queue{};
  auto a = owner{1}, b = owner{2}, c = owner{3};
  uut.arm(a.timer, t0 + 3s);
  uut.arm(b.timer, t0 + 1s);
  uut.arm(c.timer, t0 + 2s);
  BOOST_TEST((uut.next() == t0 + 1s));
  CHECK_DUE(t0 + 999ms, );
  CHECK_DUE(t0 + 1s, 2);
  CHECK_DUE(t0 + 5s, 3, 1);
  BOOST_TEST(!a.timer.is_armed());
  BOOST_TEST(uut.size() == 0u);
}

BOOST_AUTO_TEST_CASE(a_deadline_that_moved_later_fires_at_the_later_time_only) {
  auto uut = queue{};
  auto a = owner{1};
  uut.arm(a.timer, t0 + 1s);
  uut.arm(a.timer, t0 + 9s);
  CHECK_DUE(t0 + 8s, );
  BOOST_TEST((uut.next() == t0 + 9s));
  CHECK_DUE(t0 + 9s, 1);
}

BOOST_AUTO_TEST_CASE(a_deadline_that_moved_earlier_fires_earlier) {
  auto uut = queue{};
  auto a = owner{1}, b = owner{2};
  uut.arm(b.timer, t0 + 5s);
  uut.arm(a.timer, t0 + 9s);
  uut.arm(a.timer, t0 + 1s);
  BOOST_TEST((uut.next() == t0 + 1s));
  CHECK_DUE(t0 + 9s, 1, 2);
}

BOOST_AUTO_TEST_CASE(a_disarmed_entry_never_fires_and_can_be_armed_again) {
  auto uut = queue{};
  auto a = owner{1};
  uut.arm(a.timer, t0 + 1s);
  uut.disarm(a.timer);
  BOOST_TEST((uut.next() == never));
  CHECK_DUE(t0 + 9s, );
  uut.arm(a.timer, t0 + 10s);
  uut.disarm(a.timer);
  uut.arm(a.timer, t0 + 12s);
  CHECK_DUE(t0 + 11s, );
  CHECK_DUE(t0 + 12s, 1);
}

BOOST_AUTO_TEST_CASE(an_entry_that_dies_leaves_the_queue) {
  auto uut = queue{};
  auto a = owner{1};
  uut.arm(a.timer, t0 + 2s);
  {
    auto b = owner{2};
    uut.arm(b.timer, t0 + 1s);
  }
  BOOST_TEST((uut.next() == t0 + 2s));
  CHECK_DUE(t0 + 9s, 1);
}

BOOST_AUTO_TEST_CASE(an_owner_may_outlive_its_queue) {
  auto a = owner{1};
  {
    auto uut = queue{};
    uut.arm(a.timer, t0);
  }
  BOOST_TEST(a.id == 1);
}

BOOST_AUTO_TEST_CASE(random_changes_agree_with_a_plain_list) {
  auto random = std::mt19937{20'220'615};
  auto uut = queue{};
  auto owners = std::deque<owner>{};
  auto model = std::vector<time_point>(40, never);
  for (int i = 0; i < 40; ++i)
    owners.emplace_back(i);
  auto now = t0;
  for (int step = 0; step < 20'000; ++step) {
    auto who = random() % owners.size();
    auto what = random() % 4;
    if (what == 0) {
      uut.disarm(owners[who].timer);
      model[who] = never;
    } else if (what < 3) {
      model[who] = now + std::chrono::milliseconds{random() % 100};
      uut.arm(owners[who].timer, model[who]);
    } else {
      now += std::chrono::milliseconds{random() % 20};
      auto previous = time_point{};
      while (auto* fired = uut.pop_due(now)) {
        auto& deadline = model[static_cast<std::size_t>(fired->id)];
        BOOST_REQUIRE((deadline <= now && deadline >= previous));
        previous = std::exchange(deadline, never);
      }
    }
    auto first = *std::min_element(model.begin(), model.end());
    BOOST_REQUIRE((what != 3 || first > now));
    BOOST_REQUIRE((uut.next() == first));
  }
}

BOOST_AUTO_TEST_SUITE_END()
