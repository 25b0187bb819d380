// What one turn of the epoll engine does, in order: send what the last one kept
// back, report what failed since, tell epoll what changed, wait, deliver,
// expire.

#include "net/epoll_engine.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <sys/socket.h>

#include "base/assert.hpp"
#include "net/direct_call.hpp"
#include "net/system_failure.hpp"

namespace cenote::net {

[[gnu::hot]] void epoll_engine::run_turn(time_point until) {
  CENOTE_ASSERT(!in_turn_);
  in_turn_ = true;
  if (!outbox_.empty())
    send_held();
  holds_ = false;
  auto called_sinks = !failed_.empty() && report_failed();
  apply_changes();
  reuse_closed();
  // Sinks may have set deadlines that `until` does not know.
  auto sleeps = !called_sinks && may_sleep(until);
  auto count = direct::epoll_wait(epoll_.get(), events_, sleeps);
  waker_.awoke();
  now_ = direct::now();
  // One alone gains nothing by waiting.
  holds_ = count > 1;
  for (int i = 0; i < count; ++i) {
    auto& event = events_[static_cast<std::size_t>(i)];
    if (event.data.ptr != nullptr)
      dispatch(event);
  }
  while (auto* late = lingering_.pop_due(now_))
    release(*late);
  in_turn_ = false;
}

/// Tells the sinks of streams whose `send` failed. Returns whether it called
/// any.
bool epoll_engine::report_failed() {
  auto called = false;
  while (!failed_.empty()) {
    auto& x = *failed_.back();
    failed_.pop_back();
    if (x.at == epoll_stream::phase::lingering) {
      release(x);
    } else if (x.at == epoll_stream::phase::open) {
      called = true;
      // A server that ended us has said why before it hung up.
      if (!x.paused)
        receive(x);
      if (x.at == epoll_stream::phase::open)
        end(x, x.send_error, "send");
      else if (x.at == epoll_stream::phase::lingering)
        release(x);
    }
    x.in_failed_list = false;
  }
  return called;
}

void epoll_engine::apply_changes() noexcept {
  while (!changed_.empty()) {
    auto& x = *changed_.back();
    changed_.pop_back();
    x.in_changed_list = false;
    if (x.at != epoll_stream::phase::closed)
      watch(x);
  }
}

/// Tells epoll what the stream waits for, if that is news.
void epoll_engine::watch(epoll_stream& x) noexcept {
  if (x.paused && x.parked)
    return;
  auto receives = x.at == epoll_stream::phase::lingering
                  ? !x.read_ended
                  : !(x.paused && x.masked);
  auto wanted = (receives ? std::uint32_t{EPOLLIN} : 0u)
              | (x.unsent.empty() ? 0u : std::uint32_t{EPOLLOUT});
  if (receives)
    x.masked = false;
  auto event = epoll_event{};
  event.events = wanted;
  event.data.ptr = &x;
  auto failed = false;
  if (x.parked) {
    x.parked = false;
    failed = ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, x.fd.get(), &event) != 0;
  } else if (wanted != x.interest) {
    failed = ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, x.fd.get(), &event) != 0;
  }
  x.interest = static_cast<std::uint8_t>(wanted & 7U);
  if (failed)
    note_failure(x, errno);
}

/// No event and no list points to streams that ended before this turn.
void epoll_engine::reuse_closed() noexcept {
  while (closed_ != nullptr) {
    auto& x = *closed_;
    closed_ = x.next;
    x.next = std::exchange(free_, &x);
    x.send_error = 0;
    x.interest = 0;
    x.paused = false;
    x.masked = false;
    x.parked = false;
    x.full = false;
    x.write_ended = false;
    x.read_ended = false;
  }
}

/// Whether this turn may wait, and that no longer than `until`.
[[gnu::hot]] bool epoll_engine::may_sleep(time_point until) noexcept {
  until = std::min(until, lingering_.next());
  if (!failed_.empty() || until <= now_ || !waker_.may_sleep())
    return false;
  wait_timer_.ring_by(until, now_);
  return true;
}

// -- events -------------------------------------------------------------------

[[gnu::hot]] void epoll_engine::dispatch(const epoll_event& event) {
  if ((event.data.u64 & 1) == 0)
    return dispatch(*static_cast<epoll_stream*>(event.data.ptr), event.events);
  auto& x = *reinterpret_cast<epoll_watched*>(event.data.u64 - 1);
  if (x.who != nullptr)
    x.who->on_ready();
}

[[gnu::hot]] void epoll_engine::dispatch(epoll_stream& x,
                                         std::uint32_t events) {
  if (x.at == epoll_stream::phase::lingering)
    return dispatch_lingering(x, events);
  if (x.at == epoll_stream::phase::open && (events & EPOLLOUT) != 0)
    flush(x);
  if (x.at != epoll_stream::phase::open
      || (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) == 0)
    return;
  if (x.paused)
    dispatch_paused(x, events);
  else
    receive(x);
}

void epoll_engine::dispatch_paused(epoll_stream& x, std::uint32_t events) {
  if ((events & EPOLLERR) != 0) {
    int error = 0;
    socklen_t size = sizeof(error);
    ::getsockopt(x.fd.get(), SOL_SOCKET, SO_ERROR, &error, &size);
    end(x, error, "connection");
    return;
  }
  if ((events & EPOLLHUP) == 0) {
    x.masked = true;
    note_change(x);
    return;
  }
  // Hung up, but what came before may wait to be read. epoll cannot be told to
  // be silent about it, so the stream leaves epoll until it is resumed.
  if (!x.unsent.empty())
    return note_failure(x, EPIPE);
  x.parked = true;
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, x.fd.get(), nullptr);
}

void epoll_engine::dispatch_lingering(epoll_stream& x, std::uint32_t events) {
  if ((events & EPOLLERR) != 0)
    return release(x);
  if ((events & EPOLLOUT) != 0) {
    flush(x);
    if (x.at == epoll_stream::phase::closed)
      return;
  }
  if ((events & (EPOLLIN | EPOLLHUP)) == 0)
    return;
  for (unsigned i = 0; i < limits::reads_per_turn_max; ++i) {
    auto count = direct::recv(x.fd.get(), received_, MSG_DONTWAIT);
    if (count < 0 && (errno == EAGAIN || errno == EINTR))
      return;
    if (count < 0 || (count == 0 && x.write_ended))
      return release(x);
    if (count == 0) {
      x.read_ended = true;
      return note_change(x);
    }
    if (static_cast<std::size_t>(count) < received_.size())
      return;
  }
}

// -- receiving ----------------------------------------------------------------

[[gnu::hot]] void epoll_engine::receive(epoll_stream& x) {
  for (unsigned i = 0; i < limits::reads_per_turn_max; ++i) {
    auto count = direct::recv(x.fd.get(), received_, MSG_DONTWAIT);
    if (count < 0) {
      if (errno != EAGAIN && errno != EINTR)
        end(x, errno, "recv");
      return;
    }
    if (count == 0)
      return end(x, failure{ec::client_gone, {}});
    auto size = static_cast<std::size_t>(count);
    deliver(x, std::span{received_}.first(size));
    // Less than asked for means drained: no further call to hear EAGAIN.
    if (size < received_.size() || x.paused
        || x.at != epoll_stream::phase::open)
      return;
  }
}

void epoll_engine::deliver(epoll_stream& x, std::span<const std::byte> bytes) {
  if (x.tls == nullptr)
    x.sink->on_bytes(slice{bytes});
  else
    deliver_decrypted(x, bytes);
}

void epoll_engine::deliver_decrypted(epoll_stream& x,
                                     std::span<const std::byte> bytes) {
  do {
    cipher_.clear();
    auto got = x.tls->decrypt(bytes, plain_, cipher_);
    if (!cipher_.empty())
      transmit(x, cipher_);
    if (got.bytes > 0)
      x.sink->on_bytes(slice{std::span{plain_}.first(got.bytes)});
    if (x.at != epoll_stream::phase::open)
      return;
    if (got.then == tls_read::state::closed)
      return end(x, failure{ec::client_gone, {}});
    if (got.then == tls_read::state::failed)
      return end(x, x.tls->why());
  } while (!bytes.empty());
}

/// The stream is over before its sink hears of it, so that the sink may do
/// anything.
void epoll_engine::end(epoll_stream& x, const failure& why) {
  auto* sink = x.sink;
  auto reason = why; // May be kept by the session that goes away.
  release(x);
  sink->on_closed(reason);
}

void epoll_engine::end(epoll_stream& x, int error, const char* doing) {
  end(x, system_failure(ec::os_error, doing, error));
}

} // namespace cenote::net
