// As forwarder.cpp, with io_uring: multishot receive into a ring of buffers,
// which are sent as they are; one system call a turn.
//
//   bench_uring_forwarder LISTEN_PORT SERVER_PORT    (both on 127.0.0.1)

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <deque>
#include <vector>

#include <liburing.h>
#include <sys/socket.h>
#include <unistd.h>

#include "local_tcp.hpp"
#include "local_uring.hpp"

namespace {

constexpr unsigned entries = 1024;
constexpr unsigned buffers = 1024; // A power of two.
constexpr std::uint64_t is_send = 1ull << 32;

struct chunk {
  unsigned buffer;
  unsigned at;
  unsigned size;
};

struct direction {
  int to = -1;              ///< -1: closed.
  std::deque<chunk> unsent; ///< The first one is under way.
};

class forwarder {
public:
  forwarder(const char* port, const char* server)
    : listener_{bare::listen_on(port)},
      server_{bare::local(server)},
      received_{buffers} {
    const auto failed = io_uring_queue_init(
      entries, &ring_, IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN);
    if (failed != 0)
      bare::fail("io_uring", -failed);
    received_.enroll(ring_);
    io_uring_prep_multishot_accept(entry(0), listener_, nullptr, nullptr,
                                   SOCK_CLOEXEC);
    mark();
  }

  [[noreturn]] void run() {
    for (;;) {
      io_uring_submit_and_wait(&ring_, 1);
      bare::take_all(ring_, [this](auto& each) { took(each); });
    }
  }

private:
  io_uring_sqe* entry(std::uint64_t about) {
    next_ = bare::entry(ring_);
    about_ = about;
    return next_;
  }

  void mark() {
    io_uring_sqe_set_data64(next_, about_);
  }

  void receive(int from) {
    auto* what = entry(static_cast<std::uint64_t>(from));
    io_uring_prep_recv_multishot(what, from, nullptr, 0, 0);
    what->flags |= IOSQE_BUFFER_SELECT;
    what->buf_group = 0;
    mark();
  }

  void took(const io_uring_cqe& what) {
    const auto fd = static_cast<int>(what.user_data & 0xffffffff);
    if (what.user_data == 0)
      return take_connection(what.res);
    if ((what.user_data & is_send) != 0)
      return sent(fd, what.res);
    auto& way = ways_[static_cast<std::size_t>(fd)];
    if (what.res > 0) {
      way.unsent.push_back({what.flags >> IORING_CQE_BUFFER_SHIFT, 0,
                            static_cast<unsigned>(what.res)});
      if (way.unsent.size() == 1)
        send_next(fd);
    } else if (what.res != -ENOBUFS) {
      return end(fd);
    }
    if ((what.flags & IORING_CQE_F_MORE) == 0 && way.to >= 0)
      receive(fd);
  }

  void send_next(int from) {
    auto& way = ways_[static_cast<std::size_t>(from)];
    const auto& first = way.unsent.front();
    io_uring_prep_send(entry(static_cast<std::uint64_t>(from) | is_send),
                       way.to, received_.at(first.buffer) + first.at,
                       first.size, MSG_NOSIGNAL | MSG_WAITALL);
    mark();
  }

  void sent(int from, int size) {
    auto& way = ways_[static_cast<std::size_t>(from)];
    auto& first = way.unsent.front();
    first.at += size > 0 ? static_cast<unsigned>(size) : first.size;
    first.size -= size > 0 ? static_cast<unsigned>(size) : first.size;
    if (first.size == 0) {
      received_.give_back(first.buffer);
      way.unsent.pop_front();
    }
    if (!way.unsent.empty() && way.to >= 0)
      send_next(from);
  }

  void take_connection(int client) {
    if (client < 0)
      return;
    const int server = bare::connect_to(server_);
    join(client, server);
    join(server, client);
  }

  void join(int from, int to) {
    bare::send_at_once(from);
    if (ways_.size() <= static_cast<std::size_t>(from))
      ways_.resize(static_cast<std::size_t>(from) + 1);
    ways_[static_cast<std::size_t>(from)].to = to;
    receive(from);
  }

  /// The descriptors stay as they are until this program ends: what is under
  /// way may still name them.
  void end(int one) {
    auto& to = ways_[static_cast<std::size_t>(one)].to;
    if (to < 0)
      return;
    ways_[static_cast<std::size_t>(to)].to = -1;
    shutdown(to, SHUT_RDWR);
    shutdown(one, SHUT_RDWR);
    to = -1;
  }

  io_uring ring_{};
  io_uring_sqe* next_ = nullptr;
  std::uint64_t about_ = 0;
  int listener_;
  sockaddr_in server_;
  bare::buffer_ring received_;
  std::vector<direction> ways_; ///< By descriptor.
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
