#pragma once

#include <algorithm>
#include <cerrno>
#include <chrono>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <boost/test/unit_test.hpp>

#include "protocol/reader.hpp"
#include "tests/proxy/edge/edge_fixture.hpp"

/// Servers that do what PostgreSQL does not do on demand.
namespace cenote::test {

/// A listening socket, and the one connection that came to it.
class scripted_server {
public:
  explicit scripted_server(edge_fixture& at)
    : at_{at},
      listening_{
        ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)} {
    auto where = sockaddr_in{};
    where.sin_family = AF_INET;
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto size = socklen_t{sizeof(where)};
    auto* name = reinterpret_cast<sockaddr*>(&where);
    BOOST_REQUIRE(::bind(listening_.get(), name, size) == 0);
    BOOST_REQUIRE(::listen(listening_.get(), 64) == 0);
    BOOST_REQUIRE(::getsockname(listening_.get(), name, &size) == 0);
    port_ = ntohs(where.sin_port);
  }

  [[nodiscard]] std::uint16_t port() const noexcept {
    return port_;
  }

  void accept() {
    at_.run_until([&] {
      socket_.reset(::accept4(listening_.get(), nullptr, nullptr,
                              SOCK_NONBLOCK | SOCK_CLOEXEC));
      return static_cast<bool>(socket_);
    });
    have_.clear();
  }

  /// Takes `size` bytes, or fewer at the end.
  bytes take(std::size_t size) {
    at_.run_until([&] {
      bytes some(4096);
      while (have_.size() < size) {
        const auto got = ::recv(socket_.get(), some.data(), some.size(), 0);
        if (got < 0)
          return errno != EAGAIN;
        if (got == 0)
          return true;
        have_.insert(have_.end(), some.begin(), some.begin() + got);
      }
      return true;
    });
    const auto end = have_.begin()
                   + static_cast<std::ptrdiff_t>(std::min(size, have_.size()));
    auto out = bytes(have_.begin(), end);
    have_.erase(have_.begin(), end);
    return out;
  }

  /// A packet without a tag.
  bytes take_packet() {
    const auto head = take(4);
    const auto length = protocol::reader{head}.int32();
    return take(static_cast<std::size_t>(length) - 4);
  }

  bytes take_message() {
    take(1);
    return take_packet();
  }

  void send(std::span<const std::byte> what) {
    at_.run_until([&] {
      while (!what.empty()) {
        const auto done
          = ::send(socket_.get(), what.data(), what.size(), MSG_NOSIGNAL);
        if (done < 0)
          return errno != EAGAIN;
        what = what.subspan(static_cast<std::size_t>(done));
      }
      return true;
    });
  }

  void close() {
    socket_.reset();
  }

private:
  edge_fixture& at_;
  net::unique_fd listening_;
  net::unique_fd socket_;
  std::uint16_t port_ = 0;
  bytes have_;
};

struct order_fixture : edge_fixture {
  order_fixture() {
    start();
  }

  proxy::edge::server_order order(std::uint16_t to) {
    auto target = tenants::server_target{};
    target.host = "127.0.0.1";
    target.port = to;
    target.user = "app";
    target.database = "shop";
    target.password = tenants::plain_password{secret{"secret"}};
    target.tls.mode = mode;
    auto out = proxy::edge::server_order{};
    out.port = port;
    out.target = std::make_shared<const tenants::server_target>(target);
    out.connect_time_max = std::chrono::seconds{10};
    out.epoch = 7;
    auto unit = proxy::try_take(seats);
    BOOST_REQUIRE(unit.has_value());
    out.seat.push_back(std::move(*unit));
    return out;
  }

  [[nodiscard]] std::size_t ended() const {
    return port->failed.size() + port->opened.size();
  }

  /// The code the order ended with; `none`: opened.
  ec outcome() {
    run_until([&] { return ended() != 0; });
    BOOST_TEST(ended() == 1u);
    const auto code
      = port->failed.empty() ? ec::none : port->failed[0].why.code;
    BOOST_TEST(seats->used() == (code == ec::none ? 1u : 0u));
    return code;
  }

  void forget() {
    port->failed.clear();
    port->opened.clear();
    shards.servers.clear();
    BOOST_TEST(seats->used() == 0u);
  }

  std::shared_ptr<fake_port> port = std::make_shared<fake_port>();
  proxy::quota_ptr seats
    = proxy::make_quota("seats", proxy::quota::unlimited, ec::server_limit);
  tenants::server_tls mode = tenants::server_tls::disable;
};

} // namespace cenote::test
