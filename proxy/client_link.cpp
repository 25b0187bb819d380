#include "proxy/client_link.hpp"

#include <utility>

#include "base/assert.hpp"
#include "base/limits.hpp"
#include "base/log.hpp"
#include "protocol/messages.hpp"
#include "protocol/writer.hpp"
#include "proxy/lane.hpp"
#include "proxy/listen_hub.hpp"
#include "proxy/server_link.hpp"
#include "proxy/shard.hpp"
#include "proxy/wall_clock.hpp"

namespace cenote::proxy {

namespace {

using session::effect;
using session::event;

/// How long a client that is sent away may take to read why.
constexpr auto farewell_time_max = std::chrono::seconds{5};

} // namespace

static_assert(sizeof(client_link) <= 232, "docs/performance.md, Idle clients");

client_link::client_link(lane& in, client_adoption& from)
  : lane_{in},
    id_{from.seat.who()},
    told_{in.home().values()},
    peer_{from.peer, in.home().values()},
    local_{from.local, in.home().values()},
    walker_{limits::message_bytes_max},
    connect_time_unix_{static_cast<std::uint32_t>(unix_seconds())} {
  // Its port is the lane's.
  CENOTE_ASSERT(from.seat.port() == &in.port());
  units_ = from.seat.hand_over();
  is_tls_ = from.is_tls;
}

client_link::~client_link() {
  auto& home = lane_.home();
  peer_.release(home.values());
  local_.release(home.values());
  home.lists().release(settings_);
  home.lists().release(given_);
  // The capacity first: who hears that the client is gone may use it at once.
  units_.give_back();
  lane_.port().client_left(id_);
}

const session::startup_settings& client_link::settings() const noexcept {
  return lane_.home().lists().at(settings_);
}

const session::startup_settings& client_link::given() const noexcept {
  return lane_.home().lists().at(given_);
}

void client_link::set_settings(const session::startup_settings& now) {
  auto& lists = lane_.home().lists();
  lists.release(std::exchange(settings_, lists.keep(now)));
}

void client_link::set_given(const session::startup_settings& now) {
  auto& lists = lane_.home().lists();
  lists.release(std::exchange(given_, lists.keep(now)));
}

client_extras& client_link::extras() {
  if (extras_ == nullptr)
    extras_ = std::make_unique<client_extras>();
  return *extras_;
}

// -- decisions ----------------------------------------------------------------

[[gnu::hot]] void client_link::apply(event what) {
  const auto& step = session::next(phase_, what);
  CENOTE_ASSERT(step.expected);
  phase_ = step.next;
  for (auto todo : step.todo())
    carry_out(todo);
}

[[gnu::hot]] void client_link::carry_out(effect what) {
  switch (what) {
    case effect::ask_server:
      since_ = lane_.home().now();
      return lane_.checkout(*this);
    case effect::leave_queue:
      return lane_.leave_queue(*this);
    case effect::prepare_server:
      if (server_->prepare(told_, settings(), settings_confirmed_,
                           unread_settings()))
        is_greeted() ? enter_block() : prepared();
      return;
    case effect::forward_held:
      return forward_held();
    case effect::release_server:
      return release_or_give();
    case effect::recover_server:
      return std::exchange(server_, nullptr)
        ->recover(goodbye_, mid_message_,
                  !traces_.empty() || !pinned_.empty() || has_own_listens());
    case effect::cancel_server:
      if (is_handing_over()) // What runs is ours.
        return;
      return server_->cancel();
    case effect::answer_canceled:
      return answer_canceled();
    case effect::refuse_client:
      return say_farewell();
    case effect::close_client:
      return close_now();
  }
}

[[gnu::hot]] void client_link::lend(server_link& server) {
  server_ = &server;
  lane_.look_for_definitions(true);
  watch_generation_ = lane_.watch().generation();
  auto now = lane_.home().now();
  lane_.sums().wait_time_us += static_cast<std::uint64_t>(
    std::chrono::duration_cast<std::chrono::microseconds>(now - since_)
      .count());
  request_at_ = now;
  since_ = is_in_held_block() ? begin_->since : now;
  apply(event::lent);
}

void client_link::prepared() {
  settings_confirmed_ = true;
  if (is_greeted())
    return enter_block();
  greet();
  apply(event::prepared);
  if (phase_ != session::phase::borrowing || mid_message_
      || !server_->mirror().owes_nothing())
    return;
  // It has asked for nothing yet.
  if (lane_.ending())
    return refuse(*lane_.ending());
  apply(event::released);
  rearm();
}

void client_link::settings_rejected(std::vector<std::byte> error) {
  auto words = protocol::error_response::decode(
    std::span{error}.subspan(protocol::header_bytes));
  if (words) {
    words->severity = words->severity_plain = "FATAL";
    error = protocol::encoded(*words);
  }
  parting().words = std::move(error);
  // Which of them it has is not worth knowing: the server is reset.
  traces_.add(session::trace::settings);
  why_ = ec::protocol_violation;
  apply(event::refuse);
}

void client_link::refuse(ec why) {
  if (phase_ == session::phase::gone)
    return;
  why_ = why;
  apply(event::refuse);
}

void client_link::refuse(const refusal& why) {
  if (why.server_error)
    parting().words = *why.server_error;
  refuse(why.why.code);
}

void client_link::server_lost(bool explained) {
  server_ = nullptr;
  closing_quietly_ = explained;
  why_ = ec::server_lost;
  apply(event::server_lost);
}

void client_link::cancel() {
  // Nobody knows the key of a client that was not greeted.
  if (phase_ == session::phase::gone || !is_greeted())
    return;
  // What is meant stands behind our own question.
  if (server_ != nullptr && server_->asks_watch())
    cancels_later_ = true;
  else
    apply(event::cancel);
}

[[gnu::hot]] void client_link::reply_complete(char status) {
  auto now = lane_.home().now();
  auto passed = [&](time_point start) {
    return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(now - start)
        .count());
  };
  auto& sums = lane_.sums();
  ++sums.queries;
  sums.query_time_us += passed(request_at_);
  // What is pipelined behind this reply begins now.
  ready_at_ = request_at_ = now;
  if (status != static_cast<char>(protocol::transaction_status::idle))
    return;
  ++sums.transactions;
  sums.transaction_time_us += passed(since_);
  since_ = now;
}

[[gnu::hot]] void
client_link::server_at_rest(protocol::transaction_status status) {
  bool is_idle = status == protocol::transaction_status::idle;
  if (is_idle && lane_.ending())
    return refuse(*lane_.ending());
  if (lane_.is_session()) {
    if (is_idle)
      ask_about_reset();
    return rearm();
  }
  if (is_idle && (ask_what_is_left() || hand_over() || !pinned_.empty())) {
    // The change of servers was given up.
    if (stalled_ && is_at_rest() && !waits_for_reset())
      return go_on();
    tell_notifications();
    return rearm();
  }
  // It came behind a LISTEN that is moved now.
  if (is_idle && stalled_ && !gives_server_)
    return go_on();
  if (is_idle) {
    apply(event::released);
    if (stalled_)
      return go_on();
    tell_notifications();
    return rearm();
  }
  if (lane_.settings().mode == tenants::pool_mode::statement)
    return refuse(ec::transaction_in_statement_mode);
  rearm();
}

bool client_link::is_at_rest() const noexcept {
  if (server_ == nullptr)
    return phase_ == session::phase::idle;
  return phase_ == session::phase::borrowing && !mid_message_
      && server_->mirror().owes_nothing()
      && server_->mirror().status() == protocol::transaction_status::idle;
}

// -- time ---------------------------------------------------------------------

client_link::due client_link::deadline() const noexcept {
  auto& with = lane_.settings();
  due out;
  auto consider
    = [&](std::chrono::milliseconds limit, time_point since, ec why) {
        if (limit.count() > 0 && since + limit < out.when)
          out = {since + limit, why};
      };
  bool at_rest = server_ == nullptr || server_->mirror().owes_nothing();
  bool in_block
    = server_ != nullptr
   && server_->mirror().status() != protocol::transaction_status::idle;
  switch (phase_) {
    case session::phase::idle:
      if (is_in_held_block())
        consider(with.idle_transaction_timeout, ready_at_,
                 ec::idle_transaction_timeout);
      else
        consider(with.client_idle_timeout, ready_at_, ec::client_idle_timeout);
      [[fallthrough]];
    case session::phase::waiting: // And the ledger's own deadline.
      if (is_in_held_block())
        consider(with.transaction_timeout, begin_->since,
                 ec::transaction_timeout);
      break;
    case session::phase::gone:
      break;
    case session::phase::preparing:
    case session::phase::borrowing:
      if (!at_rest)
        consider(with.query_timeout, request_at_, ec::query_timeout);
      else if (in_block)
        consider(with.idle_transaction_timeout, ready_at_,
                 ec::idle_transaction_timeout);
      else if (lane_.is_session() || !pinned_.empty())
        consider(with.client_idle_timeout, ready_at_, ec::client_idle_timeout);
      if (const auto since = fenced_since(); since != never)
        consider(limits::listening_answer_time_max, since, ec::none);
      if (in_block || !at_rest)
        consider(with.transaction_timeout, since_, ec::transaction_timeout);
      break;
  }
  return out;
}

[[gnu::hot]] void client_link::rearm() {
  const auto may_be_due
    = lane_.times_clients() || is_handing_over() || is_armed();
  if (phase_ == session::phase::gone || !may_be_due)
    return;
  auto next = deadline();
  if (next.when == never && !is_armed())
    return;
  if (alarm_ == nullptr)
    alarm_ = std::make_unique<client_alarm>(*this);
  lane_.home().clocks().arm(alarm_->entry, next.when);
}

void client_alarm::on_time(time_point now) {
  owner.on_time(now);
}

void client_link::on_time(time_point now) {
  auto next = deadline();
  if (next.when <= now && next.why != ec::none)
    return refuse(next.why);
  if (next.when <= now) // The listening server says nothing.
    lane_.hub().drop_server();
  rearm();
}

// -- towards the client -------------------------------------------------------

[[gnu::hot]] bool client_link::deliver(net::slice bytes,
                                       bool ends_message) noexcept {
  mid_reply_ = !ends_message;
  lane_.sums().bytes_sent += bytes.bytes.size();
  full_ = !lane_.home().io().send(*stream_, bytes);
  return !full_;
}

bool client_link::deliver_copy(std::span<const std::byte> bytes,
                               bool ends_message) noexcept {
  mid_reply_ = !ends_message;
  lane_.sums().bytes_sent += bytes.size();
  full_ = !lane_.home().io().send_copy(*stream_, bytes);
  return !full_;
}

void client_link::on_drained() {
  full_ = false;
  if (server_ != nullptr)
    server_->client_drained();
  tell_notifications();
  if (!held_enough_)
    lane_.home().io().resume(*stream_);
}

void client_link::say_farewell() {
  auto& home = lane_.home();
  home.tell_ended(why_, id(), tenants::to_string(lane_.key()),
                  peer_.name(home.values()).address);
  if (stream_ != nullptr && !closing_quietly_ && !mid_reply_) {
    auto& last = parting();
    auto words = last.words.empty() ? protocol::error_message(why_, last.detail)
                                    : std::move(last.words);
    home.io().send_copy(*stream_, words);
  }
  if (stream_ != nullptr)
    home.io().close_when_sent(*std::exchange(stream_, nullptr),
                              home.now() + farewell_time_max);
  close_now();
}

void client_link::close_now() {
  auto& home = lane_.home();
  if (stream_ != nullptr)
    home.io().close(*std::exchange(stream_, nullptr));
  set_pinned({});
  if (joined_hub_)
    leave_hub();
  if (alarm_ != nullptr)
    home.clocks().disarm(alarm_->entry);
  lane_.gone(*this);
}

void client_link::on_closed(const failure& why) {
  stream_ = nullptr;
  log::debug("client closed",
             {log::kv("client", id()), log::kv("why", why.code),
              log::kv("detail", why.detail)});
  apply(event::hung_up);
}

client_row client_link::row(time_point now) const {
  client_row out;
  out.id = id();
  out.pool = lane_.key();
  const auto& texts = lane_.home().values();
  out.peer = peer_.name(texts);
  out.local = local_.name(texts);
  out.connect_time_unix = connect_time_unix_;
  out.request_time_unix = unix_seconds_of(request_at_, now);
  out.is_tls = is_tls_;
  out.application_name = std::string{told_.get(0)};
  if (prepared_)
    out.prepared_statements
      = static_cast<std::uint32_t>(prepared_->named.size());
  if (!pinned_.empty()) {
    out.pin_reason = session::name(pinned_);
    out.pinned_us = static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(
        now - extras_->pinned_since)
        .count());
  }
  if (const auto* all = listens())
    out.channels = static_cast<std::uint32_t>(all->shared().size());
  if (server_ != nullptr) {
    out.state = client_state::active;
    out.link = server_->id();
    out.link_pid = server_->backend_pid();
  } else if (phase_ == session::phase::waiting) {
    out.state = client_state::waiting;
    out.wait_us = static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(now - since_)
        .count());
  }
  return out;
}

} // namespace cenote::proxy
