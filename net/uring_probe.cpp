#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

#include <sys/socket.h>

#include "net/system_failure.hpp"
#include "net/tls.hpp"
#include "net/uring.hpp"

namespace cenote::net {

namespace {

/// More than a socket pair takes at once, so that sends must be cut.
constexpr std::size_t probe_bytes = 4 << 20;
constexpr auto probe_time_max = std::chrono::seconds{5};

failure unavailable(const char* what) {
  return {ec::engine_unavailable, std::string{"probe of io_uring: "} + what};
}

/// Counts what comes and checks that it is what was sent.
struct counter final : stream_sink {
  void on_bytes(slice in) override {
    for (auto x : in.bytes)
      is_right &= x == static_cast<std::byte>(received++ % 251);
    if (!is_echoed)
      return;
    is_echoed = false;
    host->send(*own, in);
  }

  void on_drained() override {
    is_drained = true;
  }

  void on_closed(const failure&) override {
    is_closed = true;
  }

  engine* host = nullptr;
  stream* own = nullptr;
  std::size_t received = 0;
  bool is_right = true;
  bool is_echoed = false;
  bool is_drained = false;
  bool is_closed = false;
};

} // namespace

result<void> probe_uring() {
  auto made = make_uring_engine();
  if (!made)
    return made.error();
  auto& on = **made;
  int both[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, both)
      != 0)
    return system_failure(ec::engine_unavailable, "socketpair", errno);
  counter sinks[2];
  for (std::size_t i = 0; i < 2; ++i) {
    auto attached = on.attach(unique_fd{both[i]}, nullptr, sinks[i]);
    if (!attached) {
      if (i == 0)
        unique_fd{both[1]}.reset();
      return unavailable("a socket was refused");
    }
    sinks[i].host = &on;
    sinks[i].own = *attached;
  }
  const auto give_up = clock::now() + probe_time_max;
  auto run_until = [&](auto done) {
    while (!done() && on.now() < give_up)
      on.run_turn(give_up);
    return done();
  };
  // A word there and back, in the kernel's buffers.
  sinks[1].is_echoed = true;
  const auto word = std::vector<std::byte>(1, std::byte{0});
  on.send_copy(*sinks[0].own, word);
  if (!run_until([&] { return sinks[0].received == 1; }))
    return unavailable("an echo did not come back");
  sinks[0].received = 0;
  sinks[1].received = 0;
  // Much at once to a peer that is paused for a while.
  auto much = std::vector<std::byte>(probe_bytes);
  for (std::size_t i = 0; i < much.size(); ++i)
    much[i] = static_cast<std::byte>(i % 251);
  on.pause(*sinks[1].own);
  on.send_copy(*sinks[0].own, much);
  for (int i = 0; i < 4; ++i)
    on.run_turn(on.now());
  on.resume(*sinks[1].own);
  if (!run_until([&] { return sinks[1].received == much.size(); })
      || !sinks[1].is_right || !sinks[0].is_drained)
    return unavailable("bytes were lost");
  on.close(*sinks[0].own);
  if (!run_until([&] { return sinks[1].is_closed; }))
    return unavailable("an end was not heard of");
  return {};
}

} // namespace cenote::net
