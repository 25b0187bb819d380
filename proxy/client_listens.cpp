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
  if (listens() == nullptr || listens()->shared().empty())
    return named::passed;
  discards_ = discards_ || what.discards;
  if (!what.unlistens || server_->mirror().is_in_failed_block())
    return named::passed;
  // In the middle of a batch nothing can be put in front of a Query.
  if (is_query && !server_->begins_batch())
    return named::passed;
  names();
  note_setting(session::home_setting);
  auto& out = lane_.home().scratch();
  const auto code = server_->put_home(listens()->come_home(), is_query, out);
  const auto outcome = check(code, forward);
  if (outcome == named::passed)
    forward.add_copy(out, true);
  return outcome;
}

// -- what is left -------------------------------------------------------------

void client_link::take_listens(session::left_behind& found) {
  if (listens() == nullptr) {
    if (found.channels.empty() || !lane_.shares_listens())
      return;
    extras().listens = std::make_unique<client_listens>(id().value());
  }
  auto& hub = lane_.hub();
  const auto gone = listens()->learned(found, hub.fence());
  discards_ = false;
  if (!gone.empty())
    hub.leave(*this, gone);
  // Only a pin, if it cannot be otherwise.
  if (!listens()->has_own() || may_share())
    found.kinds.remove(session::trace::listens);
  forget_listens();
}

bool client_link::may_share() const {
  const auto index = session::reported_index("client_encoding");
  const auto& encoding = lane_.hub().encoding();
  return lane_.shares_listens()
      && listens()->pending().size() + listens()->shared().size()
           <= limits::client_channels_max
      && (encoding.empty() || encoding == told_.get(*index));
}

void client_link::leave_hub() {
  auto& hub = lane_.hub();
  hub.moved(*this);
  if (listens() == nullptr)
    return;
  hub.leave(*this, listens()->shared());
  hub.leave(*this, listens()->pending());
}

void client_link::forget_listens() {
  if (listens() != nullptr && listens()->is_empty())
    extras_->listens = nullptr;
}

bool client_link::has_own_listens() const noexcept {
  return listens() != nullptr && listens()->has_own();
}

[[gnu::hot]] bool client_link::is_handing_over() const noexcept {
  return listens() != nullptr && listens()->at() != step::none;
}

bool client_link::is_at(step which) const noexcept {
  return phase_ == session::phase::borrowing && listens() != nullptr
      && listens()->at() == which;
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
  switch (listens()->at()) {
    case step::none:
      return begin_to_hand_over();
    case step::joining:
      return true;
    case step::fencing:
      if (listens()->is_fenced())
        clear_own();
      return true;
    case step::clearing:
      listens()->left_own();
      forget_listens();
      return false;
  }
  return false;
}

bool client_link::begin_to_hand_over() {
  auto& hub = lane_.hub();
  if (listens()->pending().empty()) {
    clear_own();
  } else if (!hub.has_server()) {
    gives_server_ = true;
    return false;
  } else {
    listens()->go_to(step::joining);
    joined_hub_ = true;
    hub.join(*this, listens()->pending());
  }
  return true;
}

/// A cancel that came late, or a timeout. The client may keep its server, if it
/// must be: what both servers say is known to be the same.
bool client_link::step_failed() {
  if (listens()->fails_for_good()) {
    lane_.hub().moved(*this);
    listens()->give_up();
    auto now = pinned_;
    now.add(session::trace::listens);
    set_pinned(now);
    return phase_ != session::phase::gone;
  }
  if (listens()->at() == step::clearing) {
    clear_own();
    return true;
  }
  listens()->start_again();
  return begin_to_hand_over();
}

void client_link::clear_own() {
  lane_.hub().moved(*this);
  listens()->go_to(step::clearing);
  server_->query_own("unlisten *");
}

/// The loan ends, or is the hub's from now on.
[[gnu::hot]] void client_link::release_or_give() {
  auto& server = *std::exchange(server_, nullptr);
  if (!std::exchange(gives_server_, false)) {
    if (listens() != nullptr)
      listens()->left_own();
    return server.release();
  }
  auto& hub = lane_.hub();
  joined_hub_ = true;
  const auto channels = listens()->pending();
  listens()->gave_server();
  hub.join_with(*this, channels, server);
}

void client_link::shared_listens() {
  if (!is_at(step::joining) || !lane_.hub().listens_to(listens()->pending()))
    return;
  listens()->go_to(step::fencing);
  since_ = lane_.home().now();
  const auto name = session::quoted_name(lane_.hub().fence());
  server_->query_own("listen " + name + "; notify " + name + ", '"
                     + listens()->fence_payload() + "'");
}

void client_link::shared_fenced(std::string_view payload) {
  if (!is_at(step::fencing) || payload != listens()->fence_payload())
    return;
  listens()->fenced_shared();
  if (server_->mirror().owes_nothing())
    hand_over();
}

void client_link::shared_lost() {
  if (phase_ == session::phase::gone || !is_handing_over())
    return;
  listens()->start_again();
  if (!is_handing_over() && is_at_rest())
    server_at_rest(protocol::transaction_status::idle);
}

// -- what is heard ------------------------------------------------------------

bool client_link::hears_own(const session::notification& what) {
  if (listens() == nullptr)
    return what.channel != lane_.hub().fence();
  switch (listens()->hear_own(what, lane_.hub().fence())) {
    case client_listens::verdict::forward:
      return true;
    case client_listens::verdict::drop:
      return false;
    case client_listens::verdict::fence:
      listens()->fenced_own();
      return false;
  }
  return true;
}

void client_link::hear_shared(std::string_view channel,
                              client_listens::message what) {
  if (phase_ != session::phase::gone && listens() != nullptr
      && listens()->is_shared(channel))
    keep_message(std::move(what));
}

void client_link::hear_of_loss(bool is_loss, client_listens::message warning) {
  // Who gave the server that listens now has missed nothing.
  const auto concerns = is_loss || knows_of_loss_;
  knows_of_loss_ = is_loss;
  if (phase_ != session::phase::gone && listens() != nullptr && concerns)
    keep_message(std::move(warning));
}

void client_link::keep_message(client_listens::message what) {
  if (!listens()->keep(std::move(what)))
    return refuse(ec::too_many_notifications);
  tell_notifications();
}

/// PostgreSQL tells them between two transactions.
[[gnu::hot]] void client_link::tell_notifications() {
  if (listens() == nullptr || full_ || mid_reply_ || is_handing_over()
      || is_in_held_block())
    return;
  if (phase_ != session::phase::waiting && !is_at_rest())
    return;
  while (!full_) {
    const auto what = listens()->next();
    if (what == nullptr)
      break;
    ++lane_.sums().notifications;
    deliver_copy(*what, true);
  }
  forget_listens();
}

} // namespace cenote::proxy
