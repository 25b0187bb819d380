#include "app/admin_socket.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utility>

#include <asio/experimental/as_tuple.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>

#include "base/log.hpp"

namespace cenote::app {

namespace {

using asio::local::stream_protocol;

constexpr int backlog = 16;
constexpr auto pause_after_error = std::chrono::milliseconds{100};

bool may_enter(int fd) {
  ucred who{};
  socklen_t size = sizeof who;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) != 0)
    return false;
  return who.uid == 0 || who.uid == geteuid();
}

/// A daemon that was killed leaves its socket's file behind.
void remove_leftover(const std::string& path) {
  struct stat found {};
  if (stat(path.c_str(), &found) == 0 && S_ISSOCK(found.st_mode))
    unlink(path.c_str());
}

} // namespace

admin_socket::admin_socket(stream_protocol::acceptor acceptor, std::string path,
                           taker take)
  : acceptor_{std::move(acceptor)},
    path_{std::move(path)},
    own_{net::identity_of(path_)},
    take_{std::move(take)} {
  // nop
}

admin_socket::~admin_socket() {
  net::remove_own(path_, own_);
}

result<std::unique_ptr<admin_socket>>
admin_socket::open(asio::io_context& io, const std::string& path, taker take) {
  if (net::is_served(path))
    return failure{ec::os_error,
                   "admin.socket " + path + ": in use by another process"};
  remove_leftover(path);
  stream_protocol::acceptor acceptor{io};
  std::error_code error;
  acceptor.open(stream_protocol{}, error);
  auto before = umask(0177);
  if (!error)
    acceptor.bind(stream_protocol::endpoint{path}, error);
  umask(before);
  if (!error)
    acceptor.listen(backlog, error);
  if (error)
    return failure{ec::os_error,
                   "admin.socket " + path + ": " + error.message()};
  return std::unique_ptr<admin_socket>{
    new admin_socket{std::move(acceptor), path, std::move(take)}};
}

asio::awaitable<void> admin_socket::accept_forever() {
  auto timer = asio::steady_timer{acceptor_.get_executor()};
  for (;;) {
    auto [error, peer] = co_await acceptor_.async_accept(
      asio::experimental::as_tuple(asio::use_awaitable));
    if (error == asio::error::operation_aborted)
      co_return;
    if (error) { // Out of descriptors, perhaps: do not spin.
      timer.expires_after(pause_after_error);
      auto [stopped] = co_await timer.async_wait(
        asio::experimental::as_tuple(asio::use_awaitable));
      if (stopped)
        co_return;
      continue;
    }
    if (!may_enter(peer.native_handle())) {
      log::warn("a stranger knocked at the admin socket");
      continue;
    }
    take_(net::unique_fd{peer.release()});
  }
}

} // namespace cenote::app
