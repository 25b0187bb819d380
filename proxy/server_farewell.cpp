#include "proxy/server_farewell.hpp"

#include <utility>

#include "protocol/messages.hpp"
#include "proxy/shard.hpp"

namespace cenote::proxy {

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
  auto& out = home_.scratch();
  protocol::writer to{out};
  protocol::terminate_message{}.encode(to);
  io.send_copy(last, out);
  home_.clocks().arm(timer_, home_.now() + time_max);
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

void server_farewell::on_time(time_point) {
  home_.io().close(*std::exchange(stream_, nullptr));
  end();
}

void server_farewell::end() {
  left_.settle();
  home_.over(*this);
}

} // namespace cenote::proxy
