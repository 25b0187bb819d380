#pragma once

#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/experimental/as_tuple.hpp>
#include <asio/experimental/awaitable_operators.hpp>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>

#include "net/edge_stream.hpp"
#include "tests/net/engine_support.hpp"
#include "tests/net/tls_support.hpp"

namespace cenote::test {

using namespace asio::experimental::awaitable_operators;

inline constexpr auto no_throw
  = asio::experimental::as_tuple(asio::use_awaitable);

/// A context whose coroutines must all end.
struct edge {
  /// Starts a coroutine; `body` must outlive `run`.
  template <class Body>
  void start(Body& body) {
    ++running;
    asio::co_spawn(io, body(), [this](std::exception_ptr problem) {
      --running;
      if (problem)
        std::rethrow_exception(problem);
    });
  }

  void run() {
    io.run_for(20s);
    BOOST_REQUIRE(running == 0);
    io.restart();
  }

  asio::io_context io{1};
  int running = 0;
};

inline net::edge_stream
stream_over(asio::io_context& io, net::unique_fd fd, int family,
            std::size_t budget = limits::login_bytes_max) {
  auto socket = net::edge_stream::socket_type{
    io, asio::generic::stream_protocol{family, 0}, fd.release()};
  return net::edge_stream{std::move(socket), budget};
}

/// Two edge streams that talk to each other.
struct edge_pair {
  explicit edge_pair(asio::io_context& io,
                     std::size_t budget = limits::login_bytes_max)
    : edge_pair{io, connect_unix(), budget} {
    // nop
  }

  net::edge_stream ours;
  net::edge_stream theirs;

private:
  edge_pair(asio::io_context& io, connection ends, std::size_t budget)
    : ours{stream_over(io, std::move(ends.ours), AF_UNIX, budget)},
      theirs{stream_over(io, std::move(ends.theirs), AF_UNIX)} {
    // nop
  }
};

} // namespace cenote::test
