#include "net/connect.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <asio/connect.hpp>
#include <asio/experimental/as_tuple.hpp>
#include <asio/experimental/awaitable_operators.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/ip/v6_only.hpp>
#include <asio/local/stream_protocol.hpp>
#include <asio/steady_timer.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>

#include "base/log.hpp"
#include "net/resolver.hpp"
#include "net/socket_options.hpp"

namespace cenote::net {

namespace {

using namespace asio::experimental::awaitable_operators;
using protocol_type = asio::generic::stream_protocol;
using acceptor_type = asio::basic_socket_acceptor<protocol_type>;

constexpr auto no_throw = asio::experimental::as_tuple(asio::use_awaitable);

/// How long a full descriptor table is left alone before the next try.
constexpr auto accept_pause = std::chrono::milliseconds{100};

void disable_delay(protocol_type::socket& socket, int family) {
  if (family != AF_INET && family != AF_INET6)
    return;
  auto ignored = asio::error_code{};
  socket.set_option(asio::ip::tcp::no_delay{true}, ignored);
}

std::string socket_path(const std::string& directory, std::uint16_t port) {
  return directory + "/.s.PGSQL." + std::to_string(port);
}

void set_mode(const std::string& path, std::uint32_t mode,
              asio::error_code& error) {
  if (::chmod(path.c_str(), mode) != 0)
    error.assign(errno, asio::error::get_system_category());
}

bool is_out_of_resources(const asio::error_code& why) {
  return why == asio::error::no_descriptors || why == asio::error::no_memory
      || why == asio::error::no_buffer_space || why.value() == ENFILE;
}

/// A client of a unix socket has no name: the family may be missing, too.
address peer_of(const protocol_type::endpoint& from) {
  const auto family = from.protocol().family();
  return family == AF_UNSPEC ? address{{}, 0, true} : to_address(from);
}

failure os_failure(const std::string& what, const asio::error_code& why) {
  return {ec::os_error, what + ": " + why.message()};
}

} // namespace

// -- connect ------------------------------------------------------------------

asio::awaitable<result<edge_stream>>
connect(std::string host, std::uint16_t port, duration time_max) {
  auto deadline = clock::now() + time_max;
  auto found = co_await resolve(host, port, deadline);
  if (!found)
    co_return found.error();
  auto executor = co_await asio::this_coro::executor;
  auto over = asio::steady_timer{executor, deadline};
  auto last = asio::error_code{};
  for (const auto& at : *found) {
    auto socket = protocol_type::socket{executor};
    socket.open(at.protocol(), last);
    if (last)
      continue;
    auto outcome = co_await (socket.async_connect(at, no_throw)
                             || over.async_wait(no_throw));
    if (outcome.index() == 1)
      co_return failure{ec::server_connect_timeout, host};
    last = std::get<0>(std::get<0>(outcome));
    if (last == asio::error::operation_aborted)
      co_return failure{ec::server_connect_timeout, "cancelled"};
    if (last)
      continue;
    socket.non_blocking(true, last);
    disable_delay(socket, at.protocol().family());
    co_return edge_stream{std::move(socket)};
  }
  co_return failure{ec::server_connect_failed, host + " port "
                                                 + std::to_string(port) + ": "
                                                 + last.message()};
}

// -- listener -----------------------------------------------------------------

listener::listener(acceptor_type acceptor, std::string host, std::uint16_t port,
                   std::string path, std::optional<address> local)
  : acceptor_{std::move(acceptor)},
    host_{std::move(host)},
    port_{port},
    path_{std::move(path)},
    file_{path_.empty() ? file_identity{} : identity_of(path_)},
    local_{std::move(local)} {
  // nop
}

listener::listener(listener&& other) noexcept
  : acceptor_{std::move(other.acceptor_)},
    left_{std::move(other.left_)},
    host_{std::move(other.host_)},
    port_{other.port_},
    path_{std::exchange(other.path_, {})},
    file_{other.file_},
    local_{std::move(other.local_)} {
  // nop
}

listener::~listener() {
  close();
}

result<listener> listener::open(asio::any_io_executor on, std::string host,
                                std::uint16_t port,
                                const listen_options& options) {
  auto acceptor = acceptor_type{on};
  auto error = asio::error_code{};
  auto path = std::string{};
  auto at = protocol_type::endpoint{};
  auto local = std::optional<address>{};
  if (host.starts_with('/')) {
    path = socket_path(host, port);
    if (path.size() >= 108)
      return failure{ec::os_error, path + ": name too long"};
    if (is_served(path))
      return failure{ec::os_error, path + ": in use"};
    ::unlink(path.c_str()); // A file that nobody serves is in the way.
    at = asio::local::stream_protocol::endpoint{path};
    local = to_address(at);
  } else {
    auto address = host == "*" ? asio::ip::address{asio::ip::address_v6::any()}
                               : asio::ip::make_address(host, error);
    if (error)
      return failure{ec::os_error, host + ": not an address"};
    at = asio::ip::tcp::endpoint{address, port};
  }
  acceptor.open(at.protocol(), error);
  if (error && host == "*") { // A machine without IPv6.
    at = asio::ip::tcp::endpoint{asio::ip::address_v4::any(), port};
    acceptor.open(at.protocol(), error);
  }
  if (error)
    return os_failure(host, error);
  if (path.empty())
    acceptor.set_option(asio::socket_base::reuse_address{true}, error);
  // Accepted sockets inherit them, from the first on.
  if (path.empty())
    set_options({}, acceptor.native_handle());
  if (at.protocol().family() == AF_INET6)
    acceptor.set_option(asio::ip::v6_only{host != "*"}, error);
  acceptor.bind(at, error);
  // Before it listens: till then nobody gets in, whatever mode the umask made.
  if (!error && !path.empty())
    set_mode(path, options.socket_mode, error);
  if (!error)
    acceptor.listen(options.backlog, error);
  if (!error)
    acceptor.non_blocking(true, error);
  if (error)
    return os_failure(
      path.empty() ? host + " port " + std::to_string(port) : path, error);
  if (path.empty()) {
    auto bound = asio::ip::tcp::endpoint{};
    auto real = acceptor.local_endpoint(error);
    const auto size = std::min(real.size(), bound.capacity());
    std::memcpy(bound.data(), real.data(), size);
    bound.resize(size);
    port = bound.port();
    if (!bound.address().is_unspecified())
      local = to_address(real);
  }
  return listener{std::move(acceptor), std::move(host), port, std::move(path),
                  std::move(local)};
}

asio::awaitable<result<edge_stream>> listener::accept() {
  for (auto said = false;; said = true) {
    auto socket = protocol_type::socket{acceptor_.get_executor()};
    auto from = protocol_type::endpoint{};
    auto [error] = co_await acceptor_.async_accept(socket, from, no_throw);
    if (!error) {
      socket.non_blocking(true, error);
      co_return edge_stream{std::move(socket), peer_of(from), local_};
    }
    if (error == asio::error::operation_aborted || !acceptor_.is_open())
      co_return failure{ec::timed_out, "no longer listening"};
    if (!is_out_of_resources(error))
      continue; // The connection died before we came.
    if (!said)
      log::warn("cannot accept", {log::kv("listener", name()),
                                  log::kv("reason", error.message())});
    auto pause = asio::steady_timer{acceptor_.get_executor(), accept_pause};
    auto [cancelled] = co_await pause.async_wait(no_throw);
    if (cancelled || !acceptor_.is_open())
      co_return failure{ec::timed_out, "no longer listening"};
  }
}

void listener::await_first_bytes(std::chrono::seconds time) noexcept {
  const auto value = static_cast<int>(time.count());
  if (path_.empty())
    ::setsockopt(acceptor_.native_handle(), IPPROTO_TCP, TCP_DEFER_ACCEPT,
                 &value, sizeof(value));
}

std::string listener::name() const {
  if (!path_.empty())
    return path_;
  auto is_v6 = host_.find(':') != std::string::npos;
  return (is_v6 ? "[" + host_ + "]" : host_) + ":" + std::to_string(port_);
}

unique_fd listener::share() noexcept {
  return unique_fd{::fcntl(acceptor_.native_handle(), F_DUPFD_CLOEXEC, 0)};
}

void listener::leave_to_others() noexcept {
  auto error = asio::error_code{};
  if (const auto fd = acceptor_.release(error); !error)
    left_.reset(fd);
}

void listener::close() noexcept {
  auto ignored = asio::error_code{};
  if (!path_.empty())
    remove_own(path_, file_);
  path_.clear();
  // Who shares the socket must not accept any more.
  if (acceptor_.is_open())
    ::shutdown(acceptor_.native_handle(), SHUT_RD);
  if (left_)
    ::shutdown(left_.get(), SHUT_RD);
  left_.reset();
  acceptor_.close(ignored);
}

} // namespace cenote::net
