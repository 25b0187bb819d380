#include "net/connect.hpp"

#include <filesystem>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>

#include <asio/local/stream_protocol.hpp>

#include "tests/net/edge_support.hpp"

using namespace cenote;
using namespace cenote::test;

namespace {

struct temporary_directory {
  temporary_directory() {
    auto pattern
      = (std::filesystem::temp_directory_path() / "cenote-net-XXXXXX").string();
    BOOST_REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    path = pattern;
  }

  ~temporary_directory() {
    std::filesystem::remove_all(path);
  }

  std::string path;
};

net::listener listen(edge& on, std::string host, std::uint16_t port = 0,
                     const net::listen_options& options = {}) {
  auto made = net::listener::open(on.io.get_executor(), host, port, options);
  BOOST_REQUIRE_MESSAGE(made, (made ? "" : made.error().detail));
  return std::move(*made);
}

/// Connects, sends one word, and checks that it arrives.
void exchange_word(edge& on, net::listener& uut, const std::string& host) {
  auto client = [&]() -> asio::awaitable<void> {
    auto made = co_await net::connect(host, uut.port(), 10s);
    BOOST_REQUIRE_MESSAGE(made, (made ? "" : made.error().detail));
    auto text = to_bytes("word");
    BOOST_TEST(!!co_await made->write(std::move(text)));
  };
  auto server = [&]() -> asio::awaitable<void> {
    auto made = co_await uut.accept();
    BOOST_REQUIRE(made);
    BOOST_TEST(!!co_await made->read_exactly(4));
    BOOST_TEST(to_text(made->buffered()) == "word");
  };
  on.start(server);
  on.start(client);
  on.run();
}

ec failed_code(edge& on, const std::string& host, std::uint16_t port,
               duration time_max) {
  auto code = ec::none;
  auto body = [&]() -> asio::awaitable<void> {
    auto made = co_await net::connect(host, port, time_max);
    if (!made)
      code = made.error().code;
  };
  on.start(body);
  on.run();
  return code;
}

} // namespace

BOOST_AUTO_TEST_SUITE(connecting_and_listening)

BOOST_AUTO_TEST_CASE(addresses_and_names_lead_to_the_listener) {
  auto on = edge{};
  auto four = listen(on, "127.0.0.1");
  BOOST_TEST(four.port() != 0);
  BOOST_TEST(four.name() == "127.0.0.1:" + std::to_string(four.port()));
  exchange_word(on, four, "127.0.0.1");
  exchange_word(on, four, "localhost"); // ::1 may refuse first.
  auto any = listen(on, "*");
  exchange_word(on, any, "127.0.0.1");
  auto zero = listen(on, "0.0.0.0");
  exchange_word(on, zero, "127.0.0.1");
}

BOOST_AUTO_TEST_CASE(a_directory_stands_for_the_socket_in_it) {
  auto on = edge{};
  auto dir = temporary_directory{};
  auto file = dir.path + "/.s.PGSQL.6543";
  {
    auto uut = listen(on, dir.path, 6543);
    BOOST_TEST(uut.name() == file);
    BOOST_TEST(std::filesystem::exists(file));
    exchange_word(on, uut, dir.path);
    auto second = net::listener::open(on.io.get_executor(), dir.path, 6543);
    BOOST_REQUIRE(!second);
    BOOST_TEST(second.error().detail.find("in use") != std::string::npos);
  }
  BOOST_TEST(!std::filesystem::exists(file));
}

BOOST_AUTO_TEST_CASE(a_socket_file_that_nobody_serves_is_replaced) {
  auto on = edge{};
  auto dir = temporary_directory{};
  auto at = sockaddr_storage{};
  auto dead = net::unique_fd{::socket(AF_UNIX, SOCK_STREAM, 0)};
  at.ss_family = AF_UNIX;
  auto file = dir.path + "/.s.PGSQL.6543";
  std::copy(file.begin(), file.end(),
            reinterpret_cast<char*>(&at) + sizeof(sa_family_t));
  BOOST_REQUIRE(
    ::bind(dead.get(), reinterpret_cast<sockaddr*>(&at),
           static_cast<socklen_t>(sizeof(sa_family_t) + file.size() + 1))
    == 0);
  dead.reset();
  auto uut = listen(on, dir.path, 6543);
  exchange_word(on, uut, dir.path);
}

BOOST_AUTO_TEST_CASE(a_socket_whose_process_accepts_nobody_is_in_use) {
  auto on = edge{};
  auto dir = temporary_directory{};
  auto busy = listen(on, dir.path, 6543, {.backlog = 0});
  auto waiting = asio::local::stream_protocol::socket{on.io};
  waiting.connect(asio::local::stream_protocol::endpoint{busy.name()});
  auto second = net::listener::open(on.io.get_executor(), dir.path, 6543);
  BOOST_REQUIRE(!second);
  BOOST_TEST(second.error().detail.find("in use") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_unix_socket_has_the_mode_asked_for) {
  auto on = edge{};
  auto dir = temporary_directory{};
  for (auto mode : {0700u, 0770u, 0777u}) {
    auto made = net::listener::open(on.io.get_executor(), dir.path, 6543,
                                    {.socket_mode = mode});
    BOOST_REQUIRE(made);
    auto found = std::filesystem::status(made->name()).permissions();
    BOOST_TEST(static_cast<unsigned>(found) == mode);
  }
}

BOOST_AUTO_TEST_CASE(a_unix_socket_that_another_took_over_is_left_to_it) {
  auto on = edge{};
  auto dir = temporary_directory{};
  auto first = std::optional{listen(on, dir.path, 6543)};
  const auto path = first->name();
  std::filesystem::remove(path);
  auto second = std::optional{listen(on, dir.path, 6543)};
  first.reset();
  BOOST_TEST(net::is_served(path));
  second.reset();
  BOOST_TEST(!std::filesystem::exists(path));
}

BOOST_AUTO_TEST_CASE(the_kernel_holds_as_many_connections_as_asked_for) {
  auto on = edge{};
  auto made
    = net::listener::open(on.io.get_executor(), "127.0.0.1", 0, {.backlog = 7});
  BOOST_REQUIRE(made);
  auto socket = made->share();
  auto info = tcp_info{};
  auto size = static_cast<socklen_t>(sizeof(info));
  BOOST_REQUIRE(::getsockopt(socket.get(), IPPROTO_TCP, TCP_INFO, &info, &size)
                == 0);
  BOOST_TEST(info.tcpi_sacked == 7u); // Of a listening socket: its backlog.
}

BOOST_AUTO_TEST_CASE(failures_have_their_codes) {
  auto on = edge{};
  auto gone = std::uint16_t{};
  { gone = listen(on, "127.0.0.1").port(); }
  BOOST_TEST(
    (failed_code(on, "127.0.0.1", gone, 5s) == ec::server_connect_failed));
  BOOST_TEST((failed_code(on, "/nowhere/at/all", 5432, 5s)
              == ec::server_connect_failed));
  BOOST_TEST((failed_code(on, "/" + std::string(200, 'x'), 5432, 5s)
              == ec::server_resolve_failed));
  auto code = failed_code(on, "no-such-host.invalid", 5432, 5s);
  BOOST_TEST(
    (code == ec::server_resolve_failed || code == ec::server_connect_timeout));
}

BOOST_AUTO_TEST_CASE(a_host_that_never_answers_costs_the_time_allowed) {
  // A full accept queue drops what comes next.
  auto on = edge{};
  auto made
    = net::listener::open(on.io.get_executor(), "127.0.0.1", 0, {.backlog = 0});
  BOOST_REQUIRE(made);
  auto fill = std::vector<net::edge_stream>{};
  auto timed_out = false;
  auto body = [&]() -> asio::awaitable<void> {
    for (int i = 0; i < 10 && !timed_out; ++i) {
      auto one = co_await net::connect("127.0.0.1", made->port(), 200ms);
      if (one)
        fill.push_back(std::move(*one));
      else
        timed_out = one.error().code == ec::server_connect_timeout;
    }
  };
  on.start(body);
  on.run();
  BOOST_TEST(timed_out);
}

BOOST_AUTO_TEST_CASE(a_context_may_go_while_a_name_is_looked_up) {
  for (int i = 0; i < 20; ++i) {
    auto on = edge{};
    auto body = [&]() -> asio::awaitable<void> {
      auto host = std::string{"no-such-host.invalid"};
      auto made = co_await net::connect(host, 1, 1h);
      BOOST_TEST(!made);
    };
    on.start(body);
    on.io.poll();
    BOOST_TEST(on.running <= 1); // The answer may have come at once.
  }
}

BOOST_AUTO_TEST_CASE(a_wrong_address_is_a_failure) {
  auto on = edge{};
  for (auto* host : {"nonsense", "300.1.1.1", "192.0.2.1", "/no/such/dir"}) {
    auto made = net::listener::open(on.io.get_executor(), host, 0);
    BOOST_TEST(!made, host);
  }
}

BOOST_AUTO_TEST_CASE(closing_a_listener_ends_a_pending_accept) {
  auto on = edge{};
  auto uut = listen(on, "127.0.0.1");
  auto accepting_one = [&]() -> asio::awaitable<void> {
    auto made = co_await uut.accept();
    BOOST_REQUIRE(!made);
    BOOST_TEST((made.error().code == ec::timed_out));
  };
  auto closing = [&]() -> asio::awaitable<void> {
    uut.close();
    co_return;
  };
  on.start(accepting_one);
  on.start(closing);
  on.run();
}

// UBSan looks at memory through a pipe and takes a failing one for a bad
// object; TSan does not see the locks inside the packaged spdlog.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

BOOST_AUTO_TEST_CASE(a_full_descriptor_table_is_waited_out) {
  auto on = edge{};
  auto uut = listen(on, "127.0.0.1");
  auto before = rlimit{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  auto accepted = false;
  auto accepting_one = [&]() -> asio::awaitable<void> {
    auto made = co_await uut.accept();
    accepted = !!made;
  };
  auto squeezing = [&]() -> asio::awaitable<void> {
    auto client = co_await net::connect("127.0.0.1", uut.port(), 5s);
    BOOST_REQUIRE(client);
    auto soon = asio::steady_timer{on.io, 5ms};
    co_await soon.async_wait(no_throw);
    BOOST_TEST(!accepted);
    ::setrlimit(RLIMIT_NOFILE, &before);
    co_await client->read_eof();
  };
  // No descriptor is free once the client has its own.
  auto next = ::dup(0);
  ::close(next);
  auto tight = before;
  tight.rlim_cur = static_cast<rlim_t>(next) + 1;
  ::setrlimit(RLIMIT_NOFILE, &tight);
  on.start(squeezing);
  on.start(accepting_one);
  on.run();
  ::setrlimit(RLIMIT_NOFILE, &before);
  BOOST_TEST(accepted);
}

#else

BOOST_AUTO_TEST_CASE(a_full_descriptor_table_is_waited_out) {
  BOOST_TEST_MESSAGE("skipped: not under a sanitizer; `tools/test` runs it in "
                     "the `release` build");
}

#endif

BOOST_AUTO_TEST_SUITE_END()
