#include "protocol/reply_mirror.hpp"

#include <algorithm>
#include <new>
#include <span>
#include <utility>

namespace cenote::protocol {

namespace {

std::span<const std::byte> body_of(const piece& part) noexcept {
  return part.starts() ? part.bytes.subspan(header_bytes) : part.bytes;
}

} // namespace

reply_mirror::reply_mirror(std::size_t outstanding_max)
  : outstanding_max_{outstanding_max} {
  // nop
}

// -- what is sent -------------------------------------------------------------

/// What nothing answers, and what is said to a server that may be in several
/// places.
ec reply_mirror::sent_other(const request& what) noexcept {
  switch (what.tag) {
    case frontend_tag::copy_data: // Ignored outside a COPY, data inside.
    case frontend_tag::flush:
      return ec::none;
    case frontend_tag::terminate:
      closing_ = true;
      return ec::none;
    case frontend_tag::password:
    case frontend_tag::other:
      return ec::protocol_violation;
    case frontend_tag::bind:
    case frontend_tag::close:
    case frontend_tag::copy_done:
    case frontend_tag::copy_fail:
    case frontend_tag::describe:
    case frontend_tag::execute:
    case frontend_tag::function_call:
    case frontend_tag::parse:
    case frontend_tag::query:
    case frontend_tag::sync:
      break;
  }
  if (is_over())
    return ec::none;
  // At the end of the queue the end of a COPY means nothing.
  if (position_count_ == 1 && positions_.front().at == due::nothing)
    return ec::none;
  return push(what);
}

void reply_mirror::note_named_statement() noexcept {
  dirt_.add(dirt::statements);
}

ec reply_mirror::push(const request& what) noexcept {
  if (outstanding() >= outstanding_max_)
    return ec::too_many_outstanding;
  const auto used = queued();
  if (used > ring_mask_ && !grow(used))
    return ec::too_many_outstanding;
  queued_at(tail_++) = what;
  if (position_count_ == 1)
    return ec::none;
  // Positions that had come to the end of the queue go on.
  const auto old = positions_;
  const auto count = std::exchange(position_count_, std::uint8_t{0});
  for (auto one : std::span{old}.first(count)) {
    if (one.at == due::nothing)
      load_next(one);
    add(one);
  }
  return ec::none;
}

bool reply_mirror::grow(std::size_t used) noexcept {
  try {
    auto wider = std::vector<request>(2 * (std::size_t{ring_mask_} + 1));
    const auto mask = static_cast<std::uint32_t>(wider.size() - 1);
    for (auto i = tail_ - static_cast<std::uint32_t>(used); i != tail_; ++i)
      wider[i & mask] = queued_at(i);
    many_ = std::move(wider);
    ring_mask_ = mask;
    return true;
  } catch (const std::bad_alloc&) {
    return false;
  }
}

std::size_t reply_mirror::queued() const noexcept {
  std::uint32_t most = 0;
  for (const auto& one : std::span{positions_}.first(position_count_))
    most = std::max(most, tail_ - one.next);
  return most;
}

// -- what is received ---------------------------------------------------------

reaction reply_mirror::take_other(const piece& part) noexcept {
  if (over_)
    return violate();
  if (part.starts()) {
    if (in_message_)
      return violate();
    in_message_ = true;
    flow_tag_ = no_flow;
    message_tag_ = part.tag;
    message_ = backend_tag_of(part.tag);
    answer_ = {};
    if (!begin_message(part.body_bytes))
      return violate();
  } else if (!in_message_ || part.tag != message_tag_) {
    return violate();
  }
  if (message_ == backend_tag::error_response)
    severity_.read(body_of(part));
  else if (message_ == backend_tag::command_complete)
    dirt_.read_tag(part);
  if (!part.ends())
    return answer_;
  in_message_ = false;
  auto out = answer_;
  end_message(part, out);
  settle();
  return out;
}

reaction reply_mirror::violate() noexcept {
  over_ = true;
  in_message_ = false;
  flow_tag_ = no_flow;
  auto out = answer_;
  out.violation = true;
  return out;
}

bool reply_mirror::begin_message(std::uint32_t body_bytes) noexcept {
  if (!body_fits(message_, body_bytes))
    return false;
  const auto* current = first_due();
  if (current != nullptr)
    answer_for(*current);
  switch (message_) {
    case backend_tag::notice_response:
      answer_.async = async_message::notice;
      return true;
    case backend_tag::parameter_status:
      answer_.async = async_message::parameter;
      return true;
    case backend_tag::notification_response:
      answer_.async = async_message::notification;
      answer_.how = delivery::forward;
      return true;
    case backend_tag::error_response:
      severity_.begin();
      error_tail_ = tail_;
      unasked_ = current == nullptr;
      return true;
    case backend_tag::ready_for_query:
      // Its status comes with its last piece: then the position moves on.
      for (const auto& one : std::span{positions_}.first(position_count_))
        if (after(one.at, message_) != due::impossible) {
          answer_for(one);
          return true;
        }
      return false;
    case backend_tag::authentication:
    case backend_tag::backend_key_data:
    case backend_tag::bind_complete:
    case backend_tag::close_complete:
    case backend_tag::command_complete:
    case backend_tag::copy_both_response:
    case backend_tag::copy_data:
    case backend_tag::copy_done:
    case backend_tag::copy_in_response:
    case backend_tag::copy_out_response:
    case backend_tag::data_row:
    case backend_tag::empty_query_response:
    case backend_tag::function_call_response:
    case backend_tag::negotiate_protocol_version:
    case backend_tag::no_data:
    case backend_tag::parameter_description:
    case backend_tag::parse_complete:
    case backend_tag::portal_suspended:
    case backend_tag::row_description:
    case backend_tag::other:
      break;
  }
  return step_all(message_);
}

void reply_mirror::end_message(const piece& part, reaction& out) noexcept {
  if (message_ == backend_tag::error_response) {
    end_error(out);
  } else if (message_ == backend_tag::command_complete) {
    out.forgot_statements = dirt_.end_tag(rows_, queued() == 0);
  } else if (message_ == backend_tag::function_call_response) {
    dirt_.add(dirt::opaque);
  } else if (message_ == backend_tag::ready_for_query) {
    const auto status = static_cast<char>(part.bytes.back());
    if ((status != 'I' && status != 'T' && status != 'E')
        || !step_all(message_)) {
      out = violate();
      return;
    }
    status_ = static_cast<transaction_status>(status);
    out.ready = true;
  }
}

void reply_mirror::end_error(reaction& out) noexcept {
  if (severity_.is_fatal()) {
    out.fatal = true;
    over_ = true;
    return;
  }
  const auto old = positions_;
  const auto count = std::exchange(position_count_, std::uint8_t{0});
  if (!unasked_)
    for (const auto& one : std::span{old}.first(count))
      if (one.at != due::nothing)
        fail(one);
  if (position_count_ == 0 || too_uncertain_) {
    position_count_ = 1;
    out = violate();
  }
}

// -- positions ----------------------------------------------------------------

const reply_mirror::position* reply_mirror::first_due() const noexcept {
  for (const auto& one : std::span{positions_}.first(position_count_))
    if (one.at != due::nothing)
      return &one;
  return nullptr;
}

bool reply_mirror::step_all(backend_tag tag) noexcept {
  if (position_count_ == 1) {
    rows_ = rows_of(positions_.front().at);
    return step(positions_.front(), tag);
  }
  const auto old = positions_;
  const auto count = std::exchange(position_count_, std::uint8_t{0});
  for (auto one : std::span{old}.first(count)) {
    const auto before = one;
    if (!step(one, tag))
      continue;
    if (position_count_ == 0) {
      answer_for(before);
      rows_ = rows_of(before.at);
    }
    add(one);
  }
  if (position_count_ != 0)
    return true;
  position_count_ = 1;
  return false;
}

bool reply_mirror::step(position& from, backend_tag tag) const noexcept {
  const auto next = after(from.at, tag);
  if (next == due::impossible)
    return false;
  if (is_copy_in(from.at)) {
    // Complete: the server has read up to the CopyDone, and swallowed the Syncs
    // before it.
    const auto end = first_but_sync(from);
    if (end == tail_ || queued_at(end).tag != frontend_tag::copy_done)
      return false;
    from.next = end + 1;
  }
  advance(from, next);
  return true;
}

void reply_mirror::fail(const position& from) noexcept {
  // Of the Syncs that were sent into a COPY the server may have read, and
  // swallowed, any number before it failed. All is the likeliest.
  auto furthest = from.next;
  if (is_copy_in(from.at)) {
    furthest = first_but_sync(from);
    if (furthest - from.next > error_tail_ - from.next)
      furthest = error_tail_;
  }
  for (auto next = furthest;; --next) {
    auto one = from;
    one.next = next;
    if (ends_with_ready(from.at)) {
      one.at = due::ready;
    } else {
      one.skipping = true;
      load_next(one);
    }
    add(one);
    if (next == from.next)
      return;
  }
}

std::uint32_t
reply_mirror::first_but_sync(const position& from) const noexcept {
  auto sequence = from.next;
  while (sequence != tail_ && queued_at(sequence).tag == frontend_tag::sync)
    ++sequence;
  return sequence;
}

void reply_mirror::add(const position& one) noexcept {
  const auto known = std::span{positions_}.first(position_count_);
  if (std::find(known.begin(), known.end(), one) != known.end())
    return;
  if (position_count_ == positions_max)
    too_uncertain_ = true;
  else
    positions_[position_count_++] = one;
}

// -- what it means ------------------------------------------------------------

std::size_t reply_mirror::outstanding() const noexcept {
  return tail_ - settled();
}

std::uint32_t reply_mirror::settled_of_many() const noexcept {
  std::uint32_t most = 0;
  for (const auto& one : std::span{positions_}.first(position_count_)) {
    const auto begun = one.at == due::nothing ? 0u : 1u;
    most = std::max(most, tail_ - one.next + begun);
  }
  return tail_ - most;
}

reply_mirror::copy_state reply_mirror::copy() const noexcept {
  for (const auto& one : std::span{positions_}.first(position_count_)) {
    if (is_copy_in(one.at))
      return copy_state::in;
    if (is_copy_out(one.at))
      return copy_state::out;
    if (is_copy_both(one.at))
      return copy_state::both;
  }
  return copy_state::none;
}

reply_mirror::remedy reply_mirror::to_come_clean() const noexcept {
  if (is_over())
    return remedy::wait;
  auto needed = remedy::wait;
  auto is_at_rest = false;
  auto* waiting = static_cast<const position*>(nullptr);
  for (const auto& one : std::span{positions_}.first(position_count_)) {
    const auto its = remedy_for(one);
    if (its == remedy::copy_fail || its == remedy::copy_done)
      return its;
    if (its == remedy::sync)
      needed = its;
    else if (one.at == due::nothing)
      is_at_rest = true;
    else
      waiting = &one;
  }
  if (needed != remedy::wait || !is_at_rest || waiting == nullptr)
    return needed;
  // At rest, or is something still to come? No silence can tell. Ask something
  // whose answer is not the one that may still come.
  return after(waiting->at, backend_tag::ready_for_query) == due::impossible
         ? remedy::sync
         : remedy::probe;
}

reply_mirror::remedy
reply_mirror::remedy_for(const position& of) const noexcept {
  if (of.at == due::nothing)
    return of.skipping || of.batch_open ? remedy::sync : remedy::wait;
  auto from = of.next;
  // What is answered last must end with ReadyForQuery: nothing else makes the
  // server flush what it has said.
  auto is_flushed = ends_with_ready(of.at);
  if (is_copy_in(of.at)) {
    from = first_but_sync(of);
    if (from == tail_)
      return remedy::copy_fail;
    if (!ends_copy(queued_at(from).tag))
      return remedy::wait; // Not for a COPY: an error, and often a fatal one.
  } else if (is_copy_both(of.at) && from == tail_) {
    return remedy::copy_done;
  }
  for (; from != tail_; ++from)
    if (!ends_copy(queued_at(from).tag))
      is_flushed = ends_with_ready(due_of(queued_at(from).tag));
  return is_flushed ? remedy::wait : remedy::sync;
}

} // namespace cenote::protocol
