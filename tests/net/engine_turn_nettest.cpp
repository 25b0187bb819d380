// What is sent while a turn delivers to several streams: an engine may keep it
// back until all of them were heard.

#include <algorithm>
#include <array>
#include <deque>
#include <thread>

#include "base/limits.hpp"
#include "tests/net/engine_support.hpp"

using namespace cenote;
using namespace cenote::test;

// Named: Boost's data cases have linkage, and what they capture needs it.
namespace cenote::test {

/// Two streams that are heard in one turn, and one that they send to.
struct busy_turn {
  busy_turn(const engine_kind& kind, socket_kind socket)
    : at{kind},
      askers{{{at, socket}, {at, socket}}},
      target{at, socket} {
    at.settle();
  }

  /// Calls `what` while the turn delivers to the askers, and runs until both
  /// were heard. Nobody else was, if all came in one turn.
  void during(const std::function<void()>& what) {
    auto heard = 0;
    for (auto& each : askers)
      each.sink.when_bytes = [&](net::slice) {
        if (++heard == 1)
          what();
      };
    for (auto& each : askers)
      each.other.say("?");
    at.run_until([&] { return heard == 2; });
    for (auto& each : askers)
      each.sink.when_bytes = nullptr;
  }

  void send(std::string_view text) {
    at.engine->send_copy(target.stream, view(text));
  }

  /// Runs until the target's peer has heard as much as `text`, and checks that
  /// it is that.
  void expect(std::string_view text) {
    at.run_until([&] {
      target.other.listen();
      return target.other.heard.size() >= text.size();
    });
    BOOST_TEST((target.other.heard == text));
  }

  bench at;
  std::array<line, 2> askers;
  line target;
};

} // namespace cenote::test

BOOST_AUTO_TEST_SUITE(engine_turn)

BOOST_DATA_TEST_CASE(short_and_long_pieces_keep_their_order,
                     every_engine_and_socket(), kind, socket) {
  auto uut = busy_turn{kind, socket};
  auto second = line{uut.at, socket};
  const auto text = pattern(400'000);
  auto sent = std::string{};
  uut.during([&] {
    std::size_t at = 0;
    for (auto size : {1, 2'048, 2'049, 5, 100'000, 7, 7, 60'000, 30, 2'000}) {
      const auto part = std::string_view{text}.substr(at, size);
      at += part.size();
      sent += part;
      uut.send(part);
      uut.at.engine->send_copy(second.stream, view(part));
    }
  });
  uut.expect(sent);
  uut.at.run_until([&] {
    second.other.listen();
    return second.other.heard.size() >= sent.size();
  });
  BOOST_TEST((second.other.heard == sent));
}

BOOST_DATA_TEST_CASE(more_short_pieces_than_are_kept_back_lose_nothing,
                     every_engine_and_socket(), kind, socket) {
  auto uut = busy_turn{kind, socket};
  auto others = std::deque<line>{};
  for (int i = 0; i < 150; ++i)
    others.emplace_back(uut.at, socket);
  const auto text = pattern(1'000);
  uut.during([&] {
    for (int round = 0; round < 3; ++round)
      for (auto& each : others)
        uut.at.engine->send_copy(each.stream, view(text));
  });
  uut.at.run_until([&] {
    auto done = true;
    for (auto& each : others) {
      each.other.listen();
      done &= each.other.heard.size() >= 3 * text.size();
    }
    return done;
  });
  for (auto& each : others)
    BOOST_TEST((each.other.heard == text + text + text));
}

BOOST_DATA_TEST_CASE(what_was_sent_arrives_however_the_stream_goes_on,
                     every_engine_and_socket(), kind, socket) {
  for (auto how : {0, 1, 2}) {
    auto uut = busy_turn{kind, socket};
    auto& engine = *uut.at.engine;
    auto& stream = uut.target.stream;
    // What io_uring has not sent yet is dropped by stop_writing, which may be.
    const auto may_drop = how == 2 && kind.sends_late;
    uut.during([&] {
      uut.send("the last words");
      if (how == 0)
        engine.close(stream);
      else if (how == 1)
        engine.close_when_sent(stream, engine.now() + 10s);
      else
        engine.stop_writing(stream);
    });
    uut.at.run_until([&] {
      uut.target.other.listen();
      return uut.target.other.ended || uut.target.other.broken;
    });
    if (!may_drop)
      BOOST_TEST(uut.target.other.heard == "the last words", "way " << how);
    BOOST_TEST(!uut.target.sink.closed);
  }
}

BOOST_DATA_TEST_CASE(a_stream_that_moves_takes_along_nothing_that_was_sent,
                     every_engine_and_socket(), kind, socket) {
  auto uut = busy_turn{kind, socket};
  auto elsewhere = bench{kind};
  auto after = recorder{};
  auto sent = std::string{"first "};
  auto moved = false;
  uut.during([&] {
    uut.send("first ");
    auto taken = uut.at.engine->detach(uut.target.stream);
    moved = static_cast<bool>(taken);
    if (!moved)
      return; // Not at rest: the engine keeps it.
    auto& arrived = elsewhere.attach(std::move(taken->socket), after);
    elsewhere.engine->send_copy(arrived, view("second"));
    sent += "second";
  });
  BOOST_TEST((moved || kind.sends_late));
  elsewhere.settle();
  uut.expect(sent);
}

BOOST_DATA_TEST_CASE(a_peer_that_is_gone_ends_its_own_stream_only,
                     every_engine_and_socket(), kind, socket) {
  auto uut = busy_turn{kind, socket};
  auto gone = line{uut.at, socket};
  uut.during([&] {
    gone.other.hang_up();
    for (int i = 0; i < 3; ++i) {
      BOOST_TEST(uut.at.engine->send_copy(gone.stream, view("into the void")));
      uut.send("heard ");
    }
    BOOST_TEST(!gone.sink.closed);
  });
  uut.expect("heard heard heard ");
  uut.at.run_until([&] { return gone.sink.closed.has_value(); });
  uut.at.settle();
  BOOST_TEST(!uut.target.sink.closed);
}

BOOST_DATA_TEST_CASE(what_the_kernel_does_not_take_waits_in_order,
                     every_engine_and_socket(), kind, socket) {
  auto uut = busy_turn{kind, socket};
  auto& engine = *uut.at.engine;
  const auto text = pattern(1'000);
  auto sent = std::string{};
  auto was_kept = false;
  // Until the kernel takes no more; nothing of it is over the limit.
  while (engine.unsent(uut.target.stream) == 0) {
    was_kept = false;
    uut.during([&] {
      for (int i = 0; i < 20; ++i) {
        const auto before = engine.unsent(uut.target.stream);
        uut.send(text);
        sent += text;
        const auto now = engine.unsent(uut.target.stream);
        // Kept back or with the kernel, but not lost sight of.
        BOOST_TEST((now == before + text.size() || now == 0));
        was_kept |= now > before;
      }
    });
    BOOST_TEST(was_kept);
    uut.at.settle();
  }
  uut.during([&] {
    uut.send("and the end");
    sent += "and the end";
  });
  uut.expect(sent);
  BOOST_TEST(engine.unsent(uut.target.stream) == 0u);
  BOOST_TEST(uut.target.sink.drained == 0);
}

// With TCP little room means long waits.
BOOST_DATA_TEST_CASE(what_is_cut_while_the_peer_reads_keeps_its_order,
                     every_engine(), kind) {
  auto uut = busy_turn{kind, socket_kind::unix_domain};
  constexpr std::size_t piece = 2'000, pieces = 8, rounds = 300;
  const auto text = pattern(rounds * pieces * piece);
  auto lines = std::deque<line>{};
  for (int i = 0; i < 2; ++i) {
    auto ends = connect_pair(socket_kind::unix_domain);
    const int room = 1; // The least there is.
    ::setsockopt(ends.ours.get(), SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
    lines.emplace_back(uut.at, std::move(ends));
  }
  // Makes room for one more at any time.
  auto reader = std::thread{[&] {
    auto left = 2 * text.size();
    for (unsigned turn = 0; left > 0; ++turn) {
      left -= lines[turn % 2].other.listen(piece);
      const auto next = clock::now() + std::chrono::microseconds{turn % 7};
      while (clock::now() < next)
        ;
    }
  }};
  for (std::size_t at = 0; at < text.size();) {
    uut.during([&] {
      for (std::size_t i = 0; i < pieces; ++i, at += piece)
        for (auto& each : lines)
          uut.at.engine->send_copy(
            each.stream, view(std::string_view{text}.substr(at, piece)));
    });
    uut.at.run_until([&] {
      return std::ranges::all_of(lines, [&](const line& each) {
        return uut.at.engine->unsent(each.stream) == 0;
      });
    });
  }
  reader.join();
  for (auto& each : lines)
    BOOST_TEST((each.other.heard == text));
}

BOOST_DATA_TEST_CASE(what_an_ended_stream_has_others_say_does_not_wait,
                     every_engine_and_socket(), kind, socket) {
  auto uut = busy_turn{kind, socket};
  auto gone = line{uut.at, socket};
  gone.sink.when_closed = [&] { uut.send("it is gone"); };
  uut.during([&] {
    gone.other.hang_up();
    for (int i = 0; i < 3; ++i)
      uut.at.engine->send_copy(gone.stream, view("into the void"));
  });
  // Nobody else wakes the engine.
  uut.at.run_awake_until([&] {
    uut.target.other.listen();
    return uut.target.other.heard == "it is gone";
  });
}

BOOST_AUTO_TEST_SUITE_END()
