// How streams end.

#include "base/limits.hpp"
#include "tests/net/engine_support.hpp"

using namespace cenote;
using namespace cenote::test;

BOOST_AUTO_TEST_SUITE(engine_end)

BOOST_DATA_TEST_CASE(bytes_before_the_end_come_before_it,
                     every_engine_and_socket(), kind, socket) {
  for (auto half : {false, true}) {
    auto uut = bench{kind};
    auto ends = connect_pair(socket);
    auto other = peer{std::move(ends.theirs)};
    auto sink = recorder{};
    uut.attach(std::move(ends.ours), sink);
    other.say("good bye");
    if (half)
      other.end_writing();
    else
      other.hang_up();
    sink.when_bytes = [&](net::slice) { BOOST_TEST(!sink.closed); };
    uut.run_until([&] { return sink.closed.has_value(); });
    BOOST_TEST(sink.text == "good bye");
    BOOST_TEST((sink.code() == ec::client_gone));
  }
}

BOOST_DATA_TEST_CASE(a_reset_is_reported_even_while_paused, every_engine(),
                     kind) {
  auto uut = bench{kind};
  auto at = line{uut, socket_kind::tcp};
  auto& [other, sink, stream] = at;
  uut.engine->pause(stream);
  other.say("unread");
  uut.settle();
  other.reset();
  uut.run_until([&] { return sink.closed.has_value(); });
  BOOST_TEST((sink.code() == ec::os_error));
  BOOST_TEST(sink.text == "");
}

BOOST_DATA_TEST_CASE(a_send_error_is_reported_later_and_the_last_words_first,
                     every_engine_and_socket(), kind, socket) {
  auto uut = bench{kind};
  auto at = line{uut, socket};
  auto& [other, sink, stream] = at;
  other.say("FATAL");
  other.hang_up();
  for (int i = 0; i < 10; ++i) { // The first is answered by a reset.
    BOOST_TEST(uut.engine->send_copy(stream, view("query")));
    BOOST_TEST(!sink.closed);
  }
  uut.run_until([&] { return sink.closed.has_value(); });
  BOOST_TEST(sink.text == "FATAL");
}

BOOST_DATA_TEST_CASE(writing_can_stop_before_receiving_does,
                     every_engine_and_socket(), kind, socket) {
  auto uut = bench{kind};
  auto at = line{uut, socket};
  auto& [other, sink, stream] = at;
  uut.engine->send_copy(stream, view("unsent or not"));
  uut.engine->stop_writing(stream);
  uut.run_until([&] {
    other.listen();
    return other.ended;
  });
  other.say("the last words");
  uut.run_until([&] { return sink.text == "the last words"; });
  BOOST_TEST(!sink.closed);
  other.hang_up();
  uut.run_until([&] { return sink.closed.has_value(); });
  BOOST_TEST((sink.code() == ec::client_gone));
}

BOOST_DATA_TEST_CASE(what_the_peer_did_not_take_is_dropped_when_writing_stops,
                     every_engine_and_socket(), kind, socket) {
  auto uut = bench{kind};
  auto at = line{uut, socket};
  auto& [other, sink, stream] = at;
  auto much = pattern(8 << 20);
  uut.engine->send_copy(stream, view(much));
  uut.settle();
  uut.engine->stop_writing(stream);
  uut.settle();
  BOOST_TEST(!sink.closed);
  uut.run_until([&] {
    other.listen();
    return other.ended;
  });
  BOOST_TEST(other.heard.size() < much.size());
  BOOST_TEST(much.starts_with(other.heard));
  other.hang_up();
  uut.run_until([&] { return sink.closed.has_value(); });
  BOOST_TEST((sink.code() == ec::client_gone));
}

BOOST_DATA_TEST_CASE(a_sink_may_close_its_own_stream, every_engine_and_socket(),
                     kind, socket) {
  auto uut = bench{kind};
  auto at = line{uut, socket};
  auto& [other, sink, stream] = at;
  sink.when_bytes = [&](net::slice) { uut.engine->close(stream); };
  other.say(pattern(200'000));
  uut.run_until([&] {
    other.listen();
    return other.ended || other.broken;
  });
  BOOST_TEST(sink.text.size() <= limits::receive_bytes_max);
  BOOST_TEST(!sink.closed);
}

BOOST_DATA_TEST_CASE(who_goes_on_talking_can_be_closed,
                     every_engine_and_socket(), kind, socket) {
  const auto text = pattern(1 << 16);
  for (auto paused : {false, true})
    for (auto writes : {false, true}) {
      auto uut = bench{kind};
      auto at = line{uut, socket};
      auto& [other, sink, stream] = at;
      auto feed = [&] {
        while (other.say(text) > 0)
          ;
        uut.engine->run_turn(uut.engine->now());
      };
      if (paused)
        uut.engine->pause(stream);
      if (writes) // So much that the kernel waits for the peer.
        uut.fill(stream, text);
      for (int i = 0; i < 10; ++i)
        feed();
      uut.engine->close(stream);
      uut.run_until([&] {
        feed();
        other.listen();
        return other.ended || other.broken;
      });
      BOOST_TEST(!sink.closed);
      uut.settle();
    }
}

BOOST_DATA_TEST_CASE(a_sink_may_close_others_whose_events_are_already_there,
                     every_engine_and_socket(), kind, socket) {
  // All are readable in one turn; whoever is first closes the rest.
  constexpr std::size_t count = 10;
  auto uut = bench{kind};
  auto others = std::vector<peer>{};
  auto sinks = std::vector<recorder>(count);
  auto heard = 0;
  for (auto& sink : sinks) {
    auto ends = connect_pair(socket);
    others.emplace_back(std::move(ends.theirs));
    uut.attach(std::move(ends.ours), sink);
    sink.when_bytes = [&](net::slice) {
      ++heard;
      for (auto& each : sinks)
        if (each.self != sink.self)
          uut.engine->close(*each.self);
      // New streams must not take the place of those with pending events.
      for (int i = 0; i < 3; ++i) {
        auto fresh = connect_unix();
        static auto quiet = recorder{};
        uut.engine->close(uut.attach(std::move(fresh.ours), quiet));
      }
    };
  }
  for (auto& other : others)
    other.say("me");
  uut.settle();
  BOOST_TEST(heard == 1);
  for (auto& sink : sinks)
    BOOST_TEST(!sink.closed);
}

BOOST_DATA_TEST_CASE(a_sink_may_close_others_when_its_own_stream_ended,
                     every_engine_and_socket(), kind, socket) {
  auto uut = bench{kind};
  auto a = connect_pair(socket), b = connect_pair(socket);
  auto peer_a = peer{std::move(a.theirs)}, peer_b = peer{std::move(b.theirs)};
  auto sink_a = recorder{}, sink_b = recorder{};
  auto& stream_a = uut.attach(std::move(a.ours), sink_a);
  auto& stream_b = uut.attach(std::move(b.ours), sink_b);
  sink_a.when_closed = [&] { uut.engine->close(stream_b); };
  sink_b.when_closed = [&] { uut.engine->close(stream_a); };
  peer_a.hang_up();
  peer_b.hang_up();
  uut.settle();
  BOOST_TEST((sink_a.closed.has_value() != sink_b.closed.has_value()));
}

BOOST_DATA_TEST_CASE(a_sink_may_close_when_it_is_drained,
                     every_engine_and_socket(), kind, socket) {
  auto uut = bench{kind};
  auto at = line{uut, socket};
  auto& [other, sink, stream] = at;
  sink.when_drained = [&] { uut.engine->close(stream); };
  const auto text = pattern(1 << 16);
  while (uut.engine->send_copy(stream, view(text)))
    ;
  uut.run_until([&] {
    other.listen();
    return other.ended;
  });
  BOOST_TEST(sink.drained == 1);
  BOOST_TEST(!sink.closed);
}

BOOST_DATA_TEST_CASE(closing_gently_delivers_everything_to_a_slow_reader,
                     every_engine_and_socket(), kind, socket) {
  auto uut = bench{kind};
  auto at = line{uut, socket};
  auto& [other, sink, stream] = at;
  // Unread input: a plain close would reset the connection.
  uut.engine->pause(stream);
  other.say(pattern(10'000));
  uut.settle();
  const auto text = pattern(1 << 16);
  auto sent = std::string{};
  for (auto left = uut.fill(stream, text); left > 0; left -= text.size())
    sent += text;
  // Where bytes leave with a turn, filling was full more than once.
  auto drained = kind.sends_late ? sink.drained : 0;
  uut.engine->close_when_sent(stream, uut.engine->now() + 1h);
  uut.run_until([&] {
    other.say("more that nobody reads");
    other.listen(20'000);
    return other.ended || other.broken;
  });
  BOOST_TEST(!other.broken);
  BOOST_TEST((other.heard == sent));
  other.end_writing();
  uut.settle();
  BOOST_TEST(sink.text == "");
  BOOST_TEST(!sink.closed);
  BOOST_TEST(sink.drained == drained);
}

BOOST_DATA_TEST_CASE(what_is_sent_is_known_to_be_without_another_event,
                     every_engine_and_socket(), kind, socket) {
  auto uut = bench{kind};
  auto at = line{uut, socket};
  auto& [other, sink, stream] = at;
  uut.settle();
  uut.engine->send_copy(stream, view("last words"));
  uut.engine->close_when_sent(stream, uut.engine->now() + 1h);
  uut.run_awake_until([&] {
    other.listen();
    return other.ended;
  });
  BOOST_TEST(other.heard == "last words");
}

BOOST_DATA_TEST_CASE(who_is_full_is_drained_without_another_event,
                     every_engine(), kind) {
  auto uut = bench{kind};
  auto ends = connect_tcp();
  // So large that the kernel takes it all.
  const auto room = 4 << 20;
  ::setsockopt(ends.ours.get(), SOL_SOCKET, SO_SNDBUFFORCE, &room,
               sizeof(room));
  auto other = peer{std::move(ends.theirs)};
  auto sink = recorder{};
  auto& stream = uut.attach(std::move(ends.ours), sink);
  uut.settle();
  const auto text = pattern(limits::unsent_high_bytes + 1);
  const auto has_room = uut.engine->send_copy(stream, view(text));
  BOOST_TEST(has_room == !kind.sends_late);
  uut.run_awake_until([&] { return sink.drained == (has_room ? 0 : 1); });
}

BOOST_DATA_TEST_CASE(closing_gently_waits_for_the_peer_to_end,
                     every_engine_and_socket(), kind, socket) {
  auto uut = bench{kind};
  auto at = line{uut, socket};
  auto& [other, sink, stream] = at;
  uut.engine->send_copy(stream, view("ErrorResponse"));
  uut.engine->close_when_sent(stream, uut.engine->now() + 1h);
  uut.settle();
  // The peer was in the middle of a sentence and is not reset for it.
  BOOST_TEST(other.say("a late query") == 12u);
  uut.settle();
  other.listen();
  BOOST_TEST(other.heard == "ErrorResponse");
  BOOST_TEST(other.ended);
  BOOST_TEST(!other.broken);
}

BOOST_DATA_TEST_CASE(closing_gently_ends_at_its_deadline,
                     every_engine_and_socket(), kind, socket) {
  auto uut = bench{kind};
  auto at = line{uut, socket};
  auto& [other, sink, stream] = at;
  const auto text = pattern(1 << 16);
  auto sent = uut.fill(stream, text);
  auto deadline = uut.engine->now() + 20ms;
  uut.engine->close_when_sent(stream, deadline);
  while (uut.engine->now() < deadline)
    uut.engine->run_turn(never); // Its own deadline ends the wait.
  uut.run_until([&] {
    other.listen();
    return other.ended || other.broken;
  });
  BOOST_TEST(other.heard.size() < sent);
}

BOOST_DATA_TEST_CASE(an_engine_that_goes_closes_its_streams,
                     every_engine_and_socket(), kind, socket) {
  auto ends = connect_pair(socket);
  auto other = peer{std::move(ends.theirs)};
  auto sink = recorder{};
  {
    auto uut = bench{kind};
    auto& stream = uut.attach(std::move(ends.ours), sink);
    uut.engine->send_copy(stream, view(pattern(3 << 20)));
  }
  while (!other.ended && !other.broken)
    other.listen();
  BOOST_TEST(!sink.closed);
}

BOOST_AUTO_TEST_SUITE_END()
