// Counts every operator new of this program. Forwarding takes none.

#include <array>
#include <deque>

#include <sys/resource.h>

#include "base/limits.hpp"
#include "tests/net/engine_support.hpp"
#include "tests/net/tls_support.hpp"
#include "tests/support/counted_new.hpp"

using namespace cenote;
using namespace cenote::test;

// Named: Boost's data cases have linkage, and what they capture needs it.
namespace cenote::test {

/// Sends on what it hears.
struct forwarder final : net::stream_sink {
  void on_bytes(net::slice in) override {
    total += in.bytes.size();
    if (!engine->send(*target, in))
      engine->pause(*own);
  }

  void on_drained() override {
    engine->resume(*source);
  }

  void on_closed(const failure&) override {
    closed = true;
  }

  net::engine* engine = nullptr;
  net::stream* own = nullptr;
  net::stream* target = nullptr;
  net::stream* source = nullptr;
  std::size_t total = 0;
  bool closed = false;
};

/// A -> engine -> B and back.
struct forwarding {
  forwarding(const engine_kind& kind, socket_kind socket, bool tls)
    : at{kind} {
    auto a = connect_pair(socket), b = connect_pair(socket);
    ends = {a.theirs.release(), b.theirs.release()};
    recorder unused;
    std::array<net::stream*, 2> streams{};
    std::array<int, 2> ours = {a.ours.release(), b.ours.release()};
    for (std::size_t i = 0; i < 2; ++i) {
      auto session = std::unique_ptr<net::tls_session>{};
      if (tls) {
        auto couple = tls_couple{};
        couple.shake_hands();
        session = std::move(couple.server);
        peers[i] = std::move(couple.client);
      }
      auto made = at.engine->attach(net::unique_fd{ours[i]}, std::move(session),
                                    sinks[i]);
      BOOST_REQUIRE(made);
      streams[i] = *made;
    }
    for (std::size_t i = 0; i < 2; ++i) {
      sinks[i].engine = at.engine.get();
      sinks[i].own = streams[i];
      sinks[i].target = streams[1 - i];
      sinks[i].source = streams[1 - i];
    }
    scratch.reserve(1 << 17);
  }

  ~forwarding() {
    for (auto fd : ends)
      ::close(fd);
  }

  /// One message of `size` bytes from end `i`.
  void say(std::size_t i, std::size_t size) {
    auto plain = std::span<const std::byte>{message}.first(size);
    scratch.clear();
    if (peers[i] != nullptr)
      peers[i]->encrypt(plain, scratch);
    else
      scratch.insert(scratch.end(), plain.begin(), plain.end());
    ::send(ends[i], scratch.data(), scratch.size(),
           MSG_NOSIGNAL | MSG_DONTWAIT);
  }

  void drain(std::size_t i) {
    while (::recv(ends[i], buffer.data(), buffer.size(), MSG_DONTWAIT) > 0)
      ;
  }

  /// Messages in both directions.
  void converse(int rounds) {
    for (int round = 0; round < rounds; ++round)
      for (std::size_t i = 0; i < 2; ++i) {
        say(i, round % 10 == 0 ? message.size() : 40);
        at.engine->run_turn(at.engine->now() + 20ms);
        drain(1 - i);
      }
    for (int i = 0; i < 100; ++i) {
      at.engine->run_turn(at.engine->now());
      drain(0);
      drain(1);
    }
  }

  bench at;
  std::array<int, 2> ends{};
  std::array<std::unique_ptr<net::tls_session>, 2> peers;
  std::array<forwarder, 2> sinks;
  bytes scratch;
  std::array<std::byte, 20'000> message{};
  std::array<std::byte, 65'536> buffer{};
};

} // namespace cenote::test

BOOST_AUTO_TEST_SUITE(allocations)

BOOST_DATA_TEST_CASE(the_counter_counts, every_engine(), kind) {
  boost::ignore_unused(kind);
  auto before = allocation_count.load();
  delete new int{1};
  BOOST_TEST(allocation_count.load() - before == 1u);
}

BOOST_DATA_TEST_CASE(forwarding_takes_no_memory,
                     every_engine_and_socket()
                       * boost::unit_test::data::make({false, true}),
                     kind, socket, tls) {
  auto uut = forwarding{kind, socket, tls};
  uut.converse(50); // Buffers reach their size.
  auto heard = uut.sinks[0].total;
  auto before = allocation_count.load();
  uut.converse(500);
  auto taken = allocation_count.load() - before;
  BOOST_TEST(taken == 0u);
  BOOST_TEST(uut.sinks[0].total - heard == 450u * 40 + 50u * 20'000);
  BOOST_TEST((!uut.sinks[0].closed && !uut.sinks[1].closed));
}

BOOST_DATA_TEST_CASE(a_slow_reader_takes_memory_once, every_engine_and_socket(),
                     kind, socket) {
  auto uut = forwarding{kind, socket, false};
  auto& target = *uut.sinks[0].target;
  auto jam = [&] {
    // Where bytes leave with a turn, what is over the limit may leave yet.
    std::size_t highest = 0;
    auto goes_on = [&](int i) {
      return i < 1'000
          || (kind.sends_late && highest <= limits::unsent_high_bytes
              && i < 20'000);
    };
    for (int i = 0; goes_on(i); ++i) {
      uut.say(0, 20'000);
      uut.at.engine->run_turn(uut.at.engine->now());
      highest = std::max(highest, uut.at.engine->unsent(target));
    }
    auto unsent = kind.sends_late ? highest : uut.at.engine->unsent(target);
    uut.converse(1);
    return unsent;
  };
  // First as much as one stream can ever have unsent.
  const auto full_read = std::string(limits::receive_bytes_max, 'x');
  uut.at.fill(target, full_read);
  uut.at.engine->send_copy(target, view(full_read));
  if (kind.sends_late) {
    // And as much as may be received before the kernel stops: what is free of
    // it is kept up to a limit. And two turns' worth of both ways out.
    for (std::size_t i = 0; i < limits::free_chunks_max; ++i)
      uut.at.engine->send_copy(
        target, view(full_read).first(limits::unsent_chunk_bytes));
    for (int turn = 0; turn < 2; ++turn) {
      uut.converse(1);
      for (unsigned i = 0; i <= limits::reads_per_turn_max; ++i)
        uut.at.engine->send_copy(target, view(full_read));
      uut.at.engine->run_turn(uut.at.engine->now());
    }
  }
  uut.converse(1);
  BOOST_TEST(uut.at.engine->unsent(target) == 0u);
  auto before = allocation_count.load();
  auto unsent = jam();
  auto taken = allocation_count.load() - before;
  BOOST_TEST(unsent > limits::unsent_high_bytes);
  BOOST_TEST(taken == 0u);
}

BOOST_DATA_TEST_CASE(an_idle_stream_costs_little_memory, every_engine(), kind) {
  constexpr std::size_t count = 2'000;
  auto limit = rlimit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, 2 * count + 100);
  ::setrlimit(RLIMIT_NOFILE, &limit);
  auto uut = bench{kind};
  auto ends = std::vector<connection>{};
  for (std::size_t i = 0; i < count; ++i)
    ends.push_back(connect_unix());
  auto quiet = forwarder{};
  auto before = allocation_bytes.load();
  for (auto& each : ends)
    BOOST_REQUIRE(uut.engine->attach(std::move(each.ours), nullptr, quiet));
  uut.settle();
  auto each = (allocation_bytes.load() - before) / count;
  BOOST_TEST_MESSAGE("bytes per idle stream: " << each);
  BOOST_TEST(each <= 256u);
}

BOOST_AUTO_TEST_SUITE_END()
