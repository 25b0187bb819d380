// What the epoll engine does with what is to be sent: short pieces of a turn
// that delivers to several leave together at its end, all else at once, and
// what the kernel does not take waits until it does.

#include <algorithm>
#include <cerrno>

#include <sys/socket.h>

#include "net/direct_call.hpp"
#include "net/epoll_engine.hpp"

namespace cenote::net {

namespace {

/// Chunks that one system call sends.
constexpr std::size_t gathered_max = 32;

} // namespace

[[gnu::hot]] bool epoll_engine::send(stream& to, slice bytes) noexcept {
  return send_copy(to, bytes.bytes);
}

bool epoll_engine::send_copy(stream& to,
                             std::span<const std::byte> bytes) noexcept {
  auto& x = own(to);
  if (x.at != epoll_stream::phase::open)
    return true;
  return x.tls == nullptr ? transmit(x, bytes) : encrypt(x, bytes);
}

bool epoll_engine::encrypt(epoll_stream& x,
                           std::span<const std::byte> bytes) noexcept {
  auto room = true;
  while (!bytes.empty() && !x.in_failed_list) {
    auto part = bytes.first(std::min(bytes.size(), limits::receive_bytes_max));
    bytes = bytes.subspan(part.size());
    cipher_.clear();
    if (x.tls->encrypt(part, cipher_))
      room = transmit(x, cipher_);
    else
      note_failure(x, EPROTO);
  }
  return room;
}

[[gnu::hot]] bool
epoll_engine::transmit(epoll_stream& x,
                       std::span<const std::byte> bytes) noexcept {
  if (x.in_failed_list || bytes.empty())
    return true;
  if (!holds_)
    return pass(x, bytes);
  if (bytes.size() <= epoll_outbox::piece_bytes_max && makes_room(x, bytes)) {
    outbox_.add(x, bytes);
    x.is_held = true;
    return true;
  }
  // What the stream was sent before comes first, and nobody's few bytes wait
  // for somebody's many.
  send_held();
  return pass(x, bytes);
}

/// Whether `bytes` may be kept back. A batch goes on behind a send that was
/// cut: so nothing of a stream is in the outbox twice, or behind what is
/// unsent.
[[gnu::hot]] bool
epoll_engine::makes_room(epoll_stream& x,
                         std::span<const std::byte> bytes) noexcept {
  if (!outbox_.has_room(bytes.size()) || (x.is_held && !outbox_.ends_with(x)))
    send_held();
  return x.unsent.empty() && !x.in_failed_list;
}

/// Sends what must not wait, unless something waits before it. Returns whether
/// more may come.
[[gnu::hot]] bool
epoll_engine::pass(epoll_stream& x, std::span<const std::byte> bytes) noexcept {
  if (x.in_failed_list)
    return true;
  if (!x.unsent.empty())
    return queue(x, bytes);
  const auto count
    = direct::send(x.fd.get(), bytes, MSG_NOSIGNAL | MSG_DONTWAIT);
  return settle(x, bytes, count < 0 ? -errno : count);
}

/// `sent` of the `bytes`, or -errno. What the kernel does not take at once
/// waits until it does.
[[gnu::hot]] bool epoll_engine::settle(epoll_stream& x,
                                       std::span<const std::byte> bytes,
                                       std::int64_t sent) noexcept {
  if (sent < 0) {
    if (sent != -EAGAIN && sent != -EINTR) {
      note_failure(x, static_cast<int>(-sent));
      return true;
    }
    sent = 0;
  }
  bytes = bytes.subspan(static_cast<std::size_t>(sent));
  if (bytes.empty())
    return true;
  note_change(x);
  return queue(x, bytes);
}

bool epoll_engine::queue(epoll_stream& x,
                         std::span<const std::byte> bytes) noexcept {
  x.unsent.append(chunks_, bytes);
  if (x.unsent.size() <= limits::unsent_high_bytes)
    return true;
  x.full = true;
  return false;
}

/// All that was kept back since the turn's first delivery.
[[gnu::hot]] void epoll_engine::send_held() noexcept {
  auto sent = std::span<const std::int64_t>{};
  if (outbox_.count() > 1 && batch_ != nullptr)
    sent = submit_held();
  outbox_.each([&](epoll_stream& to, std::span<const std::byte> bytes) {
    to.is_held = false;
    if (sent.empty()) {
      pass(to, bytes);
    } else {
      settle(to, bytes, sent.front());
      sent = sent.subspan(1);
    }
  });
  outbox_.clear();
}

std::span<const std::int64_t> epoll_engine::submit_held() noexcept {
  outbox_.each([this](epoll_stream& to, std::span<const std::byte> bytes) {
    batch_->add(to.fd.get(), bytes);
  });
  return batch_->submit();
}

std::size_t epoll_engine::unsent(const stream& of) const noexcept {
  const auto& x = own(of);
  return x.unsent.size() + (x.is_held ? outbox_.bytes_of(x) : 0);
}

// -- the rest of what was to be sent ------------------------------------------

void epoll_engine::flush(epoll_stream& x) {
  while (!x.unsent.empty()) {
    iovec parts[gathered_max];
    auto message = msghdr{};
    message.msg_iov = parts;
    message.msg_iovlen = x.unsent.list(parts);
    auto count = ::sendmsg(x.fd.get(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count < 0 && (errno == EAGAIN || errno == EINTR))
      break;
    if (count < 0)
      return note_failure(x, errno);
    x.unsent.consume(chunks_, static_cast<std::size_t>(count));
  }
  if (x.unsent.empty()) {
    note_change(x);
    if (x.at == epoll_stream::phase::lingering)
      return end_writing(x);
  }
  if (x.full && x.unsent.size() <= limits::unsent_low_bytes) {
    x.full = false;
    x.sink->on_drained();
  }
}

} // namespace cenote::net
