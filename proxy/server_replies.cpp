// What a server says: walked, mirrored, sent on or swallowed.

#include "proxy/server_link.hpp"

#include <string_view>
#include <utility>

#include "protocol/messages.hpp"
#include "protocol/writer.hpp"
#include "proxy/client_link.hpp"
#include "proxy/lane.hpp"
#include "proxy/listen_hub.hpp"
#include "proxy/shard.hpp"

namespace cenote::proxy {

namespace {

using protocol::async_message;
using protocol::delivery;
using protocol::message_walker;

/// ParameterStatus and our own errors longer than this are not looked into.
constexpr std::size_t gathered_bytes_max = 16 * 1024;

/// What a server keeps of its memory for that.
constexpr std::size_t gathered_bytes_kept = 1024;

/// A reply, or what comes with it, that is nobody's.
bool is_own(const protocol::reaction& what) noexcept {
  if (what.how == delivery::skip_but_notices)
    return what.async != async_message::notice;
  return what.how == delivery::skip
      || (what.how == delivery::skip_answer
          && what.async == async_message::notice);
}

} // namespace

[[gnu::hot]] void server_link::to_client::send(net::slice bytes,
                                               bool ends_message) noexcept {
  if (from->client_ == nullptr)
    return;
  if (!from->client_->deliver(bytes, ends_message)) {
    from->client_full_ = true;
    from->lane_.home().io().pause(*from->stream);
  }
}

[[gnu::hot]] void
server_link::to_client::send_copy(std::span<const std::byte> bytes,
                                  bool ends_message) noexcept {
  if (from->client_ == nullptr)
    return;
  if (!from->client_->deliver_copy(bytes, ends_message)) {
    from->client_full_ = true;
    from->lane_.home().io().pause(*from->stream);
  }
}

std::vector<std::byte> server_link::to_client::take_buffer() {
  return from->lane_.home().take_buffer();
}

void server_link::to_client::give_buffer(
  std::vector<std::byte> spent) noexcept {
  from->lane_.home().give_buffer(std::move(spent));
}

void server_link::client_drained() noexcept {
  if (std::exchange(client_full_, false) && stream != nullptr)
    lane_.home().io().resume(*stream);
}

[[gnu::hot]] void server_link::on_bytes(net::slice in) {
  byte_run<to_client> forward{to_client{this}, in, true};
  auto rest = in.bytes;
  protocol::piece part;
  bool saw_ready = false;
  for (;;) {
    auto outcome = walker_.next(rest, part);
    if (outcome == message_walker::outcome::need_data)
      break;
    // Without an entry that waits for an answer nobody here has to see it.
    if (outcome == message_walker::outcome::piece && journal_.empty()
        && mirror_.take_plain(part)) {
      forward.add(part.bytes, true);
      continue;
    }
    saw_ready = saw_ready || part.tag == 'Z';
    if (outcome == message_walker::outcome::failed || !take(part, forward)) {
      forward.flush();
      return fail(ec::server_protocol_violation);
    }
  }
  forward.flush();
  after_bytes(saw_ready);
}

[[gnu::hot]] bool server_link::take(const protocol::piece& part,
                                    byte_run<to_client>& forward) {
  const auto what = mirror_.take(part);
  if (what.violation)
    return false;
  fatal_seen_ = fatal_seen_ || what.fatal;
  if (part.tag == 'A' && lane_.has_hub()) {
    take_notification(part, forward);
  } else if (is_own(what)) {
    forward.flush();
    take_own(part, what);
  } else {
    take_for_client(part, what, forward);
  }
  if (part.ends() && !(journal_.empty() && !what.forgot_statements))
    settle_statements(part, what);
  return true;
}

/// A reply to something of ours.
void server_link::take_own(const protocol::piece& part,
                           const protocol::reaction& what) {
  if (part.tag == 'E' || part.tag == 'S'
      || (part.tag == 'D' && (asking_ || asks_watch())))
    gather(part, true);
  // The server ends: its client is told as if it had asked itself.
  if (what.fatal && client_ != nullptr && part.body_bytes <= gathered_bytes_max)
    client_->deliver_copy(gathered_, true);
  if (what.ready)
    own_ready();
}

[[gnu::hot]] void server_link::take_for_client(const protocol::piece& part,
                                               const protocol::reaction& what,
                                               byte_run<to_client>& forward) {
  if (part.tag == 'E')
    return take_error(part, what, forward);
  if (part.tag == 'C' && !other_tags_.empty()
      && tells_other_tag(part, what.sequence, forward))
    return;
  if ((part.tag == 'T' || part.tag == 't' || part.tag == 'n')
      && !journal_.empty() && !note_rows(part, what, forward))
    return;
  if (what.how != delivery::forward && what.async == async_message::none)
    return;
  // In statement mode a transaction block is refused instead of answered,
  // behind a RESET the client's own settings come back first, and an error may
  // not be the last word: ReadyForQuery waits until its status is known.
  const bool is_statement_mode
    = lane_.settings().mode == tenants::pool_mode::statement;
  const bool is_reset
    = client_ != nullptr && client_->is_reset_by(what.sequence);
  const bool has_error = !withheld_error_.empty();
  const bool withheld
    = part.tag == 'Z' && (is_statement_mode || is_reset || has_error);
  if (!withheld)
    forward.add(part);
  if (part.tag == 'S')
    gather(part, false);
  if (!what.ready || client_ == nullptr)
    return;
  repeating_ = false;
  if (has_error && repeats_instead(forward))
    return;
  const bool is_idle = mirror_.status() == protocol::transaction_status::idle;
  client_->reply_complete(static_cast<char>(mirror_.status()));
  if (is_reset && is_idle)
    ready_withheld_ = true;
  else if (withheld && (is_idle || !is_statement_mode))
    say_ready(forward);
}

/// ReadyForQuery that was withheld.
void server_link::say_ready(byte_run<to_client>& forward) {
  protocol::ready_for_query ready;
  ready.status = mirror_.status();
  forward.add_copy(protocol::encoded(ready), true);
}

void server_link::gather(const protocol::piece& part, bool is_own) {
  if (part.body_bytes > gathered_bytes_max) {
    // What it says counts, even if nobody reads it.
    if (part.tag == 'D')
      asking_ ? answer_.cut() : watch_answer_->cut();
    else if (part.tag == 'E' && own_error_.empty())
      own_error_ = protocol::error_message(ec::server_protocol_violation);
    return;
  }
  gather_bytes(part);
  if (!part.ends())
    return;
  if (part.tag == 'E') {
    if (own_error_.empty()) // The first is the reason of the others.
      own_error_ = gathered_;
  } else if (part.tag == 'D') {
    const auto row = std::span{gathered_}.subspan(protocol::header_bytes);
    asking_ ? answer_.row(row) : watch_answer_->row(row);
  } else {
    status_changed(is_own);
  }
}

/// Collects the pieces of one message.
void server_link::gather_bytes(const protocol::piece& part) {
  if (part.starts()) {
    gathered_.clear();
    if (gathered_.capacity() > gathered_bytes_kept)
      std::vector<std::byte>{}.swap(gathered_);
  }
  gathered_.insert(gathered_.end(), part.bytes.begin(), part.bytes.end());
}

void server_link::status_changed(bool is_own) {
  auto text = std::string_view{reinterpret_cast<const char*>(gathered_.data()),
                               gathered_.size()};
  text.remove_prefix(5);
  auto name_end = text.find('\0');
  if (name_end == std::string_view::npos || text.back() != '\0')
    return;
  auto value = text.substr(name_end + 1);
  value = value.substr(0, value.find('\0'));
  auto index = session::reported_index(text.substr(0, name_end));
  if (!index)
    return;
  reported_.set(*index, value);
  // By our own doing: `tell_differences` says what the client must know.
  if (client_ != nullptr && !is_own)
    client_->told(*index, value);
}

/// ReadyForQuery for something of ours: an answer, a replay, or a step of a
/// cleaning.
void server_link::own_ready() {
  if (std::exchange(asking_, false))
    answered();
  else if (asks_watch())
    watch_answered();
  else
    replayed();
  // The client's settings are back behind a RESET: now it hears that it is
  // over.
  if (client_ != nullptr && ready_withheld_ && !asking_
      && replays_outstanding_ == 0) {
    ready_withheld_ = false;
    protocol::ready_for_query ready;
    client_->deliver_copy(protocol::encoded(ready), true);
  }
}

void server_link::replayed() {
  if (duty_ != duty::lent || replays_outstanding_ == 0) {
    replays_outstanding_ = 0;
    return;
  }
  --replays_outstanding_;
  if (client_ == nullptr)
    return;
  if (own_error_.empty())
    tell_differences();
  else if (!preparing_)
    client_->settings_rejected(std::exchange(own_error_, {}));
}

/// PostgreSQL may have understood a value in its own way ("utf8" is UTF8): the
/// client is told as PostgreSQL would have told it.
void server_link::tell_differences() {
  auto& told = client_->told_values();
  if (told == reported_)
    return;
  for (std::size_t i = 0; i < session::reported_names.size(); ++i) {
    if (!reported_.knows(i) || told.get(i) == reported_.get(i))
      continue;
    told.set(i, reported_.get(i));
    if (!client_->is_greeted())
      continue;
    auto& out = lane_.home().scratch();
    protocol::writer to{out};
    to.begin('S');
    to.string(session::reported_names[i]);
    to.string(reported_.get(i));
    to.end();
    client_->deliver_copy(out, true);
  }
}

[[gnu::hot]] void server_link::after_bytes(bool saw_ready) {
  // It said why it ends while nobody had it; nobody may get it any more.
  if (duty_ == duty::resting && fatal_seen_)
    return close(ec::server_lost);
  if (duty_ == duty::cleaning)
    return clean_on();
  if (duty_ == duty::lent && hub_ != nullptr && mirror_.owes_nothing())
    return hub_->server_at_rest();
  if (duty_ != duty::lent || client_ == nullptr)
    return;
  if (preparing_) {
    if (replays_outstanding_ > 0)
      return;
    preparing_ = false;
    if (!own_error_.empty())
      return client_->settings_rejected(std::exchange(own_error_, {}));
    return client_->prepared();
  }
  if (beginning_)
    return begun();
  if (std::exchange(repeat_due_, false))
    client_->repeat(sent_.take());
  else if (client_->is_stalled() && may_go_on() && !client_->waits_for_reset())
    client_->go_on();
  if (client_ == nullptr
      || (client_->is_mid_message() && !client_->waits_for_reset()))
    return;
  // Whether PostgreSQL swallowed a Sync in a COPY that failed is unknown: ask,
  // or the server stays lent until the client says more.
  if (saw_ready && !mirror_.is_certain()
      && mirror_.to_come_clean() == protocol::reply_mirror::remedy::probe)
    send_remedy(protocol::reply_mirror::remedy::probe);
  if (mirror_.owes_nothing())
    client_->server_at_rest(mirror_.status());
}

void server_link::on_drained() {
  if (client_ != nullptr)
    client_->server_drained();
}

} // namespace cenote::proxy
