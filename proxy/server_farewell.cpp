#include "proxy/server_farewell.hpp"

#include <algorithm>
#include <utility>

#include "base/limits.hpp"
#include "base/log.hpp"
#include "protocol/messages.hpp"
#include "proxy/shard.hpp"

namespace cenote::proxy {

namespace {

/// The first pause; each is twice as long as the one before.
constexpr auto cancel_again_after = std::chrono::milliseconds{500};

} // namespace

void server_farewell::estate::settle() {
  seat.clear();
  port->server_gone(where, why);
}

server_farewell::server_farewell(shard& home, estate left)
  : home_{home},
    left_{std::move(left)},
    timer_{*this} {
  // nop
}

void server_farewell::begin(net::stream& last) {
  auto& io = home_.io();
  stream_ = &last;
  io.redirect(last, *this);
  io.resume(last);
  if (left_.cancel) {
    io.stop_writing(last);
    ends_ = home_.now() + limits::unfinished_farewell_time_max;
    pause_ = cancel_again_after;
    return cancel();
  }
  auto& out = home_.scratch();
  protocol::writer to{out};
  protocol::terminate_message{}.encode(to);
  io.send_copy(last, out);
  ends_ = home_.now() + time_max;
  home_.clocks().arm(timer_, ends_);
}

/// A cancel may come before PostgreSQL has begun what it should strike, or be
/// caught.
void server_farewell::cancel() {
  home_.order_cancel(left_.where.lane, server_id{}, *left_.cancel);
  home_.clocks().arm(timer_, std::min(home_.now() + pause_, ends_));
  pause_ *= 2;
}

void server_farewell::on_bytes(net::slice) {
  // Whatever it still says is for nobody.
}

void server_farewell::on_drained() {
  // nop
}

void server_farewell::on_closed(const failure&) {
  stream_ = nullptr;
  end();
}

void server_farewell::on_time(time_point now) {
  if (left_.cancel && now < ends_)
    return cancel();
  home_.io().close(*std::exchange(stream_, nullptr));
  home_.count_given_up();
  log::warn("server did not hang up; it is not counted any more",
            {log::kv("pool", tenants::to_string(left_.port->key())),
             log::kv("code", left_.why)});
  end();
}

void server_farewell::end() {
  left_.settle();
  home_.over(*this);
}

} // namespace cenote::proxy
