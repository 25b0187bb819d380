// What no pooler can cost less than with epoll: takes a connection, opens one
// to the server, and passes bytes on between the two. No message is looked at,
// nothing is pooled, nothing is limited; one thread, level-triggered, one
// buffer.
//
//   bench_forwarder LISTEN_PORT SERVER_PORT [splice]    (both on 127.0.0.1)
//
// `splice`: through a pipe, so that no byte is copied to this process. A pooler
// could do that with a body only whose length it knows, not with a result of
// many rows.
//
// For bench/run only: a peer that does not read makes it wait.

#include <cerrno>
#include <cstdio>
#include <string_view>
#include <vector>

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "local_tcp.hpp"

namespace {

constexpr int events_max = 256;
constexpr std::size_t buffer_bytes = 64 * 1024;

class forwarder {
public:
  forwarder(const char* port, const char* server, bool splices)
    : epoll_{epoll_create1(EPOLL_CLOEXEC)},
      listener_{bare::listen_on(port)},
      server_{bare::local(server)},
      splices_{splices} {
    watch(listener_);
    if (pipe2(pipe_, O_CLOEXEC) != 0
        || fcntl(pipe_[1], F_SETPIPE_SZ, buffer_bytes) < 0)
      bare::fail("pipe");
  }

  [[noreturn]] void run() {
    epoll_event ready[events_max];
    for (;;) {
      const int count = epoll_wait(epoll_, ready, events_max, -1);
      for (int i = 0; i < count; ++i)
        if (ready[i].data.fd == listener_)
          take_connection();
        else
          pass_on(ready[i].data.fd);
    }
  }

private:
  void watch(int fd) {
    epoll_event what{};
    what.events = EPOLLIN;
    what.data.fd = fd;
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &what) != 0)
      bare::fail("epoll_ctl");
  }

  void take_connection() {
    const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0)
      return;
    const int server = bare::connect_to(server_);
    join(client, server);
    join(server, client);
  }

  void join(int from, int to) {
    bare::send_at_once(from);
    if (peers_.size() <= static_cast<std::size_t>(from))
      peers_.resize(static_cast<std::size_t>(from) + 1, -1);
    peers_[static_cast<std::size_t>(from)] = to;
    watch(from);
  }

  void pass_on(int from) {
    const int to = peers_[static_cast<std::size_t>(from)];
    if (to < 0) // Closed in this turn.
      return;
    if (splices_)
      return pass_through_pipe(from, to);
    auto size = recv(from, buffer_, sizeof buffer_, MSG_DONTWAIT);
    if (size < 0 && errno == EAGAIN)
      return;
    for (const char* at = buffer_; size > 0;) {
      const auto sent
        = send(to, at, static_cast<std::size_t>(size), MSG_NOSIGNAL);
      if (sent <= 0)
        return end(from, to);
      at += sent;
      size -= sent;
      if (size == 0)
        return;
    }
    end(from, to);
  }

  void pass_through_pipe(int from, int to) {
    auto size = splice(from, nullptr, pipe_[1], nullptr, buffer_bytes,
                       SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    if (size < 0 && errno == EAGAIN)
      return;
    if (size <= 0)
      return end(from, to);
    while (size > 0) {
      const auto sent = splice(pipe_[0], nullptr, to, nullptr,
                               static_cast<std::size_t>(size), SPLICE_F_MOVE);
      if (sent <= 0)
        bare::fail(
          "splice"); // What is left in the pipe is somebody else's now.
      size -= sent;
    }
  }

  void end(int one, int other) {
    for (int fd : {one, other}) {
      peers_[static_cast<std::size_t>(fd)] = -1;
      close(fd);
    }
  }

  int epoll_;
  int listener_;
  sockaddr_in server_;
  std::vector<int> peers_; ///< By descriptor; -1: none.
  bool splices_;
  int pipe_[2];
  char buffer_[buffer_bytes];
};

} // namespace

int main(int count, char** words) {
  const auto splices = count == 4 && std::string_view{words[3]} == "splice";
  if (count != 3 && !splices) {
    std::fprintf(stderr, "usage: %s LISTEN_PORT SERVER_PORT [splice]\n",
                 words[0]);
    return 2;
  }
  static forwarder it{words[1], words[2], splices};
  it.run();
}
