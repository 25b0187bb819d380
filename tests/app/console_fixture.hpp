#pragma once

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <asio/co_spawn.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>

#include "net/edge_stream.hpp"
#include "net/unique_fd.hpp"
#include "protocol/messages.hpp"
#include "tests/app/answer.hpp"
#include "tests/app/fakes.hpp"

namespace cenote::test {

/// A client of the console that blocks, ten seconds at most.
class operator_client {
public:
  explicit operator_client(net::unique_fd socket)
    : socket_{std::move(socket)} {
    // nop
  }

  void send(std::span<const std::byte> bytes) {
    BOOST_REQUIRE(
      ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL)
      == static_cast<ssize_t>(bytes.size()));
  }

  void send_query(std::string_view text) {
    auto message = protocol::query_message{};
    message.text = text;
    send(protocol::encoded(message));
  }

  /// All up to the next ReadyForQuery, or to the end of the connection, which
  /// is the letter "." in `tags`.
  answer receive() {
    auto out = answer{};
    for (;;) {
      auto one = answer{};
      while (unread_.size() >= 5) {
        const auto taken = take_one(out);
        if (taken == 0)
          break;
        if (out.tags.back() == 'Z')
          return out;
      }
      if (!read_more()) {
        out.tags += '.';
        return out;
      }
    }
  }

  answer query(std::string_view text) {
    send_query(text);
    return receive();
  }

  void hang_up() {
    socket_ = net::unique_fd{};
  }

private:
  std::size_t take_one(answer& to) {
    auto head = protocol::reader{std::span{unread_}.subspan(0, 5)};
    head.byte1();
    const auto size = static_cast<std::size_t>(head.int32()) + 1;
    if (unread_.size() < size)
      return 0;
    BOOST_REQUIRE(take_messages(std::span{unread_}.first(size), to) == size);
    unread_.erase(unread_.begin(),
                  unread_.begin() + static_cast<std::ptrdiff_t>(size));
    return size;
  }

  bool read_more() {
    auto wanted = ::pollfd{socket_.get(), POLLIN, 0};
    BOOST_REQUIRE_MESSAGE(::poll(&wanted, 1, 10'000) == 1, "no answer");
    std::array<std::byte, 65'536> buffer;
    const auto size = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
    if (size <= 0)
      return false;
    unread_.insert(unread_.end(), buffer.begin(), buffer.begin() + size);
    return true;
  }

  net::unique_fd socket_;
  std::vector<std::byte> unread_;
};

/// A console on an edge's thread, between fakes.
struct console_fixture {
  console_fixture()
    : catalog{std::make_shared<const tenants::catalog>()},
      uut{parts()} {
    counters.logins_in_progress = 3;
    uut.watch(&counters);
    thread = std::thread{[this] { io.run(); }};
  }

  ~console_fixture() {
    guard.reset();
    io.stop();
    thread.join();
  }

  app::console_parts parts() {
    auto out = app::console_parts{shards, admin, catalog, quotas, {}};
    out.version = "0.1.0";
    out.snapshot_time_max = std::chrono::milliseconds{snapshot_ms_max};
    return out;
  }

  /// A session that has just logged in; `ended` is set when it is over.
  operator_client connect(bool may_change = true) {
    int ends[2];
    BOOST_REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    auto socket = net::edge_stream::socket_type{
      io, asio::generic::stream_protocol{AF_UNIX, 0}, ends[0]};
    auto stream = net::edge_stream{std::move(socket)};
    auto done = std::make_shared<std::promise<void>>();
    ended = done->get_future();
    asio::co_spawn(io, uut.serve(std::move(stream), "root", may_change),
                   [done](std::exception_ptr problem) {
                     if (problem)
                       done->set_exception(problem);
                     else
                       done->set_value();
                   });
    return operator_client{net::unique_fd{ends[1]}};
  }

  operator_client log_in(bool may_change = true) {
    auto out = connect(may_change);
    BOOST_REQUIRE(out.receive().tags.back() == 'Z');
    return out;
  }

  /// The session must be over, without a problem.
  void check_ended() {
    BOOST_REQUIRE(ended.wait_for(std::chrono::seconds{10})
                  == std::future_status::ready);
    BOOST_CHECK_NO_THROW(ended.get());
  }

  static constexpr int snapshot_ms_max = 10'000;

  asio::io_context io{1};
  asio::executor_work_guard<asio::io_context::executor_type> guard{
    io.get_executor()};
  fake_shards shards;
  fake_admin admin;
  tenants::catalog_cell catalog;
  proxy::edge::quota_book quotas;
  proxy::edge::edge_counters counters;
  app::console uut;
  std::future<void> ended;
  std::thread thread;
};

} // namespace cenote::test
