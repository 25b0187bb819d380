// LISTEN where servers change: what a client hears, and how its LISTENs move to
// the listening server of the lane. See docs/listen.md.

#include <algorithm>
#include <string>
#include <utility>

#include "base/limits.hpp"
#include "proxy/client_link.hpp"
#include "proxy/lane.hpp"
#include "proxy/listen_hub.hpp"
#include "proxy/server_link.hpp"
#include "proxy/shard.hpp"

namespace cenote::proxy {

namespace {

using session::client_listens;
using step = client_listens::step;

} // namespace

// -- what may UNLISTEN --------------------------------------------------------

/// In front of it the own server LISTENs to what the client listens to, so that
/// PostgreSQL says what is left.
client_link::named client_link::come_home(const session::text_traces& what,
                                          bool is_query, request_run& forward) {
  if (listens_ == nullptr || listens_->shared().empty())
    return named::passed;
  discards_ = discards_ || what.discards;
  if (!what.unlistens
      || server_->mirror().status() == protocol::transaction_status::failed)
    return named::passed;
  // In the middle of a batch nothing can be put in front of a Query.
  if (is_query && !server_->begins_batch())
    return named::passed;
  names();
  note_setting(session::home_setting);
  auto& out = lane_.home().scratch();
  const auto code = server_->put_home(listens_->come_home(), is_query, out);
  const auto outcome = check(code, forward);
  if (outcome == named::passed)
    forward.add_copy(out, true);
  return outcome;
}

// -- what is left -------------------------------------------------------------

void client_link::take_listens(session::left_behind& found) {
  if (listens_ == nullptr) {
    if (found.channels.empty() || !lane_.shares_listens())
      return;
    listens_ = std::make_unique<client_listens>(id().value());
  }
  auto& hub = lane_.hub();
  const auto gone = listens_->learned(found, hub.fence());
  discards_ = false;
  if (!gone.empty())
    hub.leave(*this, gone);
  // Only a pin, if it cannot be otherwise.
  if (!listens_->has_own() || may_share())
    found.kinds.remove(session::trace::listens);
  forget_listens();
}

bool client_link::may_share() const {
  const auto index = session::reported_index("client_encoding");
  const auto& encoding = lane_.hub().encoding();
  return lane_.shares_listens()
      && listens_->pending().size() + listens_->shared().size()
           <= limits::client_channels_max
      && (encoding.empty() || encoding == told_.get(*index));
}

void client_link::leave_hub() {
  auto& hub = lane_.hub();
  hub.moved(*this);
  if (listens_ == nullptr)
    return;
  hub.leave(*this, listens_->shared());
  hub.leave(*this, listens_->pending());
}

void client_link::forget_listens() {
  if (listens_ != nullptr && listens_->is_empty())
    listens_ = nullptr;
}

bool client_link::has_own_listens() const noexcept {
  return listens_ != nullptr && listens_->has_own();
}

[[gnu::hot]] bool client_link::is_handing_over() const noexcept {
  return listens_ != nullptr && listens_->at() != step::none;
}

bool client_link::is_at(step which) const noexcept {
  return phase_ == session::phase::borrowing && listens_ != nullptr
      && listens_->at() == which;
}

/// Since when the listening server has not said what this one has.
time_point client_link::fenced_since() const noexcept {
  return is_at(step::fencing) && server_->mirror().owes_nothing() ? since_
                                                                  : never;
}

// -- the change of servers ----------------------------------------------------

/// At rest outside a transaction: takes the next step towards a server without
/// LISTENs. False: it has none, the server may go.
[[gnu::hot]] bool client_link::hand_over() {
  if (!has_own_listens() || !pinned_.empty())
    return false;
  if (is_handing_over()) {
    server_->forget_dirt();
    if (server_->take_own_error())
      return step_failed();
  }
  switch (listens_->at()) {
    case step::none:
      return begin_to_hand_over();
    case step::joining:
      return true;
    case step::fencing:
      if (listens_->is_fenced())
        clear_own();
      return true;
    case step::clearing:
      listens_->left_own();
      forget_listens();
      return false;
  }
  return false;
}

bool client_link::begin_to_hand_over() {
  auto& hub = lane_.hub();
  if (listens_->pending().empty()) {
    clear_own();
  } else if (!hub.has_server()) {
    gives_server_ = true;
    return false;
  } else {
    listens_->go_to(step::joining);
    joined_hub_ = true;
    hub.join(*this, listens_->pending());
  }
  return true;
}

/// A cancel that came late, or a timeout. The client may keep its server, if it
/// must be: what both servers say is known to be the same.
bool client_link::step_failed() {
  if (listens_->fails_for_good()) {
    lane_.hub().moved(*this);
    listens_->give_up();
    auto now = pinned_;
    now.add(session::trace::listens);
    set_pinned(now);
    return phase_ != session::phase::gone;
  }
  if (listens_->at() == step::clearing) {
    clear_own();
    return true;
  }
  listens_->start_again();
  return begin_to_hand_over();
}

void client_link::clear_own() {
  lane_.hub().moved(*this);
  listens_->go_to(step::clearing);
  server_->query_own("unlisten *");
}

/// The loan ends, or is the hub's from now on.
[[gnu::hot]] void client_link::release_or_give() {
  auto& server = *std::exchange(server_, nullptr);
  if (!std::exchange(gives_server_, false)) {
    if (listens_ != nullptr)
      listens_->left_own();
    return server.release();
  }
  auto& hub = lane_.hub();
  joined_hub_ = true;
  const auto channels = listens_->pending();
  listens_->gave_server();
  hub.join_with(*this, channels, server);
}

void client_link::shared_listens() {
  if (!is_at(step::joining) || !lane_.hub().listens_to(listens_->pending()))
    return;
  listens_->go_to(step::fencing);
  since_ = lane_.home().now();
  const auto name = session::quoted_name(lane_.hub().fence());
  server_->query_own("listen " + name + "; notify " + name + ", '"
                     + listens_->fence_payload() + "'");
}

void client_link::shared_fenced(std::string_view payload) {
  if (!is_at(step::fencing) || payload != listens_->fence_payload())
    return;
  listens_->fenced_shared();
  if (server_->mirror().owes_nothing())
    hand_over();
}

void client_link::shared_lost() {
  if (phase_ == session::phase::gone || !is_handing_over())
    return;
  listens_->start_again();
  if (!is_handing_over() && is_at_rest())
    server_at_rest(protocol::transaction_status::idle);
}

// -- what is heard ------------------------------------------------------------

bool client_link::hears_own(const session::notification& what) {
  if (listens_ == nullptr)
    return what.channel != lane_.hub().fence();
  switch (listens_->hear_own(what, lane_.hub().fence())) {
    case client_listens::verdict::forward:
      return true;
    case client_listens::verdict::drop:
      return false;
    case client_listens::verdict::fence:
      listens_->fenced_own();
      return false;
  }
  return true;
}

void client_link::hear_shared(std::string_view channel,
                              client_listens::message what) {
  if (phase_ != session::phase::gone && listens_ != nullptr
      && listens_->is_shared(channel))
    keep_message(std::move(what));
}

void client_link::hear_of_loss(bool is_loss, client_listens::message warning) {
  // Who gave the server that listens now has missed nothing.
  const auto concerns = is_loss || knows_of_loss_;
  knows_of_loss_ = is_loss;
  if (phase_ != session::phase::gone && listens_ != nullptr && concerns)
    keep_message(std::move(warning));
}

void client_link::keep_message(client_listens::message what) {
  if (!listens_->keep(std::move(what)))
    return refuse(ec::too_many_notifications);
  tell_notifications();
}

/// PostgreSQL tells them between two transactions.
[[gnu::hot]] void client_link::tell_notifications() {
  if (listens_ == nullptr || full_ || mid_reply_ || is_handing_over()
      || is_in_held_block())
    return;
  if (phase_ != session::phase::waiting && !is_at_rest())
    return;
  while (!full_) {
    const auto what = listens_->next();
    if (what == nullptr)
      break;
    ++lane_.sums().notifications;
    deliver_copy(*what, true);
  }
  forget_listens();
}

} // namespace cenote::proxy
