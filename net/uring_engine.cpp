#include "net/uring_engine.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/assert.hpp"
#include "net/socket_options.hpp"
#include "net/system_failure.hpp"

namespace cenote::net {

result<std::unique_ptr<engine>> make_uring_engine(const socket_options& options,
                                                  const uring_tuning& tuning) {
  auto wakeup = waker::make_event();
  if (!wakeup)
    return system_failure(ec::engine_unavailable, "eventfd", errno);
  auto timer = wait_timer::make_timer();
  if (!timer)
    return system_failure(ec::engine_unavailable, "timerfd_create", errno);
  auto made = std::make_unique<uring_engine>(std::move(wakeup),
                                             std::move(timer), options, tuning);
  if (auto opened = made->open(); !opened)
    return opened.error();
  return std::unique_ptr<engine>{std::move(made)};
}

uring_engine::uring_engine(unique_fd wakeup, unique_fd timer,
                           const socket_options& options,
                           const uring_tuning& tuning)
  : waker_{std::move(wakeup)},
    wait_timer_{std::move(timer)},
    options_{options},
    bulk_from_bytes_{tuning.bulk_from_bytes},
    buffers_{1, tuning.buffer_count, tuning.buffer_bytes},
    bulk_buffers_{2, tuning.bulk_buffer_count, tuning.bulk_buffer_bytes} {
  CENOTE_ASSERT(tuning.bulk_buffer_bytes <= limits::receive_bytes_max);
  // Few streams never make these grow, however their turns fall together.
  for (auto* list : {&changed_, &resumed_, &failed_, &ended_, &listed_})
    list->reserve(block_streams);
}

uring_engine::~uring_engine() {
  for (auto& some : blocks_)
    for (auto& x : *some) {
      x.fd.reset();
      x.unsent.clear(chunks_);
      x.arrived.clear(chunks_);
      if (x.at == uring_stream::phase::lingering)
        delete x.linger;
    }
}

result<void> uring_engine::open() {
  if (auto opened = ring_.open(); !opened)
    return opened;
  if (auto enrolled = buffers_.enroll(ring_.raw()); !enrolled)
    return enrolled;
  return bulk_buffers_.enroll(ring_.raw());
}

/// The ring belongs to the thread that uses it first.
void uring_engine::own_thread() noexcept {
  if (ring_.is_adopted())
    return;
  ring_.adopt();
  watch_always(waker_.fd(), op_wake);
  watch_always(wait_timer_.fd(), op_ring);
}

/// One completion each time `fd` becomes readable, and nobody has to read it.
void uring_engine::watch_always(int fd, operation tag) noexcept {
  auto& entry = ring_.next(IORING_OP_POLL_ADD);
  entry.fd = fd;
  entry.poll32_events = POLLIN;
  entry.len = IORING_POLL_ADD_MULTI;
  entry.user_data = tag;
}

// -- streams ------------------------------------------------------------------

uring_stream& uring_engine::take_slot() {
  if (free_ == nullptr) {
    auto first = blocks_.size() * block_streams;
    blocks_.push_back(std::make_unique<block>());
    for (std::size_t i = block_streams; i-- > 0;) {
      auto& x = (*blocks_.back())[i];
      x.slot = static_cast<std::uint32_t>(first + i);
      x.next = std::exchange(free_, &x);
    }
  }
  auto& slot = *free_;
  free_ = std::exchange(slot.next, nullptr);
  return slot;
}

result<stream*> uring_engine::attach(unique_fd socket,
                                     std::unique_ptr<tls_session> tls,
                                     stream_sink& sink) {
  set_options(options_, socket.get());
  return open(std::move(socket), std::move(tls), sink);
}

result<stream*> uring_engine::attach_accepted(unique_fd socket,
                                              stream_sink& sink) {
  return open(std::move(socket), nullptr, sink);
}

result<stream*> uring_engine::open(unique_fd socket,
                                   std::unique_ptr<tls_session> tls,
                                   stream_sink& sink) {
  CENOTE_ASSERT(tls == nullptr || tls->is_established());
  own_thread();
  auto& x = take_slot();
  if (x.slot < ring_.files()) {
    if (!ring_.set_file(x.slot, socket.get())) {
      x.next = std::exchange(free_, &x);
      return failure{ec::os_error, "io_uring_register file"};
    }
    x.has_file = true;
  }
  if (tls != nullptr && plain_.empty())
    plain_.resize(plain_bytes);
  x.fd = std::move(socket);
  x.tls = std::move(tls);
  x.sink = &sink;
  x.at = uring_stream::phase::open;
  note_change(x);
  return static_cast<stream*>(&x);
}

/// Gives up what the kernel does not need any more. What was sent just now
/// still leaves.
void uring_engine::release(uring_stream& x) noexcept {
  x.tls.reset();
  x.arrived.clear(chunks_);
  if (!x.sending)
    x.unsent.clear(chunks_);
  if (x.at == uring_stream::phase::lingering)
    delete x.linger;
  x.at = uring_stream::phase::ending;
  ended_.push_back(&x);
  note_change(x);
}

/// What a later stream must not find.
void uring_engine::reset(uring_stream& x) noexcept {
  x.unsent.clear(chunks_);
  x.send_error = 0;
  x.read_error = 0;
  x.at = uring_stream::phase::closed;
  x.in_bulk = false;
  x.paused = false;
  x.full = false;
  x.watch_over = false;
  x.hung_up = false;
  x.write_ended = false;
  x.read_ended = false;
  x.hushed = false;
}

void uring_engine::note_change(uring_stream& x) noexcept {
  if (x.in_changed_list)
    return;
  x.in_changed_list = true;
  changed_.push_back(&x);
}

void uring_engine::note_resumed(uring_stream& x) noexcept {
  if (x.in_resumed_list)
    return;
  x.in_resumed_list = true;
  resumed_.push_back(&x);
}

void uring_engine::note_failure(uring_stream& x, int error) noexcept {
  if (x.in_failed_list)
    return;
  x.in_failed_list = true;
  x.send_error = static_cast<std::int16_t>(error);
  failed_.push_back(&x);
  filling_.drop(x.fresh);
  if (!x.sending)
    x.unsent.clear(chunks_);
}

std::size_t uring_engine::unsent(const stream& of) const noexcept {
  auto& x = own(of);
  return std::size_t{x.fresh.size} + x.leaving.size + x.unsent.size();
}

// -- what a sink may ask for --------------------------------------------------

void uring_engine::pause(stream& which) noexcept {
  own(which).paused = true;
}

void uring_engine::resume(stream& which) noexcept {
  auto& x = own(which);
  if (!x.paused)
    return;
  x.paused = false;
  x.watch_over = false;
  x.hung_up = false;
  if (x.arrived.empty() && !x.read_ended)
    note_change(x);
  else
    note_resumed(x);
}

void uring_engine::close(stream& which) noexcept {
  auto& x = own(which);
  if (x.at == uring_stream::phase::open)
    release(x);
}

void uring_engine::close_when_sent(stream& which,
                                   time_point deadline) noexcept {
  auto& x = own(which);
  if (x.at != uring_stream::phase::open)
    return;
  if (x.tls != nullptr) {
    if (!x.in_failed_list) {
      auto written = filling_.copies().size();
      x.tls->close_notify(filling_.copies());
      join_outbox(x);
      filling_.add_written(x.fresh, written);
    }
    x.tls.reset();
  }
  if (x.hung_up || x.in_failed_list) {
    release(x);
    return;
  }
  x.at = uring_stream::phase::lingering;
  x.paused = false;
  x.full = false;
  x.arrived.clear(chunks_);
  x.linger = new uring_stream::linger_time{x};
  lingering_.arm(*x.linger, deadline);
  if (unsent(x) == 0)
    end_writing(x);
  if (x.at == uring_stream::phase::lingering)
    note_change(x);
}

/// All is sent. The peer learns it, and what it still says is dropped until it
/// ends too: closing on unread input would reset the connection and the peer
/// could lose what was sent last.
void uring_engine::end_writing(uring_stream& x) noexcept {
  x.write_ended = true;
  if (x.read_ended || ::shutdown(x.fd.get(), SHUT_WR) != 0)
    release(x);
}

void uring_engine::stop_writing(stream& which) noexcept {
  auto& x = own(which);
  if (x.at != uring_stream::phase::open || x.in_failed_list)
    return;
  filling_.drop(x.fresh);
  // The kernel may still read what it was given.
  if (!x.sending)
    x.unsent.clear(chunks_);
  x.full = false;
  x.write_ended = true;
  if (::shutdown(x.fd.get(), SHUT_WR) != 0)
    note_failure(x, errno);
}

/// Nothing to send, nothing received that was not delivered.
bool uring_engine::is_at_rest(const uring_stream& x) const noexcept {
  if (x.at != uring_stream::phase::open || x.in_failed_list || x.read_ended
      || x.stopping || x.watched || unsent(x) != 0 || !x.arrived.empty())
    return false;
  auto heard = ring_.has_overflow();
  ring_.peek([&](const io_uring_cqe& event) {
    heard |= (event.user_data & ~operation_mask)
          == reinterpret_cast<std::uintptr_t>(&x);
  });
  return !heard;
}

/// A completion that waits says more than that receiving was stopped.
bool uring_engine::has_received(const uring_stream& x) const noexcept {
  auto received = false;
  ring_.peek([&](const io_uring_cqe& event) {
    received
      |= event.user_data == (reinterpret_cast<std::uintptr_t>(&x) | op_receive)
      && event.res != -ECANCELED;
  });
  return received;
}

result<engine::detached> uring_engine::detach(stream& which) noexcept {
  auto& x = own(which);
  if (!is_at_rest(x))
    return failure{ec::os_error, "the stream is not at rest"};
  // From here on the kernel must not receive for us.
  if (x.receiving) {
    auto what = io_uring_sync_cancel_reg{};
    what.addr = reinterpret_cast<std::uintptr_t>(&x) | op_receive;
    what.fd = -1;
    what.timeout = {-1, -1};
    auto error = io_uring_register_sync_cancel(&ring_.raw(), &what);
    // Something may have come just before: then it is ours to deliver, and
    // the stream goes on receiving.
    if (error != 0 || ring_.has_overflow() || has_received(x))
      return failure{ec::os_error, "the stream is not at rest"};
  }
  auto given = detached{std::move(x.fd), std::move(x.tls)};
  release(x);
  return given;
}

void uring_engine::redirect(stream& which, stream_sink& sink) noexcept {
  auto& x = own(which);
  if (x.at == uring_stream::phase::open)
    x.sink = &sink;
}

// -- what is no stream --------------------------------------------------------

result<void> uring_engine::watch(int fd, ready_sink& who) {
  own_thread();
  auto at = std::ranges::find_if(watched_, [](const auto& each) {
    return each->who == nullptr && !each->is_armed;
  });
  if (at == watched_.end())
    at = watched_.insert(at, std::make_unique<uring_watched>());
  set_options(options_, fd);
  **at = {&who, fd};
  arm(**at);
  return {};
}

void uring_engine::unwatch(ready_sink& who) noexcept {
  for (auto& each : watched_) {
    if (each->who != &who)
      continue;
    each->who = nullptr;
    if (!each->is_armed)
      continue;
    auto& entry = ring_.next(IORING_OP_POLL_REMOVE);
    entry.fd = -1;
    entry.addr = reinterpret_cast<std::uintptr_t>(each.get()) | op_ready;
    entry.user_data = op_nothing;
    // The caller may close it: what is submitted names the descriptor.
    ring_.submit();
  }
}

/// Once for each time: so it is told again as long as there is something.
void uring_engine::arm(uring_watched& x) noexcept {
  auto& entry = ring_.next(IORING_OP_POLL_ADD);
  entry.fd = x.fd;
  entry.poll32_events = POLLIN | EPOLLEXCLUSIVE;
  entry.user_data = reinterpret_cast<std::uintptr_t>(&x) | op_ready;
  x.is_armed = true;
}

void uring_engine::hear_ready(uring_watched& x) {
  x.is_armed = false;
  if (x.who != nullptr)
    x.who->on_ready();
  if (x.who != nullptr && !x.is_armed)
    arm(x);
}

void uring_engine::wake() noexcept {
  waker_.wake();
}

const char* uring_engine::name() const noexcept {
  return "io_uring";
}

} // namespace cenote::net
