// How bytes arrive on the io_uring engine.

#include "net/system_failure.hpp"
#include "net/uring_engine.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <poll.h>
#include <sys/socket.h>

namespace cenote::net {

using phase = uring_stream::phase;

// -- completions --------------------------------------------------------------

[[gnu::hot]] void uring_engine::hear_received(uring_stream& x,
                                              const io_uring_cqe& event) {
  if ((event.flags & IORING_CQE_F_MORE) == 0) {
    x.receiving = false;
    --x.operations;
    note_change(x); // Again, unless something below speaks against it.
  }
  if ((event.flags & IORING_CQE_F_BUFFER) != 0) {
    auto& ours = x.receives_bulk ? bulk_buffers_ : buffers_;
    auto& buffer = ours.at(event.flags >> IORING_CQE_BUFFER_SHIFT);
    buffer.retain();
    if (event.res > 0) {
      auto size = static_cast<std::size_t>(event.res);
      note_pace(x, size);
      take(x, ours.bytes_of(buffer).first(size), buffer);
    }
    buffer.release();
    if (event.res > 0)
      return;
  }
  // All buffers are in use: they are back by the next turn.
  if (event.res != -ENOBUFS && event.res != -ECANCELED && event.res != -EINTR
      && event.res != -EAGAIN)
    hear_end(x, -event.res);
}

/// The peer has ended (`error` 0) or is gone.
void uring_engine::hear_end(uring_stream& x, int error) {
  if (x.at == phase::lingering) {
    x.read_ended = true;
    if (error != 0 || x.write_ended)
      release(x);
  }
  if (x.at != phase::open || x.read_ended)
    return;
  x.read_ended = true;
  x.read_error = static_cast<std::int16_t>(error);
  if (x.paused ? error != 0 : x.arrived.empty())
    deliver_end(x);
}

void uring_engine::hear_watched(uring_stream& x, int events) {
  x.watched = false;
  --x.operations;
  if (x.at != phase::open || !x.paused) {
    note_change(x);
    return;
  }
  if (events >= 0 && (events & POLLERR) != 0) {
    int error = 0;
    socklen_t size = sizeof(error);
    ::getsockopt(x.fd.get(), SOL_SOCKET, SO_ERROR, &error, &size);
    return end(x, error, "connection");
  }
  // Ended, but what came before may wait to be read. The kernel would say so
  // again and again.
  x.watch_over = true;
  x.hung_up = events >= 0 && (events & POLLHUP) != 0;
  if (x.hung_up && unsent(x) != 0)
    note_failure(x, EPIPE);
}

/// Bulk begins with a turn that brings much, and ends with a receive that would
/// have needed no larger buffer.
[[gnu::hot]] void uring_engine::note_pace(uring_stream& x,
                                          std::size_t size) noexcept {
  if (x.receives_bulk) {
    x.in_bulk = size >= buffers_.bytes_each();
  } else if (!x.in_bulk
             && turn_bytes_max - share_left(x) + size >= bulk_from_bytes_) {
    x.in_bulk = true;
    note_change(x);
  }
}

[[gnu::hot]] void uring_engine::take(uring_stream& x,
                                     std::span<const std::byte> bytes,
                                     uring_buffer& buffer) {
  if (x.at != phase::open)
    return;
  auto size = bytes.size();
  if (!x.paused && x.arrived.empty() && share_left(x) >= size) {
    x.taken += static_cast<std::uint32_t>(size);
    return deliver(x, bytes, &buffer);
  }
  x.arrived.append(chunks_, bytes);
  note_change(x);
  if (!x.paused)
    note_resumed(x);
}

[[gnu::hot]] std::size_t uring_engine::share_left(uring_stream& x) noexcept {
  if (x.turn != turn_) {
    x.turn = turn_;
    x.taken = 0;
  }
  return turn_bytes_max - std::min<std::size_t>(x.taken, turn_bytes_max);
}

// -- to the sink --------------------------------------------------------------

/// What came while a stream was paused or had had its share. Returns whether it
/// called any sink.
[[gnu::hot]] bool uring_engine::deliver_arrived() {
  if (resumed_.empty())
    return false;
  listed_.swap(resumed_);
  for (auto* x : listed_) {
    x->in_resumed_list = false;
    deliver_arrived(*x);
  }
  listed_.clear();
  return true;
}

[[gnu::hot]] void uring_engine::deliver_arrived(uring_stream& x) {
  while (x.at == phase::open && !x.paused && !x.arrived.empty()) {
    if (share_left(x) < limits::unsent_chunk_bytes)
      return note_resumed(x);
    auto* first = x.arrived.take_first();
    x.taken += static_cast<std::uint32_t>(first->size());
    deliver(x, {first->data + first->begin, first->size()}, nullptr);
    chunks_.give_back(first);
  }
  if (x.at != phase::open || x.paused)
    return;
  if (x.read_ended)
    deliver_end(x);
  else
    note_change(x);
}

[[gnu::hot]] void uring_engine::deliver(uring_stream& x,
                                        std::span<const std::byte> bytes,
                                        buffer_lease* lease) {
  if (x.tls == nullptr)
    x.sink->on_bytes(slice{bytes, lease});
  else
    deliver_decrypted(x, bytes);
}

void uring_engine::deliver_decrypted(uring_stream& x,
                                     std::span<const std::byte> bytes) {
  do {
    auto written = filling_.copies().size();
    auto got = x.tls->decrypt(bytes, plain_, filling_.copies());
    if (filling_.copies().size() > written) {
      join_outbox(x);
      filling_.add_written(x.fresh, written);
    }
    if (got.bytes > 0)
      x.sink->on_bytes(slice{std::span{plain_}.first(got.bytes)});
    if (x.at != phase::open)
      return;
    if (got.then == tls_read::state::closed)
      return end(x, failure{ec::client_gone, {}});
    if (got.then == tls_read::state::failed)
      return end(x, x.tls->why());
  } while (!bytes.empty());
}

void uring_engine::deliver_end(uring_stream& x) {
  if (x.read_error == 0)
    end(x, failure{ec::client_gone, {}});
  else
    end(x, x.read_error, "recv");
}

/// Nothing is received by the kernel meanwhile: it does so in `enter` only.
void uring_engine::read_last_words(uring_stream& x) {
  while (x.at == phase::open && !x.paused && !x.arrived.empty()) {
    auto* first = x.arrived.take_first();
    deliver(x, {first->data + first->begin, first->size()}, nullptr);
    chunks_.give_back(first);
  }
  last_words_.resize(limits::receive_bytes_max);
  for (unsigned i = 0; i < limits::reads_per_turn_max; ++i) {
    if (x.at != phase::open || x.paused || x.read_ended)
      return;
    auto count = ::recv(x.fd.get(), last_words_.data(), last_words_.size(),
                        MSG_DONTWAIT);
    if (count <= 0)
      return;
    deliver(x, std::span{last_words_}.first(static_cast<std::size_t>(count)),
            nullptr);
  }
}

/// The stream is over before its sink hears of it, so that the sink may do
/// anything.
void uring_engine::end(uring_stream& x, const failure& why) {
  auto* sink = x.sink;
  auto reason = why; // May be kept by the session that goes away.
  release(x);
  sink->on_closed(reason);
}

void uring_engine::end(uring_stream& x, int error, const char* doing) {
  end(x, system_failure(ec::os_error, doing, error));
}

} // namespace cenote::net
