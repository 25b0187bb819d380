// What a client sends: walked, checked, held or forwarded.

#include <string>
#include <utility>

#include "base/limits.hpp"
#include "protocol/messages.hpp"
#include "protocol/tags.hpp"
#include "protocol/writer.hpp"
#include "proxy/client_link.hpp"
#include "proxy/lane.hpp"
#include "proxy/server_link.hpp"
#include "proxy/shard.hpp"

namespace cenote::proxy {

namespace {

using protocol::frontend_tag;
using protocol::message_walker;
using session::event;

constexpr std::size_t header_bytes = 5;

/// Whether PostgreSQL would look at this message at all. The others end a
/// client before a byte of them reaches a server, which would hang up.
bool is_acceptable(frontend_tag tag, std::uint32_t body_bytes) noexcept {
  switch (tag) {
    case frontend_tag::terminate:
    case frontend_tag::password:
    case frontend_tag::other:
      return false;
    case frontend_tag::flush:
    case frontend_tag::sync:
      return body_bytes == 0;
    case frontend_tag::bind:
    case frontend_tag::close:
    case frontend_tag::copy_data:
    case frontend_tag::copy_done:
    case frontend_tag::copy_fail:
    case frontend_tag::describe:
    case frontend_tag::execute:
    case frontend_tag::function_call:
    case frontend_tag::parse:
    case frontend_tag::query:
      break;
  }
  return body_bytes <= protocol::body_bytes_max(tag);
}

bool is_copy(frontend_tag tag) noexcept {
  return tag == frontend_tag::copy_data || tag == frontend_tag::copy_done
      || tag == frontend_tag::copy_fail;
}

/// Messages that name a prepared statement, or may in their text, or a setting.
bool may_name_statement(frontend_tag tag) noexcept {
  return tag == frontend_tag::parse || tag == frontend_tag::bind
      || tag == frontend_tag::describe || tag == frontend_tag::close
      || tag == frontend_tag::query || tag == frontend_tag::function_call;
}

} // namespace

[[gnu::hot]] void client_link::on_bytes(net::slice in) {
  lane_.sums().bytes_received += in.bytes.size();
  switch (phase_) {
    case session::phase::idle:
      if (held_ != nullptr && !stalled_)
        return complete_held(in.bytes);
      [[fallthrough]];
    case session::phase::borrowing:
      return stalled_ ? hold(in.bytes) : pump(in, true);
    case session::phase::waiting:
    case session::phase::preparing:
      return hold(in.bytes);
    case session::phase::gone:
      return;
  }
}

[[gnu::hot]] void client_link::to_server::send(net::slice bytes,
                                               bool) noexcept {
  if (from->server_ != nullptr && !from->server_->send(bytes))
    from->server_is_full();
}

[[gnu::hot]] void
client_link::to_server::send_copy(std::span<const std::byte> bytes,
                                  bool) noexcept {
  if (from->server_ != nullptr && !from->server_->send_copy(bytes))
    from->server_is_full();
}

std::vector<std::byte> client_link::to_server::take_buffer() {
  return from->lane_.home().take_buffer();
}

void client_link::to_server::give_buffer(
  std::vector<std::byte> spent) noexcept {
  from->lane_.home().give_buffer(std::move(spent));
}

void client_link::server_is_full() noexcept {
  if (stream_ != nullptr)
    lane_.home().io().pause(*stream_);
}

void client_link::server_drained() {
  if (stream_ != nullptr && !full_)
    lane_.home().io().resume(*stream_);
}

/// Forwards what may flow, until the input is used up or the client has to
/// wait.
[[gnu::hot]] void client_link::pump(net::slice in, bool borrowed) {
  request_run forward{to_server{this}, in, borrowed};
  auto rest = in.bytes;
  protocol::piece part;
  for (;;) {
    auto outcome = walker_.next(rest, part);
    if (outcome == message_walker::outcome::need_data)
      break;
    if (outcome == message_walker::outcome::failed) {
      forward.flush();
      return refuse(walker_.error());
    }
    if (passes_on(part)) {
      forward.add(part.bytes, true);
      continue;
    }
    const auto goes_on = part.starts() ? take_start(part, rest, forward)
                                       : take_rest(part, rest, forward);
    if (!goes_on)
      return;
  }
  forward.flush();
  rearm();
}

/// In the middle of a batch: whether `part` is a message of which only the
/// mirror has to hear. It has, then. Half of what drivers send goes this way.
[[gnu::hot]] bool client_link::passes_on(const protocol::piece& part) noexcept {
  if (part.which != protocol::part::whole || phase_ != session::phase::borrowing
      || server_->begins_batch() || server_->sent_batch().is_kept()
      || server_->mirror().owes_nothing())
    return false;
  if (prepared_
      && !(prepared_->portals.empty() && prepared_->behind_execute.empty()))
    return false;
  if (part.body_bytes > limits::small_request_bytes_max)
    return false;
  // A Describe of a portal that tells of no statement we hold to its rows.
  const auto is_plain = part.tag == 'E'
                     || (part.tag == 'S' && part.body_bytes == 0)
                     || (part.tag == 'D' && part.body_bytes > 0
                         && part.bytes[header_bytes] == std::byte{'P'}
                         && !(prepared_ && prepared_->bound.what));
  return is_plain && server_->expect(part.tag) == ec::none;
}

/// The rest of a message. False as `take_start`.
bool client_link::take_rest(const protocol::piece& part,
                            std::span<const std::byte> rest,
                            request_run& forward) {
  if (skipping_) {
    skipping_ = !part.ends();
    if (server_ != nullptr && server_->sent_batch().is_kept())
      server_->keep_sent(0, part.bytes);
    return true;
  }
  if (gathering_)
    return take_named(part, rest, forward);
  if (watch_parse_)
    look_at_parse(part);
  if (keeps_unnamed_) {
    keep_unnamed(part.bytes, part.ends());
  }
  mid_message_ = !part.ends();
  if (server_->sent_batch().is_kept())
    server_->keep_sent(0, part.bytes);
  forward.add(part);
  return true;
}

/// False: stop, the rest of the input is held or nobody's any more.
[[gnu::hot]] bool client_link::take_start(const protocol::piece& part,
                                          std::span<const std::byte> rest,
                                          request_run& forward) {
  const auto tag = protocol::frontend_tag_of(part.tag);
  if (!is_acceptable(tag, part.body_bytes)) {
    end_for(part, forward);
    return false;
  }
  if (phase_ == session::phase::idle) {
    if (take_locally(part) || take_in_block(part, rest))
      return true;
    if (waits_for_rest(part, rest) || !begin_request(part, rest))
      return false;
  }
  const auto waits = waits_for_reset() && server_->begins_batch();
  if (!is_copy(tag)
      && (waits || (lane_.watch().is_unknown() && waits_for_watch()))) {
    forward.flush();
    hold(part.bytes);
    hold(rest);
    stalled_ = true;
    walker_ = message_walker{limits::message_bytes_max};
    return false;
  }
  if (prepared_ && !prepared_->behind_execute.empty()
      && put_behind_execute(forward) != named::passed)
    return false;
  if (server_->mirror().owes_nothing())
    start_clocks();
  if (may_name_statement(tag)) {
    if (is_plain_query(part))
      server_->unnamed_is_foreign();
    else if (lane_.renames_statements() || looks_into(tag))
      return take_named(part, rest, forward);
  } else if (tag == frontend_tag::execute && prepared_
             && !prepared_->portals.empty()) {
    return take_named(part, rest, forward);
  }
  if (auto code = server_->expect(part.tag); code != ec::none) {
    forward.flush();
    refuse(code);
    return false;
  }
  mid_message_ = !part.ends();
  if (server_->sent_batch().is_kept())
    server_->keep_sent(part.tag, part.bytes);
  if (tag == frontend_tag::parse || tag == frontend_tag::bind)
    count(part);
  forward.add(part);
  return true;
}

/// For a message that is not acceptable the client is ended here, as PostgreSQL
/// would end it.
void client_link::end_for(const protocol::piece& part, request_run& forward) {
  forward.flush();
  const auto tag = protocol::frontend_tag_of(part.tag);
  if (tag == frontend_tag::terminate) {
    goodbye_ = true;
    return apply(event::goodbye);
  }
  if (tag == frontend_tag::password || tag == frontend_tag::other)
    parting().detail = ": invalid frontend message type "
                     + std::to_string(static_cast<unsigned>(
                       static_cast<unsigned char>(part.tag)));
  else if (part.body_bytes > protocol::body_bytes_max(tag))
    return refuse(ec::message_too_large);
  else
    parting().detail = ": invalid message format";
  refuse(ec::protocol_violation);
}

/// Without a server: the messages that PostgreSQL ignores when it is idle, and
/// what is left of a batch that was canceled while it waited.
[[gnu::hot]] bool client_link::take_locally(const protocol::piece& part) {
  auto tag = protocol::frontend_tag_of(part.tag);
  const bool is_ignorable = is_copy(tag) || tag == frontend_tag::flush;
  if (!is_ignorable && !skip_to_sync_)
    return false;
  skipping_ = !part.ends();
  if (skip_to_sync_ && tag == frontend_tag::sync) {
    skip_to_sync_ = false;
    say_ready();
  }
  return true;
}

[[gnu::hot]] void client_link::count(const protocol::piece& part) {
  if (part.tag == 'P') {
    ++lane_.sums().client_parses;
    ++lane_.sums().server_parses;
    watch_parse_ = true;
    look_at_parse(part);
  } else if (part.tag == 'B') {
    ++lane_.sums().binds;
  }
}

/// A Parse whose statement has a name leaves it behind on the server: the first
/// byte of the body says so.
void client_link::look_at_parse(const protocol::piece& part) noexcept {
  auto body = part.starts() ? part.bytes.subspan(header_bytes) : part.bytes;
  if (body.empty())
    return;
  watch_parse_ = false;
  if (body.front() != std::byte{0})
    server_->note_named_statement();
}

/// The first message of a request begins: what the client did before does not
/// count.
[[gnu::hot]] void client_link::start_clocks() noexcept {
  request_at_ = lane_.home().now();
  const auto is_idle
    = server_->mirror().status() == protocol::transaction_status::idle;
  if (is_idle && !is_in_held_block())
    since_ = request_at_;
}

/// A server is not asked for before a message is whole, or too long to be kept:
/// who sends half of one and no more is an idle client. True: it is held, or
/// has been taken with the `rest`.
[[gnu::hot]] bool client_link::waits_for_rest(const protocol::piece& part,
                                              std::span<const std::byte> rest) {
  if (part.ends() || part.body_bytes + header_bytes > limits::held_bytes_max)
    return false;
  hold(part.bytes);
  walker_ = message_walker{limits::message_bytes_max};
  complete_held(rest); // There is some if only the header came cut.
  return true;
}

/// More of what `waits_for_rest` holds.
void client_link::complete_held(std::span<const std::byte> bytes) {
  hold(bytes);
  auto walker = message_walker{limits::message_bytes_max};
  std::span<const std::byte> all{held_->bytes};
  protocol::piece first;
  if (walker.next(all, first) != message_walker::outcome::piece || first.ends())
    forward_held();
}

/// Asks for a server. True: it is here, go on with `part`. False: the bytes
/// from `part` on are held, or the client is gone.
[[gnu::hot]] bool client_link::begin_request(const protocol::piece& part,
                                             std::span<const std::byte> rest) {
  if (full_)
    lane_.home().io().pause(*stream_);
  apply(event::request);
  if (phase_ == session::phase::borrowing)
    return true;
  if (phase_ == session::phase::gone)
    return false;
  hold(part.bytes);
  hold(rest);
  walker_ = message_walker{limits::message_bytes_max};
  return false;
}

void client_link::hold(std::span<const std::byte> bytes) {
  if (bytes.empty())
    return;
  if (held_ == nullptr)
    held_ = lane_.home().take_kept();
  auto& all = held_->bytes;
  all.insert(all.end(), bytes.begin(), bytes.end());
  if (all.size() >= limits::held_bytes_max && !held_enough_) {
    held_enough_ = true;
    lane_.home().io().pause(*stream_);
  }
}

/// From now on the client may be read, if it was not because of them.
[[gnu::hot]] kept_bytes_ptr client_link::take_held() {
  if (std::exchange(held_enough_, false) && !full_)
    lane_.home().io().resume(*stream_);
  return std::exchange(held_, nullptr);
}

[[gnu::hot]] void client_link::forward_held() {
  if (held_ == nullptr)
    return;
  auto held = take_held();
  pump({held->bytes, nullptr}, false);
  lane_.home().give_kept(std::move(held));
}

/// The request was canceled before any server saw it: PostgreSQL's words, and
/// then as after any error: a simple query is over, a batch is dropped up to
/// its Sync.
void client_link::answer_canceled() {
  if (is_in_held_block())
    held_block_ = held_block::failed;
  answer_held(protocol::error_message(ec::query_canceled));
}

/// `error` for the first of the bytes that were held.
void client_link::answer_held(std::span<const std::byte> error) {
  auto held = take_held();
  if (held == nullptr)
    return;
  const auto& bytes = held->bytes;
  auto first = protocol::frontend_tag_of(static_cast<char>(bytes.front()));
  deliver_copy(error, true);
  net::slice in{bytes, nullptr};
  if (first == frontend_tag::query || first == frontend_tag::function_call) {
    say_ready();
    // Walk over the one message; what is behind it is the next request.
    auto rest = in.bytes;
    protocol::piece part;
    if (walker_.next(rest, part) == message_walker::outcome::piece)
      skipping_ = !part.ends();
    in = {rest, nullptr};
  } else {
    skip_to_sync_ = true;
  }
  ready_at_ = lane_.home().now();
  pump(in, false);
  lane_.home().give_kept(std::move(held));
}

} // namespace cenote::proxy
