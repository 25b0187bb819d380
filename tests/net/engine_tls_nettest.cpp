// TLS through the engine: the sink never sees it.

#include "base/limits.hpp"
#include "tests/net/engine_support.hpp"
#include "tests/net/tls_support.hpp"

using namespace cenote;
using namespace cenote::test;

// Named: Boost's data cases have linkage, and what they capture needs it.
namespace cenote::test {

/// A peer that speaks TLS over its socket.
struct tls_peer {
  tls_peer(net::unique_fd fd, std::unique_ptr<net::tls_session> session)
    : raw{std::move(fd)},
      tls{std::move(session)} {
    // nop
  }

  void say(std::string_view text) {
    bytes out;
    BOOST_REQUIRE(tls->encrypt(view(text), out));
    pending.insert(pending.end(), out.begin(), out.end());
    push();
  }

  void push() {
    auto count = raw.say(to_text(pending));
    pending.erase(pending.begin(),
                  pending.begin() + static_cast<std::ptrdiff_t>(count));
  }

  void listen(std::size_t most = 1 << 20) {
    raw.listen(most);
    auto cipher = std::exchange(raw.heard, {});
    largest_chunk += cipher;
    heard += open_all(*tls, view(cipher));
  }

  peer raw;
  std::unique_ptr<net::tls_session> tls;
  bytes pending;
  std::string heard;
  std::string largest_chunk; ///< All ciphertext.
};

struct tls_bench : bench {
  explicit tls_bench(const engine_kind& kind)
    : bench{kind} {
    // nop
  }

  tls_peer attach_tls(recorder& sink, socket_kind socket = socket_kind::tcp) {
    auto couple = tls_couple{};
    couple.shake_hands();
    auto ends = connect_pair(socket);
    attach(std::move(ends.ours), sink, std::move(couple.server));
    return {std::move(ends.theirs), std::move(couple.client)};
  }
};

} // namespace cenote::test

BOOST_AUTO_TEST_SUITE(engine_tls)

BOOST_DATA_TEST_CASE(an_echo_comes_back_whatever_the_cut_of_its_record,
                     every_engine_and_socket(), kind, socket) {
  auto uut = tls_bench{kind};
  auto sink = recorder{};
  auto other = uut.attach_tls(sink, socket);
  sink.when_bytes
    = [&](net::slice in) { BOOST_TEST(uut.engine->send(*sink.self, in)); };
  for (std::size_t cut = 1;; ++cut) {
    bytes record;
    BOOST_REQUIRE(other.tls->encrypt(view("hello"), record));
    if (cut > record.size())
      break;
    auto all = to_text(record);
    other.heard.clear();
    other.raw.say(all.substr(0, cut));
    uut.settle();
    BOOST_TEST((sink.text.empty() || cut == record.size()));
    other.raw.say(all.substr(cut));
    uut.run_until([&] {
      other.listen();
      return other.heard == "hello";
    });
    sink.text.clear();
  }
}

BOOST_DATA_TEST_CASE(large_transfers_arrive_and_records_stay_small,
                     every_engine(), kind) {
  auto uut = tls_bench{kind};
  auto reader = recorder{}, writer = recorder{};
  auto source = uut.attach_tls(reader);
  auto target = uut.attach_tls(writer);
  std::size_t highest = 0;
  reader.when_bytes = [&](net::slice in) {
    if (!uut.engine->send(*writer.self, in))
      uut.engine->pause(*reader.self);
    highest = std::max(highest, uut.engine->unsent(*writer.self));
  };
  writer.when_drained = [&] { uut.engine->resume(*reader.self); };
  const auto text = pattern(4 << 20);
  source.say(text);
  // First the target reads nothing, and nothing grows without bound.
  for (int i = 0; i < 200; ++i) {
    source.push();
    uut.engine->run_turn(uut.engine->now());
  }
  uut.run_until([&] {
    source.push();
    target.listen(100'000);
    return target.heard.size() >= text.size();
  });
  BOOST_TEST((target.heard == text));
  BOOST_TEST(highest
             <= limits::unsent_high_bytes + 2 * limits::receive_bytes_max);
  for (auto size : record_sizes(view(target.largest_chunk)))
    BOOST_REQUIRE(size <= limits::tls_record_bytes_max + 256);
}

BOOST_DATA_TEST_CASE(many_small_records_in_one_read_are_one_delivery,
                     every_engine(), kind) {
  auto uut = tls_bench{kind};
  auto sink = recorder{};
  auto other = uut.attach_tls(sink);
  auto deliveries = 0;
  sink.when_bytes = [&](net::slice) { ++deliveries; };
  uut.engine->pause(*sink.self);
  for (int i = 0; i < 100; ++i)
    other.say("0123456789");
  uut.settle();
  uut.engine->resume(*sink.self);
  uut.run_until([&] { return sink.text.size() == 1000; });
  BOOST_TEST(deliveries <= 2);
}

BOOST_DATA_TEST_CASE(a_close_notify_is_an_end_and_so_is_none, every_engine(),
                     kind) {
  for (auto polite : {true, false}) {
    auto uut = tls_bench{kind};
    auto sink = recorder{};
    auto other = uut.attach_tls(sink);
    other.say("bye");
    if (polite)
      other.tls->close_notify(other.pending);
    other.push();
    if (!polite)
      other.raw.hang_up();
    uut.run_until([&] { return sink.closed.has_value(); });
    BOOST_TEST(sink.text == "bye");
    BOOST_TEST((sink.code() == ec::client_gone));
  }
}

BOOST_DATA_TEST_CASE(a_damaged_record_ends_one_stream_only, every_engine(),
                     kind) {
  auto uut = tls_bench{kind};
  auto bad = recorder{}, good = recorder{};
  auto liar = uut.attach_tls(bad), friendly = uut.attach_tls(good);
  bytes record;
  BOOST_REQUIRE(liar.tls->encrypt(view("evil"), record));
  record[7] ^= std::byte{1};
  liar.raw.say(to_text(record));
  friendly.say("fine");
  uut.run_until([&] { return bad.closed && good.text == "fine"; });
  BOOST_TEST((bad.code() == ec::tls_failed));
  BOOST_TEST(bad.text == "");
  BOOST_TEST(!good.closed);
}

BOOST_DATA_TEST_CASE(a_sink_may_close_in_the_middle_of_tls_data, every_engine(),
                     kind) {
  for (auto gently : {false, true}) {
    auto uut = tls_bench{kind};
    auto sink = recorder{};
    auto other = uut.attach_tls(sink);
    sink.when_bytes = [&](net::slice in) {
      uut.engine->send(*sink.self, in);
      if (gently)
        uut.engine->close_when_sent(*sink.self, uut.engine->now() + 1h);
      else
        uut.engine->close(*sink.self);
    };
    other.say("last");
    uut.run_until([&] {
      other.listen();
      return other.raw.ended || other.raw.broken;
    });
    BOOST_TEST(other.heard == "last");
    BOOST_TEST(!sink.closed);
    bytes plain(10), out;
    auto nothing = std::span<const std::byte>{};
    auto last = other.tls->decrypt(nothing, plain, out);
    BOOST_TEST((last.then == net::tls_read::state::closed) == gently);
  }
}

BOOST_DATA_TEST_CASE(a_tls_stream_moves_to_another_engine_mid_record,
                     every_engine(), kind) {
  auto first = tls_bench{kind}, second = tls_bench{kind};
  auto before = recorder{}, after = recorder{};
  auto other = first.attach_tls(before);
  bytes record;
  BOOST_REQUIRE(other.tls->encrypt(view("moving"), record));
  auto all = to_text(record);
  other.raw.say(all.substr(0, 9));
  first.settle();
  auto moved = first.engine->detach(*before.self);
  BOOST_REQUIRE(moved);
  second.attach(std::move(moved->socket), after, std::move(moved->tls));
  other.raw.say(all.substr(9));
  second.run_until([&] { return after.text == "moving"; });
  BOOST_TEST(second.engine->send_copy(*after.self, view("arrived")));
  second.run_until([&] {
    other.listen();
    return other.heard == "arrived";
  });
}

BOOST_AUTO_TEST_SUITE_END()
