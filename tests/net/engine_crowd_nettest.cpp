// Many streams at once: slow ones, and ones that end while bytes are under way.

#include <algorithm>
#include <deque>
#include <random>

#include "base/limits.hpp"
#include "tests/net/engine_support.hpp"

using namespace cenote;
using namespace cenote::test;

// Named: Boost's data cases have linkage, and what they capture needs it.
namespace cenote::test {

/// One direction: source peer -> stream -> stream -> target peer.
struct pipe_line {
  pipe_line(bench& on, socket_kind socket)
    : at{on} {
    auto from = connect_pair(socket), to = connect_pair(socket);
    // Or the kernel alone takes megabytes.
    for (auto* fd : {&from.ours, &from.theirs, &to.ours, &to.theirs})
      for (auto which : {SO_SNDBUF, SO_RCVBUF}) {
        int size = 64 * 1024;
        ::setsockopt(fd->get(), SOL_SOCKET, which, &size, sizeof(size));
      }
    source.emplace(std::move(from.theirs));
    target.emplace(std::move(to.theirs));
    in = &at.attach(std::move(from.ours), reader);
    out = &at.attach(std::move(to.ours), writer);
    reader.when_bytes = [this](net::slice bytes) {
      reader.text.clear(); // The target counts.
      if (out != nullptr && !at.engine->send(*out, bytes))
        at.engine->pause(*in);
    };
    writer.when_drained = [this] {
      if (in != nullptr)
        at.engine->resume(*in);
    };
    reader.when_closed = [this] { in = nullptr; };
    writer.when_closed = [this] { out = nullptr; };
  }

  pipe_line(const pipe_line&) = delete;
  pipe_line& operator=(const pipe_line&) = delete;

  /// Says the next part of `text`, at most `most` bytes.
  void feed(std::string_view text, std::size_t most) {
    said += source->say(text.substr(said, most));
  }

  bench& at;
  std::optional<peer> source, target;
  recorder reader, writer;
  net::stream* in = nullptr;
  net::stream* out = nullptr;
  std::size_t said = 0;
};

} // namespace cenote::test

BOOST_AUTO_TEST_SUITE(engine_crowd)

BOOST_DATA_TEST_CASE(slow_targets_do_not_stop_the_others,
                     every_engine_and_socket(), kind, socket) {
  // Whatever the engine receives into, those who do not read must not keep it.
  auto uut = bench{kind};
  auto slow = std::deque<pipe_line>{};
  for (int i = 0; i < 12; ++i)
    slow.emplace_back(uut, socket);
  auto quick = pipe_line{uut, socket};
  const auto text = pattern(2 << 20);
  auto moved = true;
  uut.run_until([&] {
    uut.settle();
    moved = false;
    for (auto& each : slow) {
      auto before = each.said;
      each.feed(text, text.size());
      moved |= each.said != before;
    }
    return !moved;
  });
  for (auto& each : slow)
    BOOST_TEST(each.said < text.size());
  const auto words = std::string_view{text}.substr(0, 1 << 20);
  uut.run_until([&] {
    quick.feed(words, words.size() - quick.said);
    quick.target->listen();
    return quick.target->heard.size() == words.size();
  });
  BOOST_TEST((quick.target->heard == words));
  uut.run_until([&] {
    auto done = true;
    for (auto& each : slow) {
      each.feed(text, text.size());
      each.target->listen(100'000);
      done &= each.target->heard.size() == text.size();
    }
    return done;
  });
  for (auto& each : slow)
    BOOST_TEST((each.target->heard == text));
}

BOOST_DATA_TEST_CASE(a_burst_of_more_streams_than_buffers_loses_nothing,
                     every_engine(), kind) {
  constexpr std::size_t count = 300;
  auto uut = bench{kind};
  auto others = std::vector<peer>{};
  auto sinks = std::deque<recorder>(count);
  for (auto& sink : sinks) {
    auto ends = connect_unix();
    others.emplace_back(std::move(ends.theirs));
    auto* stream = &uut.attach(std::move(ends.ours), sink);
    sink.when_bytes = [&uut, stream](net::slice in) {
      BOOST_TEST(uut.engine->send(*stream, in));
    };
  }
  uut.settle();
  const auto text = pattern(3'000);
  for (int round = 0; round < 3; ++round) {
    for (auto& other : others) {
      other.heard.clear();
      BOOST_TEST(other.say(text) == text.size());
    }
    uut.run_until([&] {
      auto done = true;
      for (auto& other : others) {
        other.listen();
        done &= other.heard.size() == text.size();
      }
      return done;
    });
    for (auto& other : others)
      BOOST_TEST((other.heard == text));
  }
}

BOOST_DATA_TEST_CASE(what_was_sent_before_a_close_arrives,
                     every_engine_and_socket(), kind, socket) {
  // As with a plain send: whatever the socket took is on its way.
  auto uut = bench{kind};
  auto at = line{uut, socket};
  auto& [other, sink, stream] = at;
  uut.settle();
  uut.engine->send_copy(stream, view("Terminate"));
  uut.engine->close(stream);
  uut.run_until([&] {
    other.listen();
    return other.ended || other.broken;
  });
  BOOST_TEST(other.heard == "Terminate");
}

BOOST_DATA_TEST_CASE(streams_that_close_with_sends_under_way_disturb_nobody,
                     every_engine_and_socket(), kind, socket) {
  auto uut = bench{kind};
  const auto text = pattern(1 << 20);
  auto random = std::mt19937{7};
  auto pick = [&](std::size_t below) {
    return std::uniform_int_distribution<std::size_t>{0, below - 1}(random);
  };
  auto steady = pipe_line{uut, socket};
  for (int round = 0; round < 8; ++round) {
    auto lines = std::deque<pipe_line>{};
    for (int i = 0; i < 10; ++i)
      lines.emplace_back(uut, socket);
    // In a random order each ends in a random way after random bytes.
    auto order = std::vector<std::size_t>(lines.size());
    for (std::size_t i = 0; i < order.size(); ++i)
      order[i] = i;
    std::shuffle(order.begin(), order.end(), random);
    for (auto which : order) {
      auto& line = lines[which];
      for (std::size_t i = pick(6); i > 0; --i) {
        line.feed(text, pick(400'000));
        steady.feed(text, pick(20'000));
        if (pick(2) == 0)
          line.target->listen(pick(100'000));
        steady.target->listen();
        uut.engine->run_turn(uut.engine->now());
      }
      auto how = pick(5);
      if (how == 0 && line.out != nullptr)
        uut.engine->close(*std::exchange(line.out, nullptr));
      else if (how == 1 && line.out != nullptr)
        uut.engine->close_when_sent(*std::exchange(line.out, nullptr),
                                    uut.engine->now()
                                      + std::chrono::milliseconds{pick(5)});
      else if (how == 2)
        line.target->reset();
      else if (how == 3)
        line.source->hang_up();
      else if (line.in != nullptr)
        uut.engine->close(*std::exchange(line.in, nullptr));
      // A new stream may take the place of one that has just ended.
      auto fresh = connect_pair(socket);
      auto newcomer = recorder{};
      auto other = peer{std::move(fresh.theirs)};
      auto& stream = uut.attach(std::move(fresh.ours), newcomer);
      other.say("hello");
      uut.engine->send_copy(stream, view("welcome"));
      uut.run_until([&] {
        other.listen();
        return newcomer.text == "hello" && other.heard == "welcome";
      });
      uut.engine->close(stream);
    }
    for (auto& line : lines) {
      if (line.in != nullptr)
        uut.engine->close(*line.in);
      if (line.out != nullptr)
        uut.engine->close(*line.out);
      // What arrived is a beginning of what was said.
      line.target->listen();
      BOOST_TEST(text.starts_with(line.target->heard));
    }
    uut.settle();
  }
  uut.run_until([&] {
    steady.feed(text, text.size());
    steady.target->listen();
    return steady.target->heard.size() == text.size();
  });
  BOOST_TEST((steady.target->heard == text));
}

BOOST_AUTO_TEST_SUITE_END()
