// What hostile or huge texts cost, and several threads at once.
#include <boost/test/unit_test.hpp>

#include <pthread.h>

#include <atomic>
#include <fstream>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "session/pg_parser.hpp"
#include "session/sql_look.hpp"

using namespace cenote::session;

namespace {

std::string repeated(std::string_view what, std::size_t count) {
  std::string out;
  for (; count > 0; --count)
    out += what;
  return out;
}

/// Runs `what` on a thread with this much stack.
void run_with_stack(std::size_t bytes, std::function<void()> what) {
  pthread_attr_t attributes;
  BOOST_REQUIRE(pthread_attr_init(&attributes) == 0);
  BOOST_REQUIRE(pthread_attr_setstacksize(&attributes, bytes) == 0);
  pthread_t thread{};
  auto start = [](void* with) -> void* {
    (*static_cast<std::function<void()>*>(with))();
    return nullptr;
  };
  BOOST_REQUIRE(pthread_create(&thread, &attributes, start, &what) == 0);
  BOOST_REQUIRE(pthread_join(thread, nullptr) == 0);
  BOOST_REQUIRE(pthread_attr_destroy(&attributes) == 0);
}

struct hostile {
  std::string_view before, open, middle, close;
};

constexpr hostile shapes[] = {
  {"select ", "(", "1", ")"},
  {"select 1", "+1", "", ""},
  {"select 1", "::int", "", ""},
  {"select a", " is null", "", ""},
  {"select a", " collate b", "", ""},
  {"select ", "- ", "1", ""},
  {"select ", "not ", "true", ""},
  {"select 1", " union select 1", "", ""},
  {"select 1, 2", " union select 1, 2", "", ""},
  {"select 1 from a", " natural join a", "", ""},
  {"", "select (", "1", ")"},
  {"select ", "array[", "1", "]"},
  {"select ", "f(", "1", ")"},
  {"select ", "case when ", "true", " then 1 end"},
  {"select a", "[1]", "", ""},
  {"select 1", ", 1", "", ""},
  {"set x = 1", ", 1", "", ""},
  {"begin", "; select 1", "", ""},
  {"", "", "/*", ""},
};

std::string made(const hostile& of, std::size_t count) {
  return std::string{of.before} + repeated(of.open, count)
       + std::string{of.middle} + repeated(of.close, count);
}

long resident_kib() {
  long total = 0;
  long resident = 0;
  std::ifstream("/proc/self/statm") >> total >> resident;
  return resident * 4;
}

} // namespace

BOOST_AUTO_TEST_SUITE(sql_limits)

BOOST_AUTO_TEST_CASE(no_text_uses_up_the_stack) {
  const look_limits whole{.bytes_max = 1024 * 1024};
  for (const auto& shape : shapes)
    for (std::size_t count : {10u, 8'000u, 30'000u, 150'000u})
      for (const auto& limits : {look_limits{}, whole}) {
        const auto sql = made(shape, count);
        run_with_stack(4 * 1024 * 1024, [&] {
          const auto look = look_at(sql, limits);
          BOOST_TEST((look.failure == look_failure::too_long)
                     == (sql.size() > limits.bytes_max));
          BOOST_TEST((count > 10 || look.parsed() || shape.middle == "/*"),
                     sql);
        });
      }
}

BOOST_AUTO_TEST_CASE(depth_is_counted_but_not_breadth) {
  auto depth = [](const std::string& sql) {
    const auto tokens = scan_sql(sql);
    BOOST_REQUIRE(tokens.has_value());
    return nesting_of(sql, *tokens);
  };
  BOOST_TEST(depth("select 1") == 2u);
  BOOST_TEST(depth("select 1+1+1") == 6u);
  BOOST_TEST(depth("select 1, 1, 1") == 2u);
  BOOST_TEST(depth("select 1; select 1 + 1; x") == 4u);
  BOOST_TEST(depth("select (1, (1+1), 1)") == 6u);
  BOOST_TEST(depth("select (((1") == 5u);
  BOOST_TEST(depth("a, b union a, b union a, b") == 4u);
  BOOST_TEST(depth("insert into t values " + repeated("(1, 2), ", 10'000))
             < 10u);
}

BOOST_AUTO_TEST_CASE(limits_hold_to_the_byte) {
  const std::string_view sql = "set x = 1";
  BOOST_TEST(look_at(sql, {.bytes_max = 9}).parsed());
  BOOST_TEST(
    (look_at(sql, {.bytes_max = 8}).failure == look_failure::too_long));
  BOOST_TEST(look_at(sql, {.depth_max = 4}).parsed());
  BOOST_TEST(
    (look_at(sql, {.depth_max = 3}).failure == look_failure::too_deep));
  // Not even the scanner likes it.
  BOOST_TEST((look_at("select 'abcdef", {.depth_max = 3}).failure
              == look_failure::syntax));
}

BOOST_AUTO_TEST_CASE(a_long_list_is_no_deep_tree) {
  const auto sql
    = "insert into t values (0, '')" + repeated(", (1, 'abc')", 50'000);
  const auto look = look_at(sql + "; set x = 1", {.bytes_max = 1024 * 1024});
  BOOST_REQUIRE(look.statements.size() == 2u);
  BOOST_TEST((look.statements[1].verb == sql_verb::set));
}

BOOST_AUTO_TEST_CASE(many_threads_may_look_at_once) {
  std::atomic<unsigned> wrong{0};
  auto look_much = [&wrong](unsigned which) {
    const auto name = "s" + std::to_string(which);
    for (int i = 0; i < 300; ++i) {
      const auto look = look_at("prepare " + name + " as select 1; select");
      const auto bad = look_at("prepare " + name + " as");
      if (look.statements.size() != 2 || look.statements[0].name != name
          || bad.error != "syntax error at end of input")
        ++wrong;
    }
  };
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < 4; ++i)
    threads.emplace_back(look_much, i);
  for (auto& thread : threads)
    thread.join();
  BOOST_TEST(wrong == 0u);
}

BOOST_AUTO_TEST_CASE(threads_that_end_leave_no_memory_behind) {
  auto some_threads = [](int count) {
    for (; count > 0; --count)
      std::thread{[] {
        (void) look_at("set x = 1");
        (void) look_at("set x =");
      }}.join();
  };
  some_threads(50);
  const auto before = resident_kib();
  some_threads(500);
  // 500 threads whose context stayed would be 4 MiB at least.
  BOOST_TEST(resident_kib() - before < 3'000);
}

BOOST_AUTO_TEST_SUITE_END()
