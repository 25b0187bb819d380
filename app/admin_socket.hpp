#pragma once

#include <functional>
#include <memory>
#include <string>

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <asio/local/stream_protocol.hpp>

#include "base/result.hpp"
#include "net/unique_fd.hpp"
#include "net/unix_socket.hpp"

namespace cenote::app {

/// The unix socket of cenotectl: mode 0600, and only root and the daemon's own
/// user get through (SO_PEERCRED). Edge thread.
class admin_socket {
public:
  using taker = std::function<void(net::unique_fd)>;

  /// Listens at `path`; a socket left behind there is replaced, one that a
  /// living process listens on and any other file are not. Fails with
  /// `os_error`.
  static result<std::unique_ptr<admin_socket>>
  open(asio::io_context& io, const std::string& path, taker take);

  /// Removes the socket's file, unless another is in its place.
  ~admin_socket();
  admin_socket(const admin_socket&) = delete;
  admin_socket& operator=(const admin_socket&) = delete;

  /// Gives each connection to `take`. Ends with this object.
  asio::awaitable<void> accept_forever();

private:
  admin_socket(asio::local::stream_protocol::acceptor acceptor,
               std::string path, taker take);

  asio::local::stream_protocol::acceptor acceptor_;
  std::string path_;
  net::file_identity own_; ///< Of the file that bind made.
  taker take_;
};

} // namespace cenote::app
