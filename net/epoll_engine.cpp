#include "net/epoll_engine.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <sys/socket.h>
#include <unistd.h>

#include "base/assert.hpp"
#include "net/socket_options.hpp"
#include "net/system_failure.hpp"

namespace cenote::net {

namespace {

failure last_error(const char* doing) {
  return system_failure(ec::os_error, doing, errno);
}

} // namespace

result<std::unique_ptr<engine>> make_epoll_engine(const socket_options& options,
                                                  bool batches) {
  auto epoll = unique_fd{::epoll_create1(EPOLL_CLOEXEC)};
  if (!epoll)
    return last_error("epoll_create1");
  auto wakeup = waker::make_event();
  if (!wakeup)
    return last_error("eventfd");
  auto timer = wait_timer::make_timer();
  if (!timer)
    return last_error("timerfd_create");
  // Edge-triggered: each wake is one event and nobody has to read the counter.
  auto event = epoll_event{};
  event.events = EPOLLIN | EPOLLET;
  event.data.ptr = nullptr;
  for (auto* fd : {&wakeup, &timer})
    if (::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, fd->get(), &event) != 0)
      return last_error("epoll_ctl");
  auto batch = std::unique_ptr<send_batch>{};
  if (batches)
    if (auto made = send_batch::make())
      batch = std::move(*made);
  return std::unique_ptr<engine>{std::make_unique<epoll_engine>(
    std::move(epoll), std::move(wakeup), std::move(timer), options,
    std::move(batch))};
}

epoll_engine::epoll_engine(unique_fd epoll, unique_fd wakeup, unique_fd timer,
                           const socket_options& options,
                           std::unique_ptr<send_batch> batch)
  : epoll_{std::move(epoll)},
    waker_{std::move(wakeup)},
    wait_timer_{std::move(timer)},
    options_{options},
    batch_{std::move(batch)},
    received_(limits::receive_bytes_max) {
  static_assert(epoll_outbox::parcels_max <= send_batch::sends_max);
  // Few streams never make these grow, however their turns fall together.
  for (auto* list : {&changed_, &failed_})
    list->reserve(block_streams);
}

epoll_engine::~epoll_engine() {
  for (auto& some : blocks_)
    for (auto& x : *some)
      if (x.at != epoll_stream::phase::closed)
        release(x);
}

// -- streams ------------------------------------------------------------------

epoll_stream& epoll_engine::take_slot() {
  if (free_ == nullptr) {
    blocks_.push_back(std::make_unique<block>());
    for (auto& x : *blocks_.back())
      x.next = std::exchange(free_, &x);
  }
  auto& slot = *free_;
  free_ = std::exchange(slot.next, nullptr);
  return slot;
}

result<stream*> epoll_engine::attach(unique_fd socket,
                                     std::unique_ptr<tls_session> tls,
                                     stream_sink& sink) {
  set_options(options_, socket.get());
  return open(std::move(socket), std::move(tls), sink);
}

result<stream*> epoll_engine::attach_accepted(unique_fd socket,
                                              stream_sink& sink) {
  return open(std::move(socket), nullptr, sink);
}

result<stream*> epoll_engine::open(unique_fd socket,
                                   std::unique_ptr<tls_session> tls,
                                   stream_sink& sink) {
  CENOTE_ASSERT(tls == nullptr || tls->is_established());
  auto& x = take_slot();
  auto event = epoll_event{};
  event.events = EPOLLIN;
  event.data.ptr = &x;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, socket.get(), &event) != 0) {
    auto why = last_error("epoll_ctl");
    x.next = std::exchange(free_, &x);
    return why;
  }
  if (tls != nullptr && plain_.empty()) {
    plain_.resize(plain_bytes);
    cipher_.reserve(plain_bytes);
  }
  x.fd = std::move(socket);
  x.tls = std::move(tls);
  x.sink = &sink;
  x.interest = EPOLLIN;
  x.at = epoll_stream::phase::open;
  return static_cast<stream*>(&x);
}

/// Gives up everything the stream holds but its slot.
void epoll_engine::release(epoll_stream& x) noexcept {
  if (x.is_held)
    send_held();
  // Not left to close: the socket may have been duplicated.
  if (x.fd && !x.parked)
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, x.fd.get(), nullptr);
  x.fd.reset();
  x.tls.reset();
  x.unsent.clear(chunks_);
  if (x.at == epoll_stream::phase::lingering)
    delete x.linger;
  x.at = epoll_stream::phase::closed;
  x.next = std::exchange(closed_, &x);
}

void epoll_engine::note_change(epoll_stream& x) noexcept {
  if (x.in_changed_list)
    return;
  x.in_changed_list = true;
  changed_.push_back(&x);
}

void epoll_engine::note_failure(epoll_stream& x, int error) noexcept {
  x.unsent.clear(chunks_);
  if (x.in_failed_list)
    return;
  x.send_error = static_cast<std::int16_t>(error);
  x.in_failed_list = true;
  failed_.push_back(&x);
}

// -- what a sink may ask for --------------------------------------------------

void epoll_engine::pause(stream& which) noexcept {
  own(which).paused = true;
}

[[gnu::hot]] void epoll_engine::resume(stream& which) noexcept {
  auto& x = own(which);
  if (!x.paused)
    return;
  x.paused = false;
  if (x.masked || x.parked)
    note_change(x);
}

void epoll_engine::close(stream& which) noexcept {
  auto& x = own(which);
  if (x.at == epoll_stream::phase::open)
    release(x);
}

void epoll_engine::close_when_sent(stream& which,
                                   time_point deadline) noexcept {
  auto& x = own(which);
  if (x.at != epoll_stream::phase::open)
    return;
  if (x.tls != nullptr) {
    cipher_.clear();
    x.tls->close_notify(cipher_);
    transmit(x, cipher_);
    x.tls.reset();
  }
  if (x.is_held)
    send_held();
  if (x.parked || x.in_failed_list) {
    release(x);
    return;
  }
  x.at = epoll_stream::phase::lingering;
  x.paused = false;
  x.full = false;
  x.linger = new epoll_stream::linger_time{x};
  lingering_.arm(*x.linger, deadline);
  if (x.unsent.empty())
    end_writing(x);
  note_change(x);
}

/// All is sent. The peer learns it, and what it still says is dropped until it
/// ends too: closing on unread input would reset the connection and the peer
/// could lose what was sent last.
void epoll_engine::end_writing(epoll_stream& x) noexcept {
  x.write_ended = true;
  if (x.read_ended || ::shutdown(x.fd.get(), SHUT_WR) != 0)
    release(x);
}

void epoll_engine::stop_writing(stream& which) noexcept {
  auto& x = own(which);
  if (x.is_held)
    send_held();
  if (x.at != epoll_stream::phase::open || x.in_failed_list)
    return;
  x.unsent.clear(chunks_);
  x.full = false;
  if (::shutdown(x.fd.get(), SHUT_WR) != 0)
    return note_failure(x, errno);
  note_change(x);
}

result<engine::detached> epoll_engine::detach(stream& which) noexcept {
  auto& x = own(which);
  if (x.is_held)
    send_held();
  if (x.at != epoll_stream::phase::open || x.in_failed_list
      || !x.unsent.empty())
    return failure{ec::os_error, "the stream is not at rest"};
  if (!x.parked)
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, x.fd.get(), nullptr);
  auto given = detached{std::move(x.fd), std::move(x.tls)};
  release(x);
  return given;
}

void epoll_engine::redirect(stream& which, stream_sink& sink) noexcept {
  auto& x = own(which);
  if (x.at == epoll_stream::phase::open)
    x.sink = &sink;
}

// -- what is no stream --------------------------------------------------------

result<void> epoll_engine::watch(int fd, ready_sink& who) {
  auto at = std::ranges::find(watched_, nullptr,
                              [](const auto& each) { return each->who; });
  if (at == watched_.end())
    at = watched_.insert(at, std::make_unique<epoll_watched>());
  auto event = epoll_event{};
  event.events = EPOLLIN | EPOLLEXCLUSIVE;
  event.data.u64 = reinterpret_cast<std::uintptr_t>(at->get()) | 1;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0)
    return last_error("epoll_ctl");
  set_options(options_, fd);
  **at = {&who, fd};
  return {};
}

void epoll_engine::unwatch(ready_sink& who) noexcept {
  for (auto& each : watched_)
    if (each->who == &who) {
      ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, each->fd, nullptr);
      *each = {};
    }
}

void epoll_engine::wake() noexcept {
  waker_.wake();
}

const char* epoll_engine::name() const noexcept {
  return "epoll";
}

} // namespace cenote::net
