// Listening sockets on an engine, and streams that change hands.

#include <vector>

#include <netinet/tcp.h>

#include "tests/net/engine_support.hpp"

using namespace cenote;
using namespace cenote::test;

/// Named: the lambdas of templates keep them.
namespace cenote::test::watches {

/// A listening socket, and who comes to it.
class open_port {
public:
  open_port() {
    auto at = sockaddr_in{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    size_ = sizeof(at);
    fd_.reset(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
    BOOST_REQUIRE(::bind(fd_.get(), reinterpret_cast<sockaddr*>(&at), size_)
                  == 0);
    BOOST_REQUIRE(::listen(fd_.get(), 16) == 0);
    BOOST_REQUIRE(
      ::getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&at), &size_) == 0);
    at_ = at;
  }

  net::unique_fd connect() {
    auto made = net::unique_fd{::socket(AF_INET, SOCK_STREAM, 0)};
    BOOST_REQUIRE(
      ::connect(made.get(), reinterpret_cast<sockaddr*>(&at_), size_) == 0);
    return made;
  }

  [[nodiscard]] int fd() const {
    return fd_.get();
  }

  /// Invalid: nobody is there, or nobody listens.
  net::unique_fd accept() {
    return net::unique_fd{::accept4(fd(), nullptr, nullptr, SOCK_NONBLOCK)};
  }

private:
  net::unique_fd fd_;
  sockaddr_in at_{};
  socklen_t size_ = 0;
};

/// Accepts one for each call.
struct doorman final : net::ready_sink {
  explicit doorman(open_port& door)
    : at{door} {
    // nop
  }

  void on_ready() override {
    ++calls;
    auto made = at.accept();
    error = made ? 0 : errno;
    if (made)
      inside.push_back(std::move(made));
  }

  open_port& at;
  std::vector<net::unique_fd> inside;
  int calls = 0;
  int error = 0;
};

} // namespace cenote::test::watches

using namespace cenote::test::watches;

BOOST_AUTO_TEST_SUITE(engine_watches)

BOOST_DATA_TEST_CASE(who_watches_is_told_until_nobody_is_left, every_engine(),
                     kind) {
  auto uut = bench{kind};
  auto port = open_port{};
  auto door = doorman{port};
  BOOST_REQUIRE(uut.engine->watch(port.fd(), door));
  uut.settle();
  BOOST_TEST(door.calls == 0);
  auto outside = std::vector<net::unique_fd>{};
  for (int i = 0; i < 5; ++i)
    outside.push_back(port.connect());
  uut.run_until([&] { return door.inside.size() == 5u; });
  uut.settle();
  BOOST_TEST(door.inside.size() == 5u);
  outside.push_back(port.connect());
  uut.run_until([&] { return door.inside.size() == 6u; });
}

/// `attach_accepted` sets nothing.
BOOST_DATA_TEST_CASE(who_is_accepted_inherits_the_options_of_streams,
                     every_engine(), kind) {
  auto uut = bench{kind};
  auto port = open_port{};
  auto door = doorman{port};
  BOOST_REQUIRE(uut.engine->watch(port.fd(), door));
  auto outside = port.connect();
  uut.run_until([&] { return door.inside.size() == 1u; });
  const auto fd = door.inside[0].get();
  auto is_set = [fd](int level, int name) {
    auto value = 0;
    socklen_t size = sizeof(value);
    BOOST_REQUIRE(::getsockopt(fd, level, name, &value, &size) == 0);
    return value != 0;
  };
  BOOST_TEST(is_set(IPPROTO_TCP, TCP_NODELAY));
  BOOST_TEST(is_set(SOL_SOCKET, SO_KEEPALIVE));
  auto ear = recorder{};
  auto made = uut.engine->attach_accepted(std::move(door.inside[0]), ear);
  BOOST_REQUIRE(made);
  BOOST_REQUIRE(::send(outside.get(), "hello", 5, 0) == 5);
  uut.run_until([&] { return ear.text == "hello"; });
}

BOOST_DATA_TEST_CASE(who_watches_no_more_hears_nothing, every_engine(), kind) {
  auto uut = bench{kind};
  auto port = open_port{};
  auto door = doorman{port};
  BOOST_REQUIRE(uut.engine->watch(port.fd(), door));
  auto first = port.connect();
  uut.run_until([&] { return door.inside.size() == 1u; });
  uut.engine->unwatch(door);
  const auto calls = door.calls;
  auto second = port.connect();
  uut.settle();
  BOOST_TEST(door.calls == calls);
  uut.engine->unwatch(door); // Once more does nothing.
  BOOST_REQUIRE(uut.engine->watch(port.fd(), door));
  uut.run_until([&] { return door.inside.size() == 2u; });
}

BOOST_DATA_TEST_CASE(who_watches_learns_that_nobody_listens_any_more,
                     every_engine(), kind) {
  auto uut = bench{kind};
  auto port = open_port{};
  auto door = doorman{port};
  BOOST_REQUIRE(uut.engine->watch(port.fd(), door));
  uut.settle();
  ::shutdown(port.fd(), SHUT_RD);
  uut.run_until([&] { return door.error == EINVAL; });
  uut.engine->unwatch(door);
}

BOOST_DATA_TEST_CASE(engines_that_watch_one_socket_lose_nobody, every_engine(),
                     kind) {
  auto one = bench{kind}, two = bench{kind};
  auto port = open_port{};
  auto left = doorman{port}, right = doorman{port};
  BOOST_REQUIRE(one.engine->watch(port.fd(), left));
  BOOST_REQUIRE(two.engine->watch(port.fd(), right));
  auto outside = std::vector<net::unique_fd>{};
  for (int i = 0; i < 9; ++i) {
    outside.push_back(port.connect());
    two.engine->run_turn(two.engine->now());
  }
  one.run_until([&] {
    two.engine->run_turn(two.engine->now());
    return left.inside.size() + right.inside.size() == 9u;
  });
}

BOOST_DATA_TEST_CASE(a_stream_changes_hands_within_a_call, every_engine(),
                     kind) {
  auto uut = bench{kind};
  auto ends = connect_tcp();
  auto other = peer{std::move(ends.theirs)};
  auto first = recorder{}, second = recorder{};
  auto& stream = uut.attach(std::move(ends.ours), first);
  first.when_bytes = [&](net::slice) { uut.engine->redirect(stream, second); };
  other.say("one");
  uut.run_until([&] { return first.text == "one"; });
  other.say("two");
  uut.run_until([&] { return second.text == "two"; });
  other.hang_up();
  uut.run_until([&] { return second.code() == ec::client_gone; });
  BOOST_TEST(first.text == "one");
  BOOST_TEST(!first.closed);
}

BOOST_AUTO_TEST_SUITE_END()
