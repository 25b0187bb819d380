// How a server becomes clean again: session/cleaning.hpp decides, this does.

#include "proxy/server_link.hpp"

#include <string_view>

#include "base/limits.hpp"
#include "protocol/writer.hpp"
#include "proxy/lane.hpp"
#include "proxy/shard.hpp"

namespace cenote::proxy {

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
  if (mirror_.sent(tag, protocol::delivery::skip, 0) != ec::none)
    return close(ec::server_dirty);
  send_copy(out);
}

} // namespace cenote::proxy
