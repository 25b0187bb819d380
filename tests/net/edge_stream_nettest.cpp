#include "net/edge_stream.hpp"

#include "tests/net/edge_support.hpp"

using namespace cenote;
using namespace cenote::test;

BOOST_AUTO_TEST_SUITE(edge_stream)

BOOST_AUTO_TEST_CASE(reads_are_kept_until_they_are_consumed) {
  auto on = edge{};
  auto uut = edge_pair{on.io};
  auto body = [&]() -> asio::awaitable<void> {
    auto text = to_bytes("hello world");
    BOOST_TEST(!!co_await uut.theirs.write(std::move(text)));
    auto got = co_await uut.ours.read_more();
    BOOST_REQUIRE(got);
    BOOST_TEST(*got == 11u);
    uut.ours.consume(6);
    BOOST_TEST(to_text(uut.ours.buffered()) == "world");
    uut.ours.consume(5);
    BOOST_TEST(uut.ours.buffered().empty());
  };
  on.start(body);
  on.run();
}

BOOST_AUTO_TEST_CASE(a_limited_read_leaves_the_rest_in_the_socket) {
  auto on = edge{};
  auto uut = edge_pair{on.io};
  auto body = [&]() -> asio::awaitable<void> {
    auto text = to_bytes("12345678smuggled");
    co_await uut.theirs.write(std::move(text));
    BOOST_TEST(!!co_await uut.ours.read_exactly(8));
    BOOST_TEST(to_text(uut.ours.buffered()) == "12345678");
    auto raw = std::string(100, '\0');
    auto left = ::recv(std::move(uut.ours).release().socket.get(), raw.data(),
                       raw.size(), MSG_DONTWAIT);
    BOOST_TEST(left == 8);
  };
  on.start(body);
  on.run();
}

BOOST_AUTO_TEST_CASE(no_more_than_the_budget_is_read) {
  auto on = edge{};
  auto uut = edge_pair{on.io, 10};
  auto body = [&]() -> asio::awaitable<void> {
    auto text = to_bytes("0123456789ABC");
    co_await uut.theirs.write(std::move(text));
    auto got = co_await uut.ours.read_more();
    BOOST_REQUIRE(got);
    BOOST_TEST(*got == 10u);
    uut.ours.consume(10); // The budget is for the whole login.
    got = co_await uut.ours.read_more();
    BOOST_REQUIRE(!got);
    BOOST_TEST((got.error().code == ec::login_too_large));
    uut.ours.grant(2);
    got = co_await uut.ours.read_more();
    BOOST_REQUIRE(got);
    BOOST_TEST(to_text(uut.ours.buffered()) == "AB");
  };
  on.start(body);
  on.run();
}

BOOST_AUTO_TEST_CASE(an_end_is_client_gone_and_is_waited_for) {
  auto on = edge{};
  auto uut = edge_pair{on.io};
  auto body = [&]() -> asio::awaitable<void> {
    auto text = to_bytes("ignored");
    co_await uut.theirs.write(std::move(text));
    uut.theirs.close();
    BOOST_TEST(!!co_await uut.ours.read_eof());
    auto got = co_await uut.ours.read_more();
    BOOST_REQUIRE(!got);
    BOOST_TEST((got.error().code == ec::client_gone));
  };
  on.start(body);
  on.run();
}

BOOST_AUTO_TEST_CASE(a_read_that_loses_a_race_can_be_tried_again) {
  auto on = edge{};
  auto uut = edge_pair{on.io};
  auto body = [&]() -> asio::awaitable<void> {
    auto soon = asio::steady_timer{on.io, 1ms};
    auto first = co_await (uut.ours.read_more() || soon.async_wait(no_throw));
    BOOST_TEST(first.index() == 1u);
    auto text = to_bytes("late");
    co_await uut.theirs.write(std::move(text));
    auto got = co_await uut.ours.read_more();
    BOOST_REQUIRE(got);
    BOOST_TEST(to_text(uut.ours.buffered()) == "late");
  };
  on.start(body);
  on.run();
}

BOOST_AUTO_TEST_CASE(tls_works_in_both_directions_and_can_be_handed_over) {
  auto on = edge{};
  auto uut = edge_pair{on.io};
  auto server_side = accepting();
  auto client_side = connecting();
  auto bigger = pattern(60'000);
  auto server = [&]() -> asio::awaitable<void> {
    auto ok = co_await uut.ours.tls_accept(server_side);
    BOOST_REQUIRE(ok);
    BOOST_TEST(uut.ours.is_tls());
    BOOST_TEST(uut.ours.tls()->server_name() == "localhost");
    BOOST_TEST(!!co_await uut.ours.read_exactly(5));
    BOOST_TEST(to_text(uut.ours.buffered()) == "hello");
    uut.ours.consume(5);
    auto text = to_bytes(bigger);
    BOOST_TEST(!!co_await uut.ours.write(std::move(text)));
    // What the client says next is partly decrypted, partly not.
    BOOST_TEST(!!co_await uut.ours.read_exactly(2));
  };
  auto client = [&]() -> asio::awaitable<void> {
    auto host = std::string{"localhost"};
    auto ok = co_await uut.theirs.tls_connect(client_side, host);
    BOOST_REQUIRE(ok);
    auto text = to_bytes("hello");
    BOOST_TEST(!!co_await uut.theirs.write(std::move(text)));
    uut.theirs.grant(100'000);
    BOOST_TEST(!!co_await uut.theirs.read_exactly(bigger.size()));
    BOOST_TEST((to_text(uut.theirs.buffered()) == bigger));
    auto more = to_bytes("abcdef");
    BOOST_TEST(!!co_await uut.theirs.write(std::move(more)));
  };
  on.start(server);
  on.start(client);
  on.run();
  auto given = std::move(uut.ours).release();
  BOOST_TEST(to_text(given.unread) == "abcdef");
  BOOST_REQUIRE(given.tls != nullptr);
  // The rest of its life is on an engine.
  auto shard = bench{engine_kinds.front()};
  auto sink = recorder{};
  shard.attach(std::move(given.socket), sink, std::move(given.tls));
  shard.engine->send_copy(*sink.self, view("from the shard"));
  shard.settle(); // An engine may send with its next turn.
  auto listening = [&]() -> asio::awaitable<void> {
    uut.theirs.consume(uut.theirs.buffered().size());
    BOOST_TEST(!!co_await uut.theirs.read_exactly(14));
    BOOST_TEST(to_text(uut.theirs.buffered()) == "from the shard");
  };
  on.start(listening);
  on.run();
}

BOOST_AUTO_TEST_CASE(bytes_before_tls_are_refused) {
  auto on = edge{};
  auto uut = edge_pair{on.io};
  auto context = accepting();
  auto body = [&]() -> asio::awaitable<void> {
    auto text = to_bytes("injected");
    co_await uut.theirs.write(std::move(text));
    co_await uut.ours.read_more();
    auto ok = co_await uut.ours.tls_accept(context);
    BOOST_REQUIRE(!ok);
    BOOST_TEST((ok.error().code == ec::bytes_before_tls));
  };
  on.start(body);
  on.run();
}

BOOST_AUTO_TEST_CASE(a_peer_that_speaks_no_tls_fails_the_handshake) {
  auto on = edge{};
  auto uut = edge_pair{on.io};
  auto context = accepting();
  auto body = [&]() -> asio::awaitable<void> {
    auto text = to_bytes("plain words");
    co_await uut.theirs.write(std::move(text));
    auto first = co_await uut.ours.peek_one();
    BOOST_REQUIRE(first);
    BOOST_TEST((*first == std::byte{'p'}));
    auto ok = co_await uut.ours.tls_accept(context);
    BOOST_REQUIRE(!ok);
    BOOST_TEST((ok.error().code == ec::tls_handshake_failed));
    BOOST_TEST(!uut.ours.is_tls());
  };
  on.start(body);
  on.run();
}

BOOST_AUTO_TEST_CASE(whoever_refuses_a_certificate_tells_the_peer) {
  auto on = edge{};
  auto uut = edge_pair{on.io};
  auto stranger = authority{"Nobody"};
  auto options = net::tls_connect_options{};
  options.verify = net::tls_verify::ca;
  options.ca_file = stranger.file();
  auto server_side = accepting();
  auto client_side = connecting(options);
  auto server = [&]() -> asio::awaitable<void> {
    auto ok = co_await uut.ours.tls_accept(server_side);
    BOOST_REQUIRE(!ok);
    BOOST_TEST((ok.error().code == ec::tls_handshake_failed));
    BOOST_TEST(ok.error().detail.find("alert") != std::string::npos);
  };
  auto client = [&]() -> asio::awaitable<void> {
    auto host = std::string{"localhost"};
    auto ok = co_await uut.theirs.tls_connect(client_side, host);
    BOOST_REQUIRE(!ok);
    BOOST_TEST((ok.error().code == ec::server_tls_verify_failed));
  };
  on.start(server);
  on.start(client);
  on.run();
}

BOOST_AUTO_TEST_CASE(a_gentle_close_delivers_the_last_words_over_tcp) {
  auto on = edge{};
  auto ends = connect_tcp();
  auto ours = stream_over(on.io, std::move(ends.ours), AF_INET);
  auto theirs = stream_over(on.io, std::move(ends.theirs), AF_INET);
  auto refusing = [&]() -> asio::awaitable<void> {
    auto text = to_bytes("FATAL");
    co_await ours.write(std::move(text));
    co_await ours.close_gently(5s);
    BOOST_TEST(!ours.is_open());
  };
  auto refused = [&]() -> asio::awaitable<void> {
    auto text = to_bytes("never read");
    co_await theirs.write(std::move(text));
    BOOST_TEST(!!co_await theirs.read_exactly(5));
    BOOST_TEST(to_text(theirs.buffered()) == "FATAL");
    auto got = co_await theirs.read_more();
    BOOST_REQUIRE(!got);
    BOOST_TEST((got.error().code == ec::client_gone));
    theirs.close();
  };
  on.start(refusing);
  on.start(refused);
  on.run();
}

BOOST_AUTO_TEST_CASE(a_gentle_close_does_not_wait_longer_than_told) {
  auto on = edge{};
  auto uut = edge_pair{on.io};
  auto body = [&]() -> asio::awaitable<void> {
    co_await uut.ours.close_gently(5ms);
    BOOST_TEST(!uut.ours.is_open());
  };
  on.start(body);
  on.run();
}

BOOST_AUTO_TEST_CASE(addresses_are_text) {
  auto on = edge{};
  auto ends = connect_tcp();
  auto uut = stream_over(on.io, std::move(ends.ours), AF_INET);
  BOOST_TEST(uut.peer().host == "127.0.0.1");
  BOOST_TEST(uut.peer().port != uut.local().port);
  BOOST_TEST(!uut.peer().is_unix);
  auto local = edge_pair{on.io};
  BOOST_TEST(local.ours.peer().is_unix);
  BOOST_TEST(local.ours.peer().host == "");
}

BOOST_AUTO_TEST_SUITE_END()
