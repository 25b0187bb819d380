// How a server becomes clean again: session/cleaning.hpp decides, this does.

#include "proxy/server_link.hpp"

#include <algorithm>
#include <chrono>
#include <string_view>
#include <utility>

#include "base/limits.hpp"
#include "protocol/writer.hpp"
#include "proxy/lane.hpp"
#include "proxy/shard.hpp"

namespace cenote::proxy {

namespace {

constexpr auto cancel_again_after = std::chrono::milliseconds{200};

} // namespace

void server_link::start_cleaning() {
  duty_ = duty::cleaning;
  const auto now = lane_.home().now();
  cleaning_ends_ = now + limits::recovery_time_max;
  if (goodbye_) {
    const std::chrono::milliseconds limit = lane_.settings().query_timeout;
    cleaning_ends_ = limit.count() > 0 ? std::max(now, request_at_ + limit)
                                       : now + limits::left_work_time_max;
  }
  lane_.home().clocks().arm(timer_, cleaning_ends_);
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
  at.dirty
    = !reset_done_ && (wants_reset || has_traces_ || !mirror_.dirt().empty());
  return at;
}

void server_link::clean_on() {
  while (duty_ == duty::cleaning) {
    // ROLLBACK and the reset do not fail on a healthy server.
    if (must_succeed_ && !own_error_.empty())
      return close(ec::server_dirty);
    switch (session::next_cleaning_step(stains())) {
      case session::cleaning_step::wait:
        return;
      case session::cleaning_step::cancel:
        no_more_cancel_ = true;
        want_cancel_ = true;
        cancel();
        look_again();
        break;
      case session::cleaning_step::remedy:
        send_remedy(mirror_.to_come_clean());
        break;
      case session::cleaning_step::rollback:
        if (cancels_ > 0) // It would strike this; `cancel_settled` goes on.
          return;
        expect_success();
        send_own('Q', "ROLLBACK");
        break;
      case session::cleaning_step::reset:
        if (cancels_ > 0)
          return;
        expect_success();
        reset_done_ = true;
        startup_ = nullptr;
        unnamed_is_foreign();
        send_own('Q', lane_.is_session() ? lane_.settings().reset_query
                                         : "DISCARD ALL");
        break;
      case session::cleaning_step::clean:
        duty_ = duty::resting;
        doomed = is_spent();
        mirror_.clear_dirt();
        has_traces_ = false;
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
      copy_failed_ = true;
      return send_own('f', "client vanished");
    case remedy::copy_done:
      return send_own('c', {});
    case remedy::sync:
      // Without its Sync PostgreSQL would have rolled the batch back: fail it
      // first, so that our Sync commits nothing. A Describe of what is neither
      // a statement nor a portal fails whatever names the client has given.
      // An Execute on its way may begin a COPY, where any other message than
      // CopyFail is fatal; PostgreSQL ignores a CopyFail outside of one.
      if (!copy_failed_) {
        send_own('f', "client vanished");
        send_own('D', "?");
      }
      return send_own('S', {});
    case remedy::probe:
      return send_own('Q', "");
  }
}

/// A cancel that came before PostgreSQL had read the statement struck nothing:
/// it is repeated until the deadline.
void server_link::look_again() {
  auto& home = lane_.home();
  home.clocks().arm(timer_,
                    std::min(home.now() + cancel_again_after, cleaning_ends_));
}

void server_link::on_time(time_point now) {
  if (duty_ != duty::cleaning)
    return;
  if (want_cancel_ && !mirror_.owes_nothing())
    cancel();
  if (now >= cleaning_ends_)
    return close(ec::server_dirty);
  look_again();
}

void server_link::expect_success() noexcept {
  no_more_cancel_ = true;
  must_succeed_ = true;
  want_cancel_ = false;
  own_error_.clear();
  if (!std::exchange(goodbye_, false))
    return;
  // What the client left to be finished is.
  auto& home = lane_.home();
  cleaning_ends_ = home.now() + limits::recovery_time_max;
  home.clocks().arm(timer_, cleaning_ends_);
}

ec server_link::expect_own(char tag) noexcept {
  count_request(tag);
  return mirror_.sent(tag, protocol::delivery::skip, 0);
}

/// A message of ours whose answer nobody sees; a NUL ends its body.
void server_link::send_own(char tag, std::string_view body) {
  auto& out = lane_.home().scratch();
  protocol::writer to{out};
  to.begin(tag);
  to.byte_n(body);
  if (tag != 'S' && tag != 'c')
    to.byte1('\0');
  to.end();
  if (expect_own(tag) != ec::none)
    return close(ec::server_dirty);
  send_copy(out);
}

} // namespace cenote::proxy
