#pragma once

#include <functional>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include "base/limits.hpp"
#include "net/engine.hpp"
#include "net/tls.hpp"
#include "net/uring.hpp"
#include "tests/support/wants_uring.hpp"

namespace cenote::test {

using namespace std::chrono_literals;

/// An engine that must pass these tests.
struct engine_kind {
  const char* name;
  result<std::unique_ptr<net::engine>> (*make)();
  bool sends_late = false; ///< The kernel sees sent bytes with the next turn.

  friend std::ostream& operator<<(std::ostream& out, const engine_kind& x) {
    return out << x.name;
  }
};

inline std::vector<engine_kind> find_engine_kinds() {
  if (!wants_uring())
    return {{"epoll", [] { return net::make_epoll_engine(); }},
            {"epoll, one send at a time",
             [] { return net::make_epoll_engine({}, false); }}};
  auto usual = [] { return net::make_uring_engine(); };
  // Out of buffers all the time, and in and out of bulk.
  auto scarce = [] {
    return net::make_uring_engine({}, {2, 4096, 1, 16'384, 4096});
  };
  return {{"io_uring", usual, true}, {"io_uring with 2 buffers", scarce, true}};
}

inline const std::vector<engine_kind> engine_kinds = find_engine_kinds();

enum class socket_kind { tcp, unix_domain };

inline std::ostream& operator<<(std::ostream& out, socket_kind x) {
  return out << (x == socket_kind::tcp ? "tcp" : "unix");
}

inline const std::vector<socket_kind> socket_kinds
  = {socket_kind::tcp, socket_kind::unix_domain};

inline auto every_engine() {
  return boost::unit_test::data::make(engine_kinds);
}

inline auto every_engine_and_socket() {
  return boost::unit_test::data::make(engine_kinds)
       * boost::unit_test::data::make(socket_kinds);
}

/// Two connected non-blocking sockets: the engine's and the peer's.
struct connection {
  net::unique_fd ours;
  net::unique_fd theirs;
};

inline connection connect_tcp() {
  constexpr int kind = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
  auto at = sockaddr_in{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(at);
  auto* where = reinterpret_cast<sockaddr*>(&at);
  auto listening = net::unique_fd{::socket(AF_INET, SOCK_STREAM, 0)};
  auto theirs = net::unique_fd{::socket(AF_INET, SOCK_STREAM, 0)};
  BOOST_REQUIRE(::bind(listening.get(), where, size) == 0);
  BOOST_REQUIRE(::listen(listening.get(), 1) == 0);
  BOOST_REQUIRE(::getsockname(listening.get(), where, &size) == 0);
  BOOST_REQUIRE(::connect(theirs.get(), where, size) == 0);
  auto ours
    = net::unique_fd{::accept4(listening.get(), nullptr, nullptr, kind & ~1)};
  BOOST_REQUIRE(ours.get() >= 0);
  return {std::move(ours), std::move(theirs)};
}

inline connection connect_unix() {
  int both[2];
  BOOST_REQUIRE(
    ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, both)
    == 0);
  return {net::unique_fd{both[0]}, net::unique_fd{both[1]}};
}

inline connection connect_pair(socket_kind kind) {
  return kind == socket_kind::tcp ? connect_tcp() : connect_unix();
}

/// Remembers what it hears, and does what a test wants it to do.
class recorder final : public net::stream_sink {
public:
  void on_bytes(net::slice in) override {
    BOOST_TEST(!closed);
    text.append(reinterpret_cast<const char*>(in.bytes.data()),
                in.bytes.size());
    if (when_bytes)
      when_bytes(in);
  }

  void on_drained() override {
    ++drained;
    if (when_drained)
      when_drained();
  }

  void on_closed(const failure& why) override {
    BOOST_TEST(!closed);
    closed = why;
    if (when_closed)
      when_closed();
  }

  [[nodiscard]] ec code() const {
    return closed ? closed->code : ec::none;
  }

  std::string text;
  int drained = 0;
  std::optional<failure> closed;
  net::stream* self = nullptr;
  std::function<void(net::slice)> when_bytes;
  std::function<void()> when_drained;
  std::function<void()> when_closed;
};

/// What the other end does, without ever blocking.
class peer {
public:
  explicit peer(net::unique_fd fd)
    : fd_{std::move(fd)} {
    // nop
  }

  /// Returns how many bytes the kernel took.
  std::size_t say(std::string_view text) {
    auto count = ::send(fd_.get(), text.data(), text.size(),
                        MSG_DONTWAIT | MSG_NOSIGNAL);
    return count < 0 ? 0 : static_cast<std::size_t>(count);
  }

  /// Takes what is there, at most `most` bytes; appends it to `heard`.
  std::size_t listen(std::size_t most = 1 << 20) {
    auto buffer = std::string(std::min<std::size_t>(most, 1 << 16), '\0');
    std::size_t total = 0;
    while (total < most) {
      auto count = ::recv(fd_.get(), buffer.data(),
                          std::min(buffer.size(), most - total), MSG_DONTWAIT);
      if (count == 0)
        ended = true;
      if (count < 0 && errno != EAGAIN)
        broken = true;
      if (count <= 0)
        break;
      heard.append(buffer.data(), static_cast<std::size_t>(count));
      total += static_cast<std::size_t>(count);
    }
    return total;
  }

  void end_writing() {
    ::shutdown(fd_.get(), SHUT_WR);
  }

  void hang_up() {
    fd_.reset();
  }

  /// Closes with a TCP reset.
  void reset() {
    auto abort = linger{1, 0};
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &abort, sizeof(abort));
    fd_.reset();
  }

  [[nodiscard]] int fd() const {
    return fd_.get();
  }

  std::string heard;
  bool ended = false;
  bool broken = false;

private:
  net::unique_fd fd_;
};

/// An engine and a way to run it until something is true.
struct bench {
  explicit bench(const engine_kind& kind)
    : sends_late{kind.sends_late} {
    auto made = kind.make();
    BOOST_REQUIRE(made);
    engine = std::move(*made);
  }

  net::stream& attach(net::unique_fd fd, recorder& sink,
                      std::unique_ptr<net::tls_session> tls = nullptr) {
    auto made = engine->attach(std::move(fd), std::move(tls), sink);
    BOOST_REQUIRE(made);
    sink.self = *made;
    return **made;
  }

  /// Fails the test if `done` stays false for a long time.
  template <class Predicate>
  void run_until(Predicate done) {
    auto give_up = clock::now() + 20s;
    while (!done()) {
      BOOST_REQUIRE((clock::now() < give_up));
      engine->run_turn(engine->now() + 5ms);
    }
  }

  /// Fails the test if the engine sleeps until somebody wakes it, although it
  /// can bring `done` nearer by itself.
  template <class Predicate>
  void run_awake_until(Predicate done) {
    const auto give_up = clock::now() + 20s;
    while (!done()) {
      engine->run_turn(engine->now() + 21s);
      BOOST_REQUIRE((clock::now() < give_up));
    }
  }

  /// Delivers all that has already happened.
  void settle() {
    for (int i = 0; i < 50; ++i)
      engine->run_turn(engine->now());
  }

  /// Sends `text` until there is no room. Where bytes leave with a turn, until
  /// there is none although the kernel has taken all it wants. Returns how many
  /// bytes that was.
  std::size_t fill(net::stream& to, std::string_view text) {
    std::size_t sent = 0;
    do {
      for (auto room = true; room; sent += text.size())
        room = engine->send_copy(to, std::as_bytes(std::span{text}));
      if (sends_late)
        settle();
    } while (engine->unsent(to) <= limits::unsent_high_bytes);
    return sent;
  }

  bool sends_late;
  std::unique_ptr<net::engine> engine;
};

/// One stream: the other end of it, and who hears it.
struct line {
  line(bench& on, socket_kind socket)
    : line{on, connect_pair(socket)} {
    // nop
  }

  line(bench& on, connection ends)
    : other{std::move(ends.theirs)},
      stream{on.attach(std::move(ends.ours), sink)} {
    // nop
  }

  line(const line&) = delete;
  line& operator=(const line&) = delete;

  peer other;
  recorder sink;
  net::stream& stream;
};

/// Bytes that show when one is lost, doubled or moved.
inline std::string pattern(std::size_t size) {
  auto made = std::string(size, '\0');
  std::uint32_t state = 12345;
  for (auto& x : made) {
    state = state * 1664525 + 1013904223;
    x = static_cast<char>(state >> 24);
  }
  return made;
}

inline std::span<const std::byte> view(std::string_view text) {
  return std::as_bytes(std::span{text});
}

} // namespace cenote::test
