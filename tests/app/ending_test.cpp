#include "app/ending.hpp"

#include <boost/test/unit_test.hpp>

#include <array>
#include <string>

#include <sys/wait.h>
#include <unistd.h>

using namespace cenote;

namespace {

/// How a process ended, and what it said on stderr.
struct obituary {
  int status = 0;
  std::string words;
};

template <class Run>
obituary run_in_child(Run run) {
  auto pipe = std::array<int, 2>{};
  BOOST_REQUIRE(::pipe(pipe.data()) == 0);
  const auto child = ::fork();
  BOOST_REQUIRE(child >= 0);
  if (child == 0) {
    ::dup2(pipe[1], STDERR_FILENO);
    run();
    std::_Exit(2);
  }
  ::close(pipe[1]);
  auto out = obituary{};
  char byte = 0;
  while (::read(pipe[0], &byte, 1) == 1)
    out.words += byte;
  ::close(pipe[0]);
  BOOST_REQUIRE(::waitpid(child, &out.status, 0) == child);
  return out;
}

} // namespace

BOOST_AUTO_TEST_SUITE(ending)

BOOST_AUTO_TEST_CASE(an_end_that_takes_too_long_is_cut_and_says_where_it_was) {
  const auto end = run_in_child([] {
    auto watch = app::end_watch{std::chrono::seconds{1}};
    watch.enter("a step");
    for (;;)
      ::pause();
  });
  BOOST_TEST(WIFEXITED(end.status));
  BOOST_TEST(WEXITSTATUS(end.status) == 1);
  BOOST_TEST(end.words == "ERROR the end took too long step=\"a step\"\n");
}

BOOST_AUTO_TEST_CASE(what_is_left_when_all_is_done_is_cut_as_well) {
  const auto end = run_in_child([] {
    auto watch = app::end_watch{std::chrono::seconds{60}};
    watch.all_done();
    for (;;)
      ::pause();
  });
  BOOST_TEST(WEXITSTATUS(end.status) == 0);
  BOOST_TEST(end.words == "ERROR the end took too long step=\"log\"\n");
}

BOOST_AUTO_TEST_CASE(an_end_in_time_is_left_alone) {
  const auto end
    = run_in_child([] { app::end_watch{std::chrono::seconds{60}}.enter("x"); });
  BOOST_TEST(WEXITSTATUS(end.status) == 2);
  BOOST_TEST(end.words == "");
}

BOOST_AUTO_TEST_SUITE_END()
