#include "proxy/server_link.hpp"

#include <chrono>
#include <string_view>
#include <utility>

#include "base/limits.hpp"
#include "base/log.hpp"
#include "protocol/writer.hpp"
#include "proxy/client_link.hpp"
#include "proxy/lane.hpp"
#include "proxy/shard.hpp"
#include "proxy/wall_clock.hpp"

namespace cenote::proxy {

namespace {

using protocol::delivery;
using protocol::message_walker;
using protocol::transaction_status;

/// ParameterStatus and our own errors longer than this are not looked into.
constexpr std::size_t gathered_bytes_max = 16 * 1024;

/// CancelRequests under way to one server; a client that asks for more is not
/// heard until some have arrived.
constexpr std::uint32_t cancels_per_server_max = 4;

constexpr auto goodbye_time_max = std::chrono::seconds{1};

} // namespace

server_link::server_link(lane& in, server_id id, server_adoption from)
  : lane_{in},
    id_{id},
    facts_{std::move(from)},
    walker_{limits::message_bytes_max},
    mirror_{limits::outstanding_requests_max},
    reported_{in.home().values()},
    timer_{*this},
    connected_at_{in.home().now()},
    connect_time_unix_{unix_seconds()} {
  for (auto& [name, value] : facts_.said.parameters)
    if (auto index = session::reported_index(name))
      reported_.set(*index, value);
  facts_.said = {};
}

server_link::~server_link() = default;

bool server_link::start() {
  auto& io = lane_.home().io();
  auto made = io.attach(std::move(facts_.socket), std::move(facts_.tls), *this);
  if (!made)
    return false;
  stream = *made;
  return true;
}

// -- the loan
// -------------------------------------------------------------------

void server_link::attach(client_link& client, loan_id loan) noexcept {
  client_ = &client;
  loan_ = loan;
  duty_ = duty::lent;
  preparing_ = false;
  request_at_ = lane_.home().now();
}

bool server_link::prepare(session::reported_values& want,
                          const session::startup_settings& startup,
                          bool confirmed) {
  if (reported_ == want && session::same_settings(startup_, startup))
    return true;
  auto& out = lane_.home().scratch();
  auto& tags = lane_.home().tag_scratch();
  session::append_replay(out, tags, reported_, want, startup_, startup);
  startup_ = startup;
  if (tags.empty())
    return true;
  for (char tag : tags)
    if (mirror_.sent(tag, delivery::skip, 0) != ec::none) {
      fail(ec::server_protocol_violation);
      return false;
    }
  own_error_.clear();
  ++replays_outstanding_;
  preparing_ = !confirmed;
  send_copy(out);
  return confirmed;
}

bool server_link::send(net::slice bytes) noexcept {
  return lane_.home().io().send(*stream, bytes);
}

bool server_link::send_copy(std::span<const std::byte> bytes) noexcept {
  return lane_.home().io().send_copy(*stream, bytes);
}

void server_link::forget_client() noexcept {
  client_ = nullptr;
  preparing_ = false;
  client_full_ = false;
  lane_.home().io().resume(*stream);
}

void server_link::release() {
  forget_client();
  goodbye_ = false;
  cut_message_ = false;
  no_more_cancel_ = true;
  reset_done_ = false;
  duty_ = duty::resting;
  if (doomed)
    return lane_.checkin(*this, pool::server_verdict::broken);
  lane_.checkin(*this, !mirror_.dirt().empty() ? pool::server_verdict::tainted
                                               : pool::server_verdict::clean);
}

void server_link::recover(bool goodbye, bool cut_message) {
  forget_client();
  goodbye_ = goodbye;
  cut_message_ = cut_message;
  no_more_cancel_ = false;
  reset_done_ = false;
  own_error_.clear();
  duty_ = duty::cleaning;
  auto clean
    = session::next_cleaning_step(stains()) == session::cleaning_step::clean;
  if (doomed || cut_message)
    return lane_.checkin(*this, pool::server_verdict::broken);
  if (clean) {
    duty_ = duty::resting;
    return lane_.checkin(*this, pool::server_verdict::clean);
  }
  lane_.checkin(*this, pool::server_verdict::tainted);
}

void server_link::cancel() {
  if (duty_ == duty::dead || cancels_ >= cancels_per_server_max)
    return;
  ++cancels_;
  lane_.block(*this);
  cancel_order order;
  order.target = facts_.target;
  order.server = facts_.peer;
  order.backend_pid = facts_.backend_pid;
  order.backend_key = facts_.backend_key;
  lane_.home().order_cancel(*this, std::move(order));
}

void server_link::cancel_settled(bool acknowledged) {
  --cancels_;
  // Whether and when an unacknowledged cancel strikes is unknown: nobody else
  // may be its victim.
  if (!acknowledged)
    doomed = true;
  if (doomed && duty_ == duty::resting)
    return close(ec::server_dirty);
  lane_.unblock(*this);
}

// -- cleaning
// -----------------------------------------------------------------------

void server_link::start_cleaning() {
  duty_ = duty::cleaning;
  lane_.home().clocks().arm(timer_,
                            lane_.home().now() + limits::recovery_time_max);
  clean_on();
}

session::stained server_link::stains() const noexcept {
  session::stained at;
  at.owes = !mirror_.owes_nothing();
  at.cut_message = cut_message_;
  at.no_cancel = no_more_cancel_;
  at.goodbye = goodbye_;
  at.remedy = mirror_.to_come_clean();
  at.status = mirror_.status();
  bool wants_reset
    = lane_.is_session() && !lane_.settings().reset_query.empty();
  at.dirty = !reset_done_ && (wants_reset || !mirror_.dirt().empty());
  return at;
}

void server_link::clean_on() {
  while (duty_ == duty::cleaning) {
    // Our own statements do not fail on a healthy server.
    if (!own_error_.empty())
      return close(ec::server_dirty);
    switch (session::next_cleaning_step(stains())) {
      case session::cleaning_step::wait:
        return;
      case session::cleaning_step::cancel:
        no_more_cancel_ = true;
        cancel();
        break;
      case session::cleaning_step::remedy:
        send_remedy(mirror_.to_come_clean());
        break;
      case session::cleaning_step::rollback:
        no_more_cancel_ = true;
        send_own('Q', "ROLLBACK");
        break;
      case session::cleaning_step::reset:
        no_more_cancel_ = true;
        reset_done_ = true;
        startup_ = nullptr;
        send_own('Q', lane_.is_session() ? lane_.settings().reset_query
                                         : "DISCARD ALL");
        break;
      case session::cleaning_step::clean:
        duty_ = duty::resting;
        mirror_.clear_dirt();
        lane_.home().clocks().disarm(timer_);
        if (doomed)
          return close(ec::server_dirty);
        return lane_.cleaned(*this);
      case session::cleaning_step::close:
        return close(ec::server_dirty);
    }
  }
}

void server_link::send_remedy(protocol::reply_mirror::remedy what) {
  using remedy = protocol::reply_mirror::remedy;
  switch (what) {
    case remedy::wait:
      return;
    case remedy::copy_fail:
      return send_own('f', "client vanished");
    case remedy::copy_done:
      return send_own('c', {});
    case remedy::sync:
      return send_own('S', {});
    case remedy::probe:
      return send_own('Q', "");
  }
}

void server_link::send_own(char tag, std::string_view body) {
  auto& out = lane_.home().scratch();
  protocol::writer to{out};
  to.begin(tag);
  if (tag == 'Q' || tag == 'f' || tag == 'C')
    to.string(body);
  to.end();
  if (mirror_.sent(tag, delivery::skip, 0) != ec::none)
    return close(ec::server_dirty);
  send_copy(out);
}

// -- replies
// ----------------------------------------------------------------------------

void server_link::to_client::send(net::slice bytes,
                                  bool ends_message) noexcept {
  if (from->client_ == nullptr)
    return;
  if (!from->client_->deliver(bytes, ends_message)) {
    from->client_full_ = true;
    from->lane_.home().io().pause(*from->stream);
  }
}

void server_link::to_client::send_copy(std::span<const std::byte> bytes,
                                       bool ends_message) noexcept {
  if (from->client_ == nullptr)
    return;
  if (!from->client_->deliver_copy(bytes, ends_message)) {
    from->client_full_ = true;
    from->lane_.home().io().pause(*from->stream);
  }
}

void server_link::client_drained() noexcept {
  if (std::exchange(client_full_, false) && stream != nullptr)
    lane_.home().io().resume(*stream);
}

void server_link::on_bytes(net::slice in) {
  byte_run<to_client> forward{to_client{this}, in, true};
  auto rest = in.bytes;
  protocol::piece part;
  bool saw_ready = false;
  for (;;) {
    auto outcome = walker_.next(rest, part);
    if (outcome == message_walker::outcome::need_data)
      break;
    saw_ready = saw_ready || part.tag == 'Z';
    if (outcome == message_walker::outcome::failed || !take(part, forward)) {
      forward.flush();
      return fail(ec::server_protocol_violation);
    }
  }
  forward.flush();
  after_bytes(saw_ready);
}

bool server_link::take(const protocol::piece& part,
                       byte_run<to_client>& forward) {
  auto what = mirror_.take(part);
  if (what.violation)
    return false;
  fatal_seen_ = fatal_seen_ || what.fatal;
  bool is_own = what.how == delivery::skip;
  if (is_own) {
    forward.flush();
    if (part.tag == 'E' || part.tag == 'S')
      gather(part, true);
    if (what.ready)
      own_ready();
    return true;
  }
  forward.add(part);
  if (part.tag == 'S')
    gather(part, false);
  if (what.ready && client_ != nullptr)
    client_->reply_complete(static_cast<char>(mirror_.status()));
  return true;
}

void server_link::gather(const protocol::piece& part, bool is_own) {
  if (part.starts())
    gathered_.clear();
  if (part.body_bytes > gathered_bytes_max)
    return;
  gathered_.insert(gathered_.end(), part.bytes.begin(), part.bytes.end());
  if (!part.ends())
    return;
  if (part.tag == 'E')
    own_error_ = gathered_;
  else
    status_changed(is_own);
  if (gathered_.capacity() > 1024)
    std::vector<std::byte>{}.swap(gathered_);
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

/// ReadyForQuery for something of ours: a replay, or a step of a cleaning.
void server_link::own_ready() {
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
    auto& out = lane_.home().scratch();
    protocol::writer to{out};
    to.begin('S');
    to.string(session::reported_names[i]);
    to.string(reported_.get(i));
    to.end();
    client_->deliver_copy(out, true);
    told.set(i, reported_.get(i));
  }
}

void server_link::after_bytes(bool saw_ready) {
  if (duty_ == duty::cleaning)
    return clean_on();
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
  if (client_->is_mid_message())
    return;
  // Whether PostgreSQL swallowed a Sync in a COPY that failed is unknown: ask,
  // or the server stays lent until the client says more.
  if (saw_ready
      && mirror_.to_come_clean() == protocol::reply_mirror::remedy::probe)
    send_remedy(protocol::reply_mirror::remedy::probe);
  if (mirror_.owes_nothing())
    client_->server_at_rest(mirror_.status());
}

void server_link::on_drained() {
  if (client_ != nullptr)
    client_->server_drained();
}

// -- the end
// ------------------------------------------------------------------------------

void server_link::on_closed(const failure& why) {
  stream = nullptr;
  log::debug("server closed", {log::kv("server", id_), log::kv("why", why.code),
                               log::kv("detail", why.detail)});
  fail(ec::server_lost);
}

void server_link::on_time(time_point) {
  if (duty_ == duty::cleaning)
    close(ec::server_dirty);
}

void server_link::fail(ec why) {
  if (duty_ == duty::dead)
    return;
  duty_ = duty::dead;
  if (stream != nullptr)
    lane_.home().io().close(*std::exchange(stream, nullptr));
  if (why == ec::server_protocol_violation)
    log::warn("server violated the protocol",
              {log::kv("pool", tenants::to_string(lane_.key())),
               log::kv("server", id_), log::kv("backend", facts_.backend_pid)});
  auto* client = std::exchange(client_, nullptr);
  lane_.lost(*this, why);
  if (client != nullptr)
    client->server_lost(fatal_seen_);
}

void server_link::close(ec why) {
  if (duty_ == duty::dead)
    return;
  duty_ = duty::dead;
  auto& io = lane_.home().io();
  if (stream != nullptr) {
    auto* last = std::exchange(stream, nullptr);
    if (!cut_message_ && mirror_.owes_nothing()) {
      auto& out = lane_.home().scratch();
      protocol::writer to{out};
      to.begin('X');
      to.end();
      io.send_copy(*last, out);
      io.close_when_sent(*last, lane_.home().now() + goodbye_time_max);
    } else {
      io.close(*last);
    }
  }
  auto* client = std::exchange(client_, nullptr);
  lane_.lost(*this, why);
  if (client != nullptr)
    client->server_lost(false);
}

server_row server_link::row() const {
  server_row out;
  out.id = id_;
  out.pool = lane_.key();
  out.peer = facts_.peer;
  out.local = facts_.local;
  out.connect_time_unix = connect_time_unix_;
  out.request_time_unix = unix_seconds_of(request_at_, lane_.home().now());
  out.backend_pid = facts_.backend_pid;
  out.close_needed = doomed;
  out.is_tls = facts_.is_tls;
  out.application_name = std::string{reported_.get(0)};
  if (client_ != nullptr)
    out.link = client_->id();
  if (cancels_ > 0 && duty_ != duty::lent)
    out.state = server_state::being_canceled;
  else if (duty_ == duty::lent)
    out.state = server_state::active;
  else if (duty_ == duty::cleaning)
    out.state = server_state::tested;
  else
    out.state = server_state::idle;
  return out;
}

} // namespace cenote::proxy
