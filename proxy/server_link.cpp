#include "proxy/server_link.hpp"

#include <string_view>
#include <utility>

#include "base/limits.hpp"
#include "base/log.hpp"
#include "proxy/client_link.hpp"
#include "proxy/lane.hpp"
#include "proxy/listen_hub.hpp"
#include "proxy/shard.hpp"
#include "proxy/wall_clock.hpp"

namespace cenote::proxy {

namespace {

using protocol::delivery;

/// CancelRequests under way to one server; a client that asks for more is not
/// heard until some have arrived.
constexpr std::uint32_t cancels_per_server_max = 4;

cancel_order order_for(const server_adoption& of) {
  cancel_order order;
  order.target = of.target;
  order.server = of.peer;
  order.backend_pid = of.backend_pid;
  order.backend_key = of.backend_key;
  return order;
}

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

// -- the loan -----------------------------------------------------------------

[[gnu::hot]] void server_link::attach(client_link& client,
                                      loan_id loan) noexcept {
  client_ = &client;
  loan_ = loan;
  duty_ = duty::lent;
  fatal_seen_ = false;
  preparing_ = false;
  request_at_ = lane_.home().now();
  // What a walsender has been through cannot be undone.
  doomed = doomed || lane_.is_replication();
}

[[gnu::hot]] bool server_link::prepare(
  session::reported_values& want, const session::startup_settings& startup,
  bool confirmed, std::span<const std::pair<std::string, std::string>> unread) {
  // A walsender was opened with its client's settings and takes no others.
  if (lane_.is_replication()
      || (reported_ == want && session::same_settings(startup_, startup)
          && unread.empty()))
    return true;
  auto& out = lane_.home().scratch();
  auto& tags = lane_.home().tag_scratch();
  session::append_replay(out, tags, reported_, want, startup_, startup, unread);
  startup_ = startup;
  if (tags.empty())
    return true;
  unnamed_is_foreign();
  for (char tag : tags)
    if (expect_own(tag) != ec::none) {
      fail(ec::server_protocol_violation);
      return false;
    }
  own_error_.clear();
  ++replays_outstanding_;
  preparing_ = !confirmed;
  send_copy(out);
  return confirmed;
}

[[gnu::hot]] bool server_link::send(net::slice bytes) noexcept {
  return lane_.home().io().send(*stream, bytes);
}

bool server_link::send_copy(std::span<const std::byte> bytes) noexcept {
  return lane_.home().io().send_copy(*stream, bytes);
}

[[gnu::hot]] void server_link::forget_client() noexcept {
  client_ = nullptr;
  sent_.drop();
  withheld_parameters_.clear();
  withheld_error_.clear();
  other_tags_.clear();
  repeat_due_ = false;
  repeating_ = false;
  preparing_ = false;
  beginning_.reset();
  client_full_ = false;
  ready_withheld_ = false;
  lane_.home().io().resume(*stream);
}

bool server_link::is_spent() const noexcept {
  return doomed || mirror_.dirt().has(protocol::dirt::libraries);
}

[[gnu::hot]] void server_link::release() {
  forget_client();
  goodbye_ = false;
  cut_message_ = false;
  no_more_cancel_ = true;
  reset_done_ = false;
  must_succeed_ = false;
  copy_failed_ = false;
  want_cancel_ = false;
  duty_ = duty::resting;
  if (is_spent())
    return lane_.checkin(*this, pool::server_verdict::broken);
  // Where traces are asked for, what is not known by now is nothing.
  if (lane_.follows_sessions())
    mirror_.clear_dirt();
  lane_.checkin(*this, has_traces_ || !mirror_.dirt().empty()
                         ? pool::server_verdict::tainted
                         : pool::server_verdict::clean);
}

void server_link::recover(bool goodbye, bool cut_message, bool leaves_traces) {
  forget_client();
  hub_ = nullptr;
  has_traces_ = has_traces_ || leaves_traces || asking_;
  goodbye_ = goodbye;
  cut_message_ = cut_message;
  no_more_cancel_ = false;
  reset_done_ = false;
  must_succeed_ = false;
  copy_failed_ = false;
  own_error_.clear();
  duty_ = duty::cleaning;
  auto clean
    = session::next_cleaning_step(stains()) == session::cleaning_step::clean;
  if (is_spent() || cut_message)
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
  lane_.home().order_cancel(lane_.where().lane, id(), order_for(facts_));
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
  if (duty_ == duty::cleaning)
    clean_on();
}

// -- the end ------------------------------------------------------------------

void server_link::on_closed(const failure& why) {
  stream = nullptr;
  log::debug("server closed", {log::kv("server", id_), log::kv("why", why.code),
                               log::kv("detail", why.detail)});
  fail(ec::server_lost);
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
  auto* hub = std::exchange(hub_, nullptr);
  lane_.lost(*this, why);
  if (hub != nullptr)
    hub->server_lost();
  if (client != nullptr)
    client->server_lost(fatal_seen_);
}

void server_link::close(ec why) {
  if (duty_ == duty::dead)
    return;
  duty_ = duty::dead;
  auto* last = std::exchange(stream, nullptr);
  // Who has said why it ends is done.
  const auto is_at_rest = !cut_message_ && mirror_.owes_nothing();
  if (last != nullptr && fatal_seen_ && !is_at_rest)
    lane_.home().io().close(*std::exchange(last, nullptr));
  auto* client = std::exchange(client_, nullptr);
  auto* hub = std::exchange(hub_, nullptr);
  if (last != nullptr)
    lane_.see_off(*this, *last, why,
                  is_at_rest ? std::nullopt : std::optional{order_for(facts_)});
  else
    lane_.lost(*this, why);
  if (hub != nullptr)
    hub->server_lost();
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
  out.is_tls = facts_.is_tls;
  out.application_name = std::string{reported_.get(0)};
  out.prepared_statements = static_cast<std::uint32_t>(statements_.size());
  if (client_ != nullptr)
    out.link = client_->id();
  if (cancels_ > 0 && duty_ != duty::lent)
    out.state = server_state::being_canceled;
  else if (hub_ != nullptr)
    out.state = server_state::listening;
  else if (duty_ == duty::lent)
    out.state = server_state::active;
  else if (duty_ == duty::cleaning)
    out.state = server_state::tested;
  else
    out.state = server_state::idle;
  return out;
}

} // namespace cenote::proxy
