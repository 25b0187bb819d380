// What no pooler can cost less than with epoll: takes a connection, opens one to the
// server, and passes bytes on between the two. No message is looked at, nothing is
// pooled, nothing is limited; one thread, level-triggered, one buffer.
//
//   bench_forwarder LISTEN_PORT SERVER_PORT    (both on 127.0.0.1)
//
// For bench/run only: a peer that does not read makes it wait.

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

constexpr int events_max = 256;
constexpr std::size_t buffer_bytes = 64 * 1024;

[[noreturn]] void fail(const char* what) {
  std::perror(what);
  std::exit(1);
}

sockaddr_in local(const char* port) {
  sockaddr_in out{};
  out.sin_family = AF_INET;
  out.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  out.sin_port = htons(static_cast<std::uint16_t>(std::atoi(port)));
  return out;
}

int tcp_socket() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0)
    fail("socket");
  return fd;
}

int listen_on(const char* port) {
  const int fd = tcp_socket();
  const int on = 1;
  const auto where = local(port);
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(fd, reinterpret_cast<const sockaddr*>(&where), sizeof where) != 0
      || listen(fd, SOMAXCONN) != 0)
    fail("listen");
  return fd;
}

class forwarder {
public:
  forwarder(const char* port, const char* server)
    : epoll_{epoll_create1(EPOLL_CLOEXEC)},
      listener_{listen_on(port)},
      server_{local(server)} {
    watch(listener_);
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
      fail("epoll_ctl");
  }

  void take_connection() {
    const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0)
      return;
    const int server = tcp_socket();
    if (connect(server, reinterpret_cast<const sockaddr*>(&server_),
                sizeof server_)
        != 0)
      fail("connect");
    join(client, server);
    join(server, client);
  }

  void join(int from, int to) {
    const int on = 1;
    setsockopt(from, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (peers_.size() <= static_cast<std::size_t>(from))
      peers_.resize(static_cast<std::size_t>(from) + 1, -1);
    peers_[static_cast<std::size_t>(from)] = to;
    watch(from);
  }

  void pass_on(int from) {
    const int to = peers_[static_cast<std::size_t>(from)];
    if (to < 0) // Closed in this turn.
      return;
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
  char buffer_[buffer_bytes];
};

} // namespace

int main(int count, char** words) {
  if (count != 3) {
    std::fprintf(stderr, "usage: %s LISTEN_PORT SERVER_PORT\n", words[0]);
    return 2;
  }
  static forwarder it{words[1], words[2]};
  it.run();
}
