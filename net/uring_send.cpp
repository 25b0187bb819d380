// How bytes leave the io_uring engine: gathered per stream until the turn, then
// tried once; what the kernel does not take is copied and sent when it can.

#include "net/uring_engine.hpp"

#include <algorithm>
#include <cerrno>

#include <sys/socket.h>

namespace cenote::net {

namespace {

std::uint32_t bits(unsigned flags) noexcept {
  return static_cast<std::uint32_t>(flags);
}

} // namespace

// -- what sinks call ----------------------------------------------------------

[[gnu::hot]] bool uring_engine::send(stream& to, slice in) noexcept {
  auto& x = own(to);
  if (in.lease == nullptr || in.bytes.size() <= copied_bytes_max
      || x.tls != nullptr || !x.unsent.empty())
    return send_copy(to, in.bytes);
  if (x.at != uring_stream::phase::open || x.in_failed_list)
    return true;
  join_outbox(x);
  filling_.add(x.fresh, static_cast<uring_buffer&>(*in.lease), in.bytes);
  return has_room(x);
}

[[gnu::hot]] bool
uring_engine::send_copy(stream& to, std::span<const std::byte> bytes) noexcept {
  auto& x = own(to);
  if (x.at != uring_stream::phase::open || x.in_failed_list || bytes.empty())
    return true;
  if (x.tls != nullptr)
    return encrypt(x, bytes);
  copy_out(x, bytes);
  return has_room(x);
}

bool uring_engine::encrypt(uring_stream& x,
                           std::span<const std::byte> bytes) noexcept {
  auto written = filling_.copies().size();
  if (!x.tls->encrypt(bytes, filling_.copies())) {
    filling_.copies().resize(written);
    note_failure(x, EPROTO);
    return true;
  }
  join_outbox(x);
  filling_.add_written(x.fresh, written);
  return has_room(x);
}

/// Behind what already waits, if anything does.
[[gnu::hot]] void
uring_engine::copy_out(uring_stream& x,
                       std::span<const std::byte> bytes) noexcept {
  if (!x.unsent.empty() && x.fresh.size == 0) {
    x.unsent.append(chunks_, bytes);
    return;
  }
  join_outbox(x);
  filling_.add(x.fresh, bytes);
}

[[gnu::hot]] void uring_engine::join_outbox(uring_stream& x) noexcept {
  if (x.fresh.size == 0)
    filling_.streams.push_back(&x);
}

[[gnu::hot]] bool uring_engine::has_room(uring_stream& x) noexcept {
  if (unsent(x) <= limits::unsent_high_bytes)
    return true;
  x.full = true;
  return false;
}

// -- to the kernel ------------------------------------------------------------

[[gnu::hot]] void uring_engine::submit_fresh() noexcept {
  for (auto* x : filling_.streams)
    submit_fresh(*x);
  std::swap(filling_, leaving_);
}

[[gnu::hot]] void uring_engine::submit_fresh(uring_stream& x) noexcept {
  if (x.fresh.size == 0) // It failed meanwhile, or is here twice.
    return;
  if (!x.unsent.empty()) {
    filling_.move_rest(x.fresh.first, 0, chunks_, x.unsent);
    filling_.drop(x.fresh);
    return;
  }
  auto parts = free_parts();
  auto more = false;
  parts = parts.first(filling_.list(x.fresh.first, parts, more));
  auto& entry = next(parts.size() == 1 ? IORING_OP_SEND : IORING_OP_SENDMSG, x,
                     op_first_send);
  list_for_kernel(entry, parts);
  // All at once, or a completion that says how much.
  entry.msg_flags = bits(MSG_NOSIGNAL | MSG_DONTWAIT | MSG_WAITALL);
  entry.flags |= IOSQE_CQE_SKIP_SUCCESS;
  // A send that is taken whole wakes nobody.
  wants_settling_
    = wants_settling_ || x.full || x.at == uring_stream::phase::lingering;
  x.leaving = {x.fresh.first, x.fresh.size, 0};
  for (auto& part : parts)
    x.leaving.handed += static_cast<std::int32_t>(part.iov_len);
  x.fresh = {};
}

/// Room to list parts of one message. They are read by the submission, so that
/// they may be used again after it.
[[gnu::hot]] std::span<iovec> uring_engine::free_parts() noexcept {
  if (parts_used_ + gathered_max > parts_.size()
      || messages_used_ == messages_.size()) {
    ring_.submit();
    parts_used_ = 0;
    messages_used_ = 0;
  }
  return std::span{parts_}.subspan(parts_used_, gathered_max);
}

[[gnu::hot]] void
uring_engine::list_for_kernel(io_uring_sqe& entry,
                              std::span<iovec> parts) noexcept {
  if (parts.size() == 1) {
    entry.addr = reinterpret_cast<std::uintptr_t>(parts[0].iov_base);
    entry.len = static_cast<std::uint32_t>(parts[0].iov_len);
    return;
  }
  auto& message = messages_[messages_used_++];
  message = {};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  parts_used_ += parts.size();
  entry.addr = reinterpret_cast<std::uintptr_t>(&message);
  entry.len = 1;
}

/// One send of what waits, whenever the kernel can take some.
void uring_engine::submit_unsent(uring_stream& x) noexcept {
  auto parts = free_parts();
  parts = parts.first(x.unsent.list(parts));
  auto& entry
    = next(parts.size() == 1 ? IORING_OP_SEND : IORING_OP_SENDMSG, x, op_send);
  list_for_kernel(entry, parts);
  entry.msg_flags = bits(MSG_NOSIGNAL);
  x.sending = true;
  ++x.operations;
}

// -- from the kernel ----------------------------------------------------------

/// Every first send has been taken, or says in `leaving.handed` how much of it.
[[gnu::hot]] void uring_engine::settle_sends() {
  for (auto* x : leaving_.streams)
    settle(*x);
  leaving_.clear();
  wants_settling_ = false;
}

[[gnu::hot]] void uring_engine::settle(uring_stream& x) {
  if (x.leaving.size == 0)
    return;
  const auto result = x.leaving.handed;
  const auto taken = static_cast<std::size_t>(std::max(result, 0));
  const auto is_error = result < 0 && result != -EAGAIN && result != -EINTR;
  const auto error = is_error ? -result : 0;
  auto is_over = x.at == uring_stream::phase::ending;
  if (taken < x.leaving.size && error == 0 && !is_over) {
    leaving_.move_rest(x.leaving.first, taken, chunks_, x.unsent);
    note_change(x);
  }
  leaving_.drop(x.leaving);
  if (is_over)
    return;
  if (error != 0)
    return note_failure(x, error);
  drained(x);
}

/// A send of `unsent` has completed.
[[gnu::hot]] void uring_engine::hear_sent(uring_stream& x, int taken) {
  x.sending = false;
  --x.operations;
  if (x.at == uring_stream::phase::ending || x.in_failed_list || x.write_ended)
    return x.unsent.clear(chunks_);
  if (taken < 0 && taken != -EAGAIN && taken != -EINTR)
    return note_failure(x, -taken);
  x.unsent.consume(chunks_, static_cast<std::size_t>(std::max(taken, 0)));
  if (!x.unsent.empty())
    note_change(x);
  drained(x);
}

/// There is less to send: whoever waits for it goes on.
void uring_engine::drained(uring_stream& x) {
  auto left = unsent(x);
  if (left == 0 && x.at == uring_stream::phase::lingering && !x.write_ended)
    return end_writing(x);
  if (x.full && left <= limits::unsent_low_bytes) {
    x.full = false;
    x.sink->on_drained();
  }
}

} // namespace cenote::net
