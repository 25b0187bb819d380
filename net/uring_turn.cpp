// What one turn of the io_uring engine does, in order: deliver what waited for
// a resume, submit what was made since, wait, settle what was sent, deliver,
// report what failed, expire.

#include "net/uring_engine.hpp"

#include <algorithm>
#include <cerrno>

#include <sys/socket.h>

#include "base/assert.hpp"
#include "net/direct_call.hpp"

namespace cenote::net {

[[gnu::hot]] void uring_engine::run_turn(time_point until) {
  CENOTE_ASSERT(!in_turn_);
  in_turn_ = true;
  own_thread();
  ++turn_;
  auto called_sinks = deliver_arrived();
  submit_fresh();
  apply_changes();
  // Sinks may have set deadlines that `until` does not know.
  ring_.enter(!called_sinks && may_sleep(until));
  parts_used_ = 0;
  messages_used_ = 0;
  waker_.awoke();
  now_ = direct::now();
  hear();
  report_failed();
  while (auto* late = lingering_.pop_due(now_))
    release(*late);
  reuse_ended();
  in_turn_ = false;
}

[[gnu::hot]] io_uring_sqe& uring_engine::next(io_uring_op what, uring_stream& x,
                                              operation tag) noexcept {
  auto& entry = ring_.next(what);
  if (x.has_file) {
    entry.fd = static_cast<int>(x.slot);
    entry.flags = IOSQE_FIXED_FILE;
  } else {
    entry.fd = x.fd.get();
  }
  entry.user_data = reinterpret_cast<std::uintptr_t>(&x) | tag;
  return entry;
}

/// Whether this turn may wait, and that no longer than `until`.
[[gnu::hot]] bool uring_engine::may_sleep(time_point until) noexcept {
  if (!failed_.empty() || !resumed_.empty() || wants_settling_)
    return false;
  until = std::min(until, lingering_.next());
  if (until <= now_ || !waker_.may_sleep())
    return false;
  wait_timer_.ring_by(until, now_);
  return true;
}

// -- before the wait ----------------------------------------------------------

[[gnu::hot]] void uring_engine::apply_changes() noexcept {
  listed_.swap(changed_);
  for (auto* x : listed_) {
    x->in_changed_list = false;
    apply(*x);
  }
  listed_.clear();
}

/// Brings what the kernel does for a stream in line with what it is to do.
[[gnu::hot]] void uring_engine::apply(uring_stream& x) noexcept {
  using phase = uring_stream::phase;
  if (x.at == phase::closed)
    return;
  if (x.at == phase::ending)
    return apply_ending(x);
  if (!x.unsent.empty() && !x.sending && !x.in_failed_list)
    submit_unsent(x);
  auto receives = !x.paused && !x.read_ended && x.arrived.empty();
  if (receives && !x.receiving) {
    auto& entry = next(IORING_OP_RECV, x, op_receive);
    if (!x.in_bulk)
      entry.ioprio = IORING_RECV_MULTISHOT;
    entry.flags |= IOSQE_BUFFER_SELECT;
    entry.buf_group = x.in_bulk ? bulk_buffers_.group() : buffers_.group();
    x.receiving = true;
    x.receives_bulk = x.in_bulk;
    ++x.operations;
  } else if (x.receiving && !x.receives_bulk && !x.stopping
             && (x.in_bulk || !x.arrived.empty())) {
    // It sends more than we listen to: from here on the peer must wait.
    auto& entry = cancel(x, op_receive);
    entry.user_data = reinterpret_cast<std::uintptr_t>(&x) | op_stop_receiving;
    entry.flags = 0;
    x.stopping = true;
    ++x.operations;
  } else if (x.paused && !x.receiving && !x.watched && !x.watch_over) {
    // Only hang-ups and errors, which the kernel always tells.
    next(IORING_OP_POLL_ADD, x, op_watch);
    x.watched = true;
    ++x.operations;
  }
}

void uring_engine::apply_ending(uring_stream& x) noexcept {
  if (!x.has_file && !x.fd)
    return;
  if (x.operations > 0)
    return end_operations(x);
  if (x.has_file) {
    auto& entry = ring_.next(IORING_OP_CLOSE);
    entry.file_index = x.slot + 1;
    entry.flags = IOSQE_CQE_SKIP_SUCCESS;
    x.has_file = false;
  } else {
    // What was sent last names the descriptor.
    ring_.submit();
  }
  x.fd.reset();
}

/// Makes the kernel complete what it still does for a stream that is over. It
/// would find that by the socket, too, but walks over the operations of all
/// streams for it; by their names it looks through a part of them. So the usual
/// one, a receive that waits, is ended by the socket itself.
void uring_engine::end_operations(uring_stream& x) noexcept {
  if (x.receiving && x.fd && !x.hushed) {
    x.hushed = true;
    ::shutdown(x.fd.get(), SHUT_RD);
  } else if (x.receiving) {
    cancel(x, op_receive); // There was much to receive yet.
  }
  if (x.sending)
    cancel(x, op_send);
  if (x.watched)
    cancel(x, op_watch);
}

/// Completes only if there was nothing to cancel.
io_uring_sqe& uring_engine::cancel(uring_stream& x, operation which) noexcept {
  auto& entry = ring_.next(IORING_OP_ASYNC_CANCEL);
  entry.fd = -1;
  entry.addr = reinterpret_cast<std::uintptr_t>(&x) | which;
  entry.user_data = op_nothing;
  entry.flags = IOSQE_CQE_SKIP_SUCCESS;
  return entry;
}

// -- after the wait -----------------------------------------------------------

[[gnu::hot]] void uring_engine::hear() {
  for (;;) {
    // As long as the kernel keeps completions back, one may be about a send.
    auto complete = !ring_.has_overflow();
    note_cut_sends();
    if (complete)
      settle_sends();
    auto event = io_uring_cqe{};
    while (ring_.pop(event))
      dispatch(event);
    if (complete)
      return;
    ring_.enter(false);
  }
}

[[gnu::hot]] void uring_engine::note_cut_sends() noexcept {
  ring_.peek([](const io_uring_cqe& event) {
    if ((event.user_data & operation_mask) != op_first_send)
      return;
    auto& x
      = *reinterpret_cast<uring_stream*>(event.user_data & ~operation_mask);
    x.leaving.handed = event.res;
  });
}

[[gnu::hot]] void uring_engine::dispatch(const io_uring_cqe& event) {
  auto tag = static_cast<operation>(event.user_data & operation_mask);
  auto* x = reinterpret_cast<uring_stream*>(event.user_data & ~operation_mask);
  switch (tag) {
    case op_ready:
      return hear_ready(
        *reinterpret_cast<uring_watched*>(event.user_data & ~operation_mask));
    case op_receive:
      return hear_received(*x, event);
    case op_send:
      return hear_sent(*x, event.res);
    case op_watch:
      return hear_watched(*x, event.res);
    case op_stop_receiving:
      x->stopping = false;
      --x->operations;
      return note_change(*x);
    case op_wake:
      // The kernel ends it when completions overflow.
      if ((event.flags & IORING_CQE_F_MORE) == 0)
        watch_always(waker_.fd(), op_wake);
      return;
    case op_ring:
      if ((event.flags & IORING_CQE_F_MORE) == 0)
        watch_always(wait_timer_.fd(), op_ring);
      return;
    case op_nothing:
    case op_first_send:
      return;
  }
}

/// Tells the sinks of streams whose `send` failed, after what the peer still
/// said: a server that ended us has said why before it hung up.
void uring_engine::report_failed() {
  listed_.swap(failed_);
  for (auto* x : listed_) {
    using phase = uring_stream::phase;
    if (x->at == phase::open && !x->paused)
      read_last_words(*x);
    if (x->at == phase::open)
      end(*x, x->send_error, "send");
    else if (x->at == phase::lingering)
      release(*x);
    x->in_failed_list = false;
  }
  listed_.clear();
}

/// Slots whose stream is over and whose last operation has completed.
void uring_engine::reuse_ended() noexcept {
  if (ended_.empty())
    return;
  std::erase_if(ended_, [this](uring_stream* x) {
    if (x->operations > 0 || x->has_file || x->fd) {
      note_change(*x);
      return false;
    }
    if (x->in_changed_list || x->in_resumed_list || x->in_failed_list)
      return false;
    reset(*x);
    x->next = std::exchange(free_, x);
    return true;
  });
}

} // namespace cenote::net
