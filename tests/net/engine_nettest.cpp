#include "net/engine.hpp"

#include <thread>

#include "base/limits.hpp"
#include "net/mailbox.hpp"
#include "tests/net/engine_support.hpp"

using namespace cenote;
using namespace cenote::test;

BOOST_AUTO_TEST_SUITE(engine)

BOOST_DATA_TEST_CASE(an_echo_comes_back_whatever_the_cut,
                     every_engine_and_socket(), kind, socket) {
  auto uut = bench{kind};
  auto at = line{uut, socket};
  auto& [other, sink, stream] = at;
  sink.when_bytes
    = [&](net::slice in) { BOOST_TEST(uut.engine->send(stream, in)); };
  auto text = std::string{"0123456789abcdefghijklmnopqrstuvwxyz"};
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    other.heard.clear();
    for (auto part : {text.substr(0, cut), text.substr(cut)}) {
      auto wanted = other.heard.size() + part.size();
      other.say(part);
      uut.run_until([&] {
        other.listen();
        return other.heard.size() == wanted;
      });
    }
    BOOST_TEST(other.heard == text, "cut at " << cut);
  }
}

BOOST_DATA_TEST_CASE(a_peer_that_does_not_read_costs_bounded_memory,
                     every_engine_and_socket(), kind, socket) {
  auto uut = bench{kind};
  auto from = connect_pair(socket), to = connect_pair(socket);
  auto source = peer{std::move(from.theirs)},
       target = peer{std::move(to.theirs)};
  auto reader = recorder{}, writer = recorder{};
  auto& in = uut.attach(std::move(from.ours), reader);
  auto& out = uut.attach(std::move(to.ours), writer);
  std::size_t highest = 0;
  auto pauses = 0;
  reader.when_bytes = [&](net::slice bytes) {
    if (!uut.engine->send(out, bytes)) {
      ++pauses;
      uut.engine->pause(in);
    }
    highest = std::max(highest, uut.engine->unsent(out));
  };
  writer.when_drained = [&] { uut.engine->resume(in); };
  const auto text = pattern(16 << 20);
  std::size_t said = 0;
  auto feed = [&] {
    auto count = source.say(std::string_view{text}.substr(said));
    said += count;
    return count;
  };
  // Until nothing moves any more: the source is stopped too.
  uut.run_until([&] {
    auto heard = reader.text.size();
    uut.settle();
    // With few buffers it may take many turns to hear all.
    auto moves = kind.sends_late && reader.text.size() != heard;
    return feed() == 0 && !moves;
  });
  BOOST_TEST(said < text.size());
  if (kind.sends_late) {
    // What paused us may leave with the turn: then we were drained for it. The
    // last pause holds.
    BOOST_TEST(pauses == writer.drained + 1);
    BOOST_TEST(uut.engine->unsent(out) > limits::unsent_low_bytes);
  } else {
    BOOST_TEST(pauses == 1);
    BOOST_TEST(writer.drained == 0);
    BOOST_TEST(uut.engine->unsent(out) > limits::unsent_high_bytes);
  }
  uut.run_until([&] {
    feed();
    target.listen(50'000);
    return target.heard.size() == text.size();
  });
  BOOST_TEST((target.heard == text));
  BOOST_TEST(writer.drained == pauses);
  BOOST_TEST(highest <= limits::unsent_high_bytes + limits::receive_bytes_max);
  BOOST_TEST(uut.engine->unsent(out) == 0u);
}

BOOST_DATA_TEST_CASE(a_paused_stream_hears_nothing_until_it_is_resumed,
                     every_engine_and_socket(), kind, socket) {
  auto uut = bench{kind};
  auto at = line{uut, socket};
  auto& [other, sink, stream] = at;
  for (int round = 0; round < 3; ++round) {
    sink.text.clear();
    uut.engine->pause(stream);
    uut.engine->pause(stream);
    other.say("wait");
    uut.settle();
    BOOST_TEST(sink.text == "");
    uut.engine->resume(stream);
    uut.engine->resume(stream);
    uut.run_until([&] { return sink.text == "wait"; });
  }
}

BOOST_DATA_TEST_CASE(a_paused_readable_stream_does_not_keep_the_thread_awake,
                     every_engine_and_socket(), kind, socket) {
  auto uut = bench{kind};
  auto at = line{uut, socket};
  auto& [other, sink, stream] = at;
  uut.engine->pause(stream);
  for (auto hung_up : {false, true}) {
    other.say("x");
    if (hung_up)
      other.hang_up();
    uut.settle();
    auto until = uut.engine->now() + 20ms;
    uut.engine->run_turn(until);
    // Deadlines of earlier turns and closed rings of earlier tests may still
    // end the wait.
    for (int turn = 0; turn < 2; ++turn)
      uut.engine->run_turn(until);
    BOOST_TEST((uut.engine->now() >= until));
  }
  uut.engine->resume(stream);
  uut.run_until([&] { return sink.closed.has_value(); });
  BOOST_TEST(sink.text == "xx");
  BOOST_TEST((sink.code() == ec::client_gone));
}

BOOST_DATA_TEST_CASE(a_pause_from_the_callback_holds_for_the_next_bytes,
                     every_engine_and_socket(), kind, socket) {
  auto uut = bench{kind};
  auto at = line{uut, socket};
  auto& [other, sink, stream] = at;
  sink.when_bytes = [&](net::slice) { uut.engine->pause(stream); };
  other.say("a");
  uut.run_until([&] { return sink.text == "a"; });
  other.say("b");
  uut.settle();
  BOOST_TEST(sink.text == "a");
  uut.engine->resume(stream);
  uut.run_until([&] { return sink.text == "ab"; });
}

BOOST_DATA_TEST_CASE(one_stream_gets_a_bounded_share_of_a_turn,
                     every_engine_and_socket(), kind, socket) {
  auto uut = bench{kind};
  auto at = line{uut, socket};
  auto& [other, sink, stream] = at;
  const auto text = pattern(1 << 16);
  constexpr std::size_t share
    = limits::reads_per_turn_max * limits::receive_bytes_max;
  for (int i = 0; i < 200; ++i) {
    while (other.say(text) > 0)
      ;
    auto before = sink.text.size();
    uut.engine->run_turn(uut.engine->now() + 1s);
    BOOST_TEST(sink.text.size() - before <= share);
  }
}

BOOST_DATA_TEST_CASE(a_wake_ends_the_wait, every_engine(), kind) {
  auto uut = bench{kind};
  uut.engine->wake();
  uut.engine->run_turn(never); // Woken before it slept.
  for (int i = 0; i < 20; ++i) {
    auto other = std::thread{[&] { uut.engine->wake(); }};
    uut.engine->run_turn(never);
    other.join();
    // The wake may have been consumed or still count: both end.
    uut.engine->wake();
    uut.engine->run_turn(never);
  }
}

BOOST_DATA_TEST_CASE(a_turn_ends_at_its_own_deadline, every_engine(), kind) {
  auto uut = bench{kind};
  for (auto wait : {5ms, 1ms, 20ms, 0ms, 10ms}) {
    // A turn that would wait for long, and does not.
    auto other = std::thread{[&] { uut.engine->wake(); }};
    uut.engine->run_turn(uut.engine->now() + 1h);
    other.join();
    auto until = uut.engine->now() + wait;
    auto turns = 0;
    for (; uut.engine->now() < until; ++turns)
      uut.engine->run_turn(until);
    // Of them one for the wake, if it came late, and one for an old deadline.
    BOOST_TEST(turns <= 3);
  }
}

BOOST_DATA_TEST_CASE(what_is_posted_with_a_wake_is_never_left_lying,
                     every_engine(), kind) {
  constexpr int producers = 2;
  constexpr int posts = 20'000;
  auto uut = bench{kind};
  auto box = net::mailbox{};
  auto ran = 0;
  auto threads = std::vector<std::thread>{};
  for (int who = 0; who < producers; ++who)
    threads.emplace_back([&] {
      for (int i = 0; i < posts; ++i)
        if (box.post([&ran]() noexcept { ++ran; }))
          uut.engine->wake();
    });
  while (ran < producers * posts) {
    uut.engine->run_turn(never); // A lost wake hangs here.
    box.run_all();
  }
  for (auto& thread : threads)
    thread.join();
  BOOST_TEST(ran == producers * posts);
}

BOOST_DATA_TEST_CASE(a_stream_moves_to_another_engine_without_loss,
                     every_engine_and_socket(), kind, socket) {
  auto first = bench{kind}, second = bench{kind};
  auto ends = connect_pair(socket);
  auto other = peer{std::move(ends.theirs)};
  auto before = recorder{}, after = recorder{};
  auto& stream = first.attach(std::move(ends.ours), before);
  other.say("one");
  first.run_until([&] { return before.text == "one"; });
  other.say("two");
  auto moved = first.engine->detach(stream);
  BOOST_REQUIRE(moved);
  first.settle();
  BOOST_TEST(before.text == "one");
  auto& arrived = second.attach(std::move(moved->socket), after);
  second.run_until([&] { return after.text == "two"; });
  BOOST_TEST(second.engine->send_copy(arrived, view("three")));
  second.run_until([&] {
    other.listen();
    return other.heard == "three";
  });
  first.settle();
  BOOST_TEST(!before.closed);
}

BOOST_DATA_TEST_CASE(a_stream_with_unsent_bytes_does_not_move,
                     every_engine_and_socket(), kind, socket) {
  auto uut = bench{kind};
  auto at = line{uut, socket};
  auto& [other, sink, stream] = at;
  const auto text = pattern(1 << 16);
  uut.fill(stream, text);
  auto moved = uut.engine->detach(stream);
  BOOST_REQUIRE(!moved);
  BOOST_TEST((moved.error().code == ec::os_error));
  other.say("still here");
  uut.run_until([&] { return sink.text == "still here"; });
}

BOOST_AUTO_TEST_SUITE_END()
