// The least that a pooler can cost with io_uring: clients over a fixed number
// of servers, one thread, one ring, and what the engine of cenote does to be
// fast (direct descriptors, multishot receive into a ring of buffers, sends
// straight from them that complete only when they fail, one system call a
// turn).
//
//   bench_pool_uring LISTEN_PORT SERVER_PORT SERVERS transaction|session
//
// It logs its servers in once, by trust, and answers every client with what the
// first one said. It is a floor and no pooler: it looks at the first byte of
// what a client says and at the last six of what a server says, and takes it
// for granted that pgbench's messages come whole, that replies are read at
// once, that nobody leaves within a transaction, and that an answer that ends
// in ReadyForQuery really does. No authentication, no limit, no clock, no
// cancel, no TLS. Session mode lends a server for a client's whole life and
// says DISCARD ALL in between, so that names of prepared statements are free
// again.

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <liburing.h>
#include <sys/socket.h>
#include <unistd.h>

#include "local_tcp.hpp"
#include "local_uring.hpp"
#include "trust_login.hpp"

namespace {

constexpr unsigned entries = 1024;
constexpr unsigned buffers = 512; // A power of two.
constexpr unsigned files = 4096;  // Servers and clients.
constexpr int nobody = -1;

enum operation : std::uint64_t {
  op_accept = 0,
  op_receive = 1ull << 32,
  op_send = 2ull << 32,
  op_close = 3ull << 32,
};

struct chunk {
  unsigned buffer;
  unsigned size; ///< 0: none.
};

/// A client or a server, by its slot in the table of registered descriptors.
struct peer {
  int partner = nobody;
  bool is_greeted = false; ///< Clients only.
  chunk waiting{};         ///< What a client said that has no server yet.
};

class pool {
public:
  pool(const char* port, const char* server, unsigned servers, bool lends_long)
    : servers_{static_cast<int>(servers)},
      lends_long_{lends_long},
      received_{buffers},
      peers_(files) {
    bare::open(ring_, entries, files);
    received_.enroll(ring_);
    const auto where = bare::local(server);
    for (int slot = 0; slot < servers_; ++slot)
      add_server(slot, bare::connect_to(where));
    listener_ = bare::listen_on(port);
    bare::send_at_once(listener_); // Clients inherit it.
    accept();
  }

  [[noreturn]] void run() {
    for (;;) {
      io_uring_submit_and_wait(&ring_, 1);
      // The kernel has all that was to send, or will say that it has not.
      for (const auto buffer : leaving_)
        received_.give_back(buffer);
      leaving_.clear();
      bare::take_all(ring_, [this](auto& each) { took(each); });
    }
  }

private:
  // -- the ring ---------------------------------------------------------------

  static void mark(io_uring_sqe* what, operation how, int slot) {
    io_uring_sqe_set_data64(what, how | static_cast<unsigned>(slot));
  }

  void accept() {
    auto* what = bare::entry(ring_);
    io_uring_prep_multishot_accept_direct(what, listener_, nullptr, nullptr, 0);
    mark(what, op_accept, 0);
  }

  void receive(int from) {
    auto* what = bare::entry(ring_);
    io_uring_prep_recv_multishot(what, from, nullptr, 0, 0);
    what->flags |= IOSQE_BUFFER_SELECT | IOSQE_FIXED_FILE;
    what->buf_group = 0;
    mark(what, op_receive, from);
  }

  /// Tried once, by the next submission. `bytes` stay where they are until
  /// then.
  void send(int to, std::string_view bytes) {
    auto* what = bare::entry(ring_);
    io_uring_prep_send(what, to, bytes.data(), bytes.size(),
                       MSG_NOSIGNAL | MSG_DONTWAIT | MSG_WAITALL);
    what->flags |= IOSQE_FIXED_FILE | IOSQE_CQE_SKIP_SUCCESS;
    mark(what, op_send, to);
  }

  void send(int to, chunk what) {
    send(to, std::string_view{received_.at(what.buffer), what.size});
    leaving_.push_back(what.buffer);
  }

  void took(const io_uring_cqe& what) {
    const auto slot = static_cast<int>(what.user_data & 0xffffffff);
    switch (what.user_data & ~0xffffffffull) {
      case op_accept:
        return take_client(what);
      case op_receive:
        return hear(slot, what);
      case op_send: // It was cut short, or its client has gone.
        if (what.res >= 0 || what.res == -EAGAIN)
          bare::fail("a peer that does not read", EAGAIN);
        return;
      default:
        bare::fail("close", -what.res);
    }
  }

  void hear(int from, const io_uring_cqe& what) {
    if (what.res > 0) {
      const chunk got{what.flags >> IORING_CQE_BUFFER_SHIFT,
                      static_cast<unsigned>(what.res)};
      if (from < servers_)
        hear_server(from, got);
      else
        hear_client(from, got);
    } else if (what.res != -ENOBUFS) {
      return end(from);
    }
    if ((what.flags & IORING_CQE_F_MORE) == 0)
      receive(from);
  }

  // -- servers ----------------------------------------------------------------

  void add_server(int slot, int fd) {
    auto heard = bare::log_in(fd);
    if (greeting_.empty())
      greeting_ = std::move(heard);
    bare::send_at_once(fd);
    if (io_uring_register_files_update(&ring_, static_cast<unsigned>(slot), &fd,
                                       1)
        != 1)
      bare::fail("files");
    close(fd); // The table has it.
    free_.push_back(slot);
    receive(slot);
  }

  void hear_server(int server, chunk got) {
    const auto client = peer_at(server).partner;
    const auto is_idle
      = std::string_view{received_.at(got.buffer), got.size}.ends_with(
        bare::ready_idle);
    if (client != nobody)
      send(client, got);
    else
      received_.give_back(got.buffer);
    if (!is_idle || (lends_long_ && client != nobody))
      return;
    if (client != nobody)
      part(client, server);
    if (waiters_.empty()) {
      free_.push_back(server);
      return;
    }
    const auto next = waiters_.front();
    waiters_.pop_front();
    join(next, server);
    send(server, std::exchange(peer_at(next).waiting, {}));
  }

  void join(int client, int server) {
    peer_at(client).partner = server;
    peer_at(server).partner = client;
  }

  void part(int client, int server) {
    peer_at(client).partner = nobody;
    peer_at(server).partner = nobody;
  }

  // -- clients ----------------------------------------------------------------

  void take_client(const io_uring_cqe& what) {
    if (what.res < 0)
      bare::fail("accept", -what.res);
    peer_at(what.res) = {};
    receive(what.res);
    if ((what.flags & IORING_CQE_F_MORE) == 0)
      accept();
  }

  void hear_client(int client, chunk got) {
    auto& it = peer_at(client);
    const auto* said = received_.at(got.buffer);
    if (!it.is_greeted)
      return greet(client, got);
    if (*said == 'X') // Its end follows.
      return received_.give_back(got.buffer);
    if (it.partner == nobody) {
      if (it.waiting.size != 0)
        bare::fail("a message in parts", EPROTO);
      if (free_.empty()) {
        it.waiting = got;
        waiters_.push_back(client);
        return;
      }
      join(client, free_.back());
      free_.pop_back();
    }
    send(it.partner, got);
  }

  void greet(int client, chunk got) {
    const auto is_startup
      = got.size >= 8
     && bare::number_at(received_.at(got.buffer) + 4) == bare::protocol_3;
    peer_at(client).is_greeted = is_startup;
    // Anything else asks for TLS or the like.
    send(client, is_startup ? std::string_view{greeting_} : "N");
    received_.give_back(got.buffer);
  }

  /// The peer hung up; nothing is received from it any more.
  void end(int slot) {
    if (slot < servers_)
      bare::fail("a server is gone", ECONNRESET);
    auto& it = peer_at(slot);
    if (it.waiting.size != 0) {
      received_.give_back(it.waiting.buffer);
      std::erase(waiters_, slot);
    }
    if (const auto server = it.partner; server != nobody) {
      part(slot, server);
      if (lends_long_)
        send(server, discard_);
    }
    auto* what = bare::entry(ring_);
    io_uring_prep_close_direct(what, static_cast<unsigned>(slot));
    what->flags |= IOSQE_CQE_SKIP_SUCCESS;
    mark(what, op_close, slot);
  }

  [[nodiscard]] peer& peer_at(int slot) {
    return peers_[static_cast<std::size_t>(slot)];
  }

  io_uring ring_{};
  int listener_ = nobody;
  int servers_; ///< Slots below are servers.
  bool lends_long_;
  bare::buffer_ring received_;
  std::vector<peer> peers_;       ///< By slot.
  std::vector<int> free_;         ///< Servers; the last one is taken first.
  std::deque<int> waiters_;       ///< Clients, in their order.
  std::vector<unsigned> leaving_; ///< Buffers that the next submission sends.
  std::string greeting_;
  const std::string discard_ = bare::simple_query("discard all");
};

} // namespace

int main(int count, char** words) {
  const auto mode = std::string_view{count == 5 ? words[4] : ""};
  const auto servers = count == 5 ? std::atoi(words[3]) : 0;
  if (servers < 1 || servers >= static_cast<int>(files)
      || (mode != "session" && mode != "transaction")) {
    std::fprintf(stderr,
                 "usage: %s LISTEN_PORT SERVER_PORT SERVERS "
                 "transaction|session\n",
                 words[0]);
    return 2;
  }
  static pool it{words[1], words[2], static_cast<unsigned>(servers),
                 mode == "session"};
  it.run();
}
