#include "session/watch.hpp"

#include <chrono>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "protocol/message_walker.hpp"
#include "protocol/writer.hpp"

using namespace cenote;
using namespace cenote::session;
using namespace std::chrono_literals;

namespace {

std::vector<std::byte> row_of(std::string_view kind, std::string_view name,
                              std::string_view flags) {
  std::vector<std::byte> out;
  protocol::writer to{out};
  to.begin('D');
  to.int16(3);
  for (auto cell : {kind, name, flags}) {
    to.int32(static_cast<std::int32_t>(cell.size()));
    to.byte_n(cell);
  }
  to.end();
  out.erase(out.begin(), out.begin() + 5);
  return out;
}

watch_reader answer(std::initializer_list<std::string_view> names) {
  watch_reader out;
  out.row(row_of("-", "pg_catalog", "20s"));
  for (auto name : names)
    out.row(row_of("n", name, ""));
  return out;
}

struct watch_fixture {
  watch_fixture() {
    uut.configure(60s);
  }

  void ask_and_answer(std::initializer_list<std::string_view> names,
                      duration took = 2ms) {
    const auto which = uut.begin(now);
    now += took;
    uut.answered(which, answer(names), now);
  }

  bool is_due() const {
    return uut.is_due(now);
  }

  watch uut;
  time_point now = time_point{} + 1h;
};

} // namespace

BOOST_TEST_DONT_PRINT_LOG_VALUE(mention)
BOOST_TEST_DONT_PRINT_LOG_VALUE(watch_stage)

BOOST_FIXTURE_TEST_SUITE(watch_suite, watch_fixture)

BOOST_AUTO_TEST_CASE(while_it_is_off_nothing_is_watched_or_due) {
  watch off;
  BOOST_TEST(!off.is_watching());
  BOOST_TEST(!off.is_unknown());
  BOOST_TEST(!off.is_due(now));
  off.changed();
  BOOST_TEST(!off.is_watching());
  uut.configure(0s);
  BOOST_TEST(!uut.is_watching());
  BOOST_TEST(!is_due());
}

BOOST_AUTO_TEST_CASE(before_the_first_answer_everything_is_meant) {
  BOOST_TEST(uut.is_unknown());
  BOOST_TEST(uut.is_watching());
  BOOST_TEST(is_due());
  BOOST_TEST((uut.look_at("select 1") == mention::changes));
}

BOOST_AUTO_TEST_CASE(an_empty_answer_ends_the_watch_for_its_interval) {
  ask_and_answer({});
  BOOST_TEST(!uut.is_unknown());
  BOOST_TEST(!uut.is_watching());
  now += 59s;
  BOOST_TEST(!is_due());
  now += 1s;
  BOOST_TEST(is_due());
}

BOOST_AUTO_TEST_CASE(a_probe_that_finds_something_is_followed_by_all) {
  BOOST_TEST((uut.stage() == watch_stage::probe));
  watch_reader more;
  more.row(row_of("q", "", ""));
  uut.answered(uut.begin(now), std::move(more), now);
  BOOST_TEST(uut.is_unknown());
  BOOST_TEST(is_due());
  BOOST_TEST((uut.stage() == watch_stage::full));
  ask_and_answer({"f"});
  BOOST_TEST(uut.is_watching());
  BOOST_TEST((uut.look_at("select f()") == mention::changes));
  BOOST_TEST((uut.stage() == watch_stage::full));
  now += 60s;
  ask_and_answer({});
  BOOST_TEST((uut.stage() == watch_stage::probe));
}

BOOST_AUTO_TEST_CASE(a_change_makes_it_unknown_and_due) {
  ask_and_answer({});
  const auto before = uut.generation();
  uut.changed();
  BOOST_TEST(uut.generation() != before);
  BOOST_TEST(uut.is_unknown());
  BOOST_TEST(is_due());
}

BOOST_AUTO_TEST_CASE(an_answer_of_before_a_change_does_not_count) {
  const auto which = uut.begin(now);
  uut.changed();
  uut.answered(which, answer({}), now);
  BOOST_TEST(uut.is_unknown());
  uut.failed(which, now, false);
  BOOST_TEST(is_due());
  ask_and_answer({});
  BOOST_TEST(!uut.is_unknown());
}

BOOST_AUTO_TEST_CASE(only_other_words_are_another_generation) {
  ask_and_answer({"f"});
  const auto first = uut.generation();
  ask_and_answer({"f"});
  BOOST_TEST(uut.generation() == first);
  ask_and_answer({"f", "g"});
  BOOST_TEST(uut.generation() != first);
}

BOOST_AUTO_TEST_CASE(one_asks_at_a_time_while_something_is_known) {
  ask_and_answer({});
  now += 60s;
  BOOST_TEST(is_due());
  (void) uut.begin(now);
  BOOST_TEST(!is_due());
  now += 31s; // Its server is lost.
  BOOST_TEST(is_due());
}

BOOST_AUTO_TEST_CASE(what_takes_long_is_asked_less_often) {
  ask_and_answer({}, 2s);
  now += 199s;
  BOOST_TEST(!is_due());
  now += 1s;
  BOOST_TEST(is_due());
}

BOOST_AUTO_TEST_CASE(a_failure_means_everything_and_is_retried_more_slowly) {
  ask_and_answer({});
  for (auto wait : {1s, 2s, 4s, 8s, 16s, 32s, 64s, 64s}) {
    uut.failed(uut.begin(now), now, false);
    BOOST_TEST(uut.is_watching());
    BOOST_TEST((uut.look_at("select 1") == mention::changes));
    uut.changed(); // Does not make it due.
    now += wait - 1ms;
    BOOST_TEST(!is_due());
    now += 1ms;
    BOOST_TEST(is_due());
  }
  ask_and_answer({});
  uut.failed(uut.begin(now), now, false);
  now += 1s;
  BOOST_TEST(is_due());
}

BOOST_AUTO_TEST_CASE(a_cancel_that_struck_it_is_no_failure_three_times) {
  ask_and_answer({});
  for (int i = 0; i < 3; ++i) {
    uut.failed(uut.begin(now), now, true);
    BOOST_TEST(!uut.is_unknown());
    BOOST_TEST(is_due());
  }
  uut.failed(uut.begin(now), now, true);
  BOOST_TEST(uut.is_unknown());
  BOOST_TEST(!is_due());
}

BOOST_AUTO_TEST_CASE(rows_say_what_they_are_about) {
  watch_reader reader;
  reader.row(row_of("n", "t", "w"));
  reader.row(row_of("n", "f", "x"));
  reader.row(row_of("s", "app.x", ""));
  auto words = reader.take();
  BOOST_TEST((words.look_at("select * from t") == mention::none));
  BOOST_TEST((words.look_at("insert into t") == mention::changes));
  BOOST_TEST((words.look_at("select f()") == mention::changes_anything));
  BOOST_TEST(words.settings() == std::vector<std::string>{"app.x"});
  reader.row(row_of("h", "", ""));
  BOOST_TEST((reader.take().look_at("\xff") == mention::changes));
  for (auto kind : {"*", "?", ""}) {
    watch_reader other;
    other.row(row_of(kind, "", ""));
    BOOST_TEST(other.take().watches_all());
  }
}

BOOST_AUTO_TEST_CASE(a_text_is_looked_at_once_in_a_generation) {
  mention_memory memory;
  ask_and_answer({"f"});
  BOOST_TEST((memory.look(uut, "select f()") == mention::changes));
  BOOST_TEST((memory.look(uut, "another") == mention::changes));
  memory.forget();
  BOOST_TEST((memory.look(uut, "another") == mention::none));
  ask_and_answer({"another"});
  BOOST_TEST((memory.look(uut, "another") == mention::changes));
}

BOOST_AUTO_TEST_CASE(the_questions_are_ascii_and_leave_nothing_behind) {
  for (auto stage : {watch_stage::probe, watch_stage::full}) {
    std::vector<std::byte> out;
    std::string tags;
    append_watch_question(out, tags, stage);
    BOOST_TEST(tags == "CPBECPBECS");
    protocol::message_walker walker{1 << 20};
    auto rest = std::span<const std::byte>{out};
    protocol::piece part;
    while (walker.next(rest, part) == protocol::message_walker::outcome::piece)
      for (auto each : part.bytes.subspan(protocol::header_bytes))
        BOOST_REQUIRE((each < std::byte{0x80} && each != std::byte{'\\'}));
    BOOST_TEST(rest.empty());
  }
}

BOOST_AUTO_TEST_SUITE_END()
