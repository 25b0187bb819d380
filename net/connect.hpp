#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/basic_socket_acceptor.hpp>
#include <asio/generic/stream_protocol.hpp>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "net/edge_stream.hpp"
#include "net/unix_socket.hpp"

namespace cenote::net {

/// Connects to `host`: a name (each of its addresses is tried in turn), an IP
/// literal, or a directory (`/run/postgresql` stands for the socket
/// `/run/postgresql/.s.PGSQL.<port>`). All of it within `time_max`. Runs on the
/// caller's executor; names are looked up on threads beside it. Fails with
/// `server_resolve_failed`, `server_connect_failed`, `server_connect_timeout`.
asio::awaitable<result<edge_stream>>
connect(std::string host, std::uint16_t port, duration time_max);

struct listen_options {
  int backlog = 1024; ///< Connections that the kernel holds before accept.
  std::uint32_t socket_mode = 0777; ///< Who may connect to a unix socket.
};

/// A listening socket. Edge only.
class listener {
public:
  /// Listens on `host`: an IP literal, `*` (all addresses), or a directory
  /// (see `connect`; a socket that nobody serves any more is replaced). Port 0
  /// takes any free port. Fails with `os_error`.
  static result<listener> open(asio::any_io_executor on, std::string host,
                               std::uint16_t port,
                               const listen_options& options = {});

  listener(listener&& other) noexcept;
  listener& operator=(listener&&) = delete;
  ~listener();

  /// The next connection. Out of descriptors or memory it waits a moment and
  /// tries again; a connection that died in the queue is skipped. Fails only
  /// when the listener was closed or the wait was cancelled (`timed_out`).
  asio::awaitable<result<edge_stream>> accept();

  /// Shows a connection only when its first bytes are there, or about `time`
  /// after it was made: whoever accepts it need not wait for them. TCP only.
  void await_first_bytes(std::chrono::seconds time) noexcept;

  /// The port in use; for a unix socket the number in its name.
  [[nodiscard]] std::uint16_t port() const noexcept {
    return port_;
  }

  /// "127.0.0.1:6543", "[::1]:6543" or a path.
  [[nodiscard]] std::string name() const;

  /// The same socket once more, for whoever accepts on another thread: with
  /// accept4, which fails with EINVAL once the listener is closed. Invalid if
  /// the system refuses it (errno).
  [[nodiscard]] unique_fd share() noexcept;

  /// Others accept, who share the socket: `accept` must not be called any more,
  /// and no connection wakes this thread.
  void leave_to_others() noexcept;

  /// Where all connections arrive; empty if each arrives somewhere else.
  [[nodiscard]] const std::optional<address>& local() const noexcept {
    return local_;
  }

  /// Stops listening, also who shares the socket; a pending `accept` fails.
  /// Removes a unix socket's file, unless another is in its place.
  void close() noexcept;

private:
  using protocol_type = asio::generic::stream_protocol;
  using acceptor_type = asio::basic_socket_acceptor<protocol_type>;

  listener(acceptor_type acceptor, std::string host, std::uint16_t port,
           std::string path, std::optional<address> local);

  acceptor_type acceptor_;
  unique_fd left_; ///< Instead of `acceptor_`, when others accept.
  std::string host_;
  std::uint16_t port_;
  std::string path_;   ///< Of a unix socket, else empty.
  file_identity file_; ///< Of the file that bind made there.
  /// What each accepted socket's own end is; empty if it listens on several.
  std::optional<address> local_;
};

} // namespace cenote::net
