#include "net/mailbox.hpp"

#include <memory>
#include <thread>
#include <vector>

#include <boost/test/unit_test.hpp>

namespace net = cenote::net;

BOOST_AUTO_TEST_SUITE(mailbox)

BOOST_AUTO_TEST_CASE(tasks_of_one_producer_run_in_their_order) {
  auto uut = net::mailbox{};
  auto seen = std::vector<int>{};
  for (int i = 0; i < 5; ++i)
    uut.post([&seen, i]() noexcept { seen.push_back(i); });
  BOOST_TEST(uut.run_all() == 5u);
  BOOST_TEST(seen == (std::vector{0, 1, 2, 3, 4}),
             boost::test_tools::per_element());
  BOOST_TEST(uut.run_all() == 0u);
}

BOOST_AUTO_TEST_CASE(only_the_first_post_says_that_nothing_was_waiting) {
  auto uut = net::mailbox{};
  BOOST_TEST(uut.post([]() noexcept {}));
  BOOST_TEST(!uut.post([]() noexcept {}));
  uut.run_all();
  BOOST_TEST(uut.empty());
  BOOST_TEST(uut.post([]() noexcept {}));
}

BOOST_AUTO_TEST_CASE(what_a_task_posts_runs_the_next_time) {
  auto uut = net::mailbox{};
  auto count = 0;
  uut.post([&]() noexcept { uut.post([&]() noexcept { ++count; }); });
  uut.run_all();
  BOOST_TEST(count == 0);
  uut.run_all();
  BOOST_TEST(count == 1);
}

BOOST_AUTO_TEST_CASE(a_task_may_own_what_cannot_be_copied) {
  auto uut = net::mailbox{};
  auto got = 0;
  uut.post([x = std::make_unique<int>(7), &got]() noexcept { got = *x; });
  uut.run_all();
  BOOST_TEST(got == 7);
}

BOOST_AUTO_TEST_CASE(tasks_that_never_ran_are_destroyed) {
  auto alive = std::make_shared<int>(1);
  {
    auto uut = net::mailbox{};
    uut.post([alive]() noexcept {});
    uut.post([alive]() noexcept {});
    BOOST_TEST(alive.use_count() == 3);
  }
  BOOST_TEST(alive.use_count() == 1);
}

BOOST_AUTO_TEST_CASE(many_producers_lose_nothing_and_keep_their_order) {
  constexpr int producers = 4;
  constexpr int posts = 5'000;
  auto uut = net::mailbox{};
  auto last = std::vector<int>(producers, -1);
  auto in_order = true;
  auto threads = std::vector<std::thread>{};
  for (int who = 0; who < producers; ++who)
    threads.emplace_back([&, who] {
      for (int i = 0; i < posts; ++i)
        uut.post([&, who, i]() noexcept {
          auto& at = last[static_cast<std::size_t>(who)];
          in_order = in_order && at == i - 1;
          at = i;
        });
    });
  std::size_t ran = 0;
  while (ran < producers * posts)
    ran += uut.run_all();
  for (auto& thread : threads)
    thread.join();
  BOOST_TEST(in_order);
  BOOST_TEST(ran + uut.run_all() == std::size_t{producers * posts});
}

BOOST_AUTO_TEST_SUITE_END()
