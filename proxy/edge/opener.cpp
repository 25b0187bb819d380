#include "proxy/edge/opener.hpp"

#include <optional>
#include <utility>

#include "base/log.hpp"
#include "proxy/edge/server_login.hpp"

namespace cenote::proxy::edge {

namespace {

using attempt_outcome = std::variant<server_adoption, refusal>;

peer_name name_of(const net::address& at) {
  auto out = peer_name{};
  out.address = at.is_unix ? std::string{"unix"} : at.host;
  out.port = at.port;
  return out;
}

refusal refusal_of(failure why) {
  auto out = refusal{};
  out.why = std::move(why);
  return out;
}

/// Everything but the clock and the bookkeeping.
asio::awaitable<attempt_outcome> attempt(edge_state& edge,
                                         const server_order& order) {
  const auto& target = *order.target;
  auto host = target.host;
  auto stream = co_await edge.dialer.dial(std::move(host), target.port, target,
                                          order.connect_time_max);
  if (!stream)
    co_return refusal_of(stream.error());
  auto with = server_login_services{edge.deriver, edge.keys};
  auto tenant = order.port->key().tenant;
  auto words
    = co_await log_in_to_server(*stream, target, std::move(tenant), with);
  if (auto* why = std::get_if<refusal>(&words))
    co_return std::move(*why);
  auto& said = *std::get_if<server_words>(&words);
  auto out = server_adoption{};
  out.said = std::move(said.said);
  out.backend_pid = said.backend_pid;
  out.backend_key = std::move(said.backend_key);
  out.target = order.target;
  out.epoch = order.epoch;
  out.peer = name_of(stream->peer());
  out.local = name_of(stream->local());
  out.is_tls = stream->is_tls();
  auto handed = std::move(*stream).release();
  out.socket = std::move(handed.socket);
  out.tls = std::move(handed.tls);
  out.unread = std::move(handed.unread);
  co_return out;
}

/// Never throws: what is thrown is a server that could not be opened.
asio::awaitable<attempt_outcome> try_attempt(edge_state& edge,
                                             const server_order& order) {
  auto what = std::string{};
  try {
    co_return co_await attempt(edge, order);
  } catch (const std::exception& error) {
    what = error.what();
  }
  co_return refusal_of(failure{ec::os_error, std::move(what)});
}

void note_failure(edge_state& edge, const server_order& order,
                  const failure& why) {
  edge.counters.servers_failed.add(why.code);
  log::warn("login to a server failed",
            {log::kv("code", why.code), log::kv("detail", why.detail),
             log::kv("pool", tenants::to_string(order.port->key())),
             log::kv("host", order.target->host),
             log::kv("port", order.target->port)});
}

} // namespace

open_order::open_order(server_order order)
  : order_{std::move(order)} {
  // nop
}

open_order::~open_order() {
  fail(refusal_of(failure{ec::shutting_down, "the edge is gone"}));
}

void open_order::fail(refusal why) noexcept {
  auto port = std::move(order_.port);
  if (!port)
    return;
  port->server_failed(order_.lane, std::move(why), std::move(order_.seat));
}

void open_order::open(data_plane& shards, server_adoption server) {
  auto port = std::move(order_.port);
  server.seat = std::move(order_.seat);
  const auto said = server.said;
  shards.adopt(order_.lane, std::move(server));
  port->server_opened(order_.lane, said);
}

asio::awaitable<void> open_server(edge_state_ptr edge, open_order order,
                                  asio::cancellation_signal& stop) {
  auto limit = watch{edge->watches, stop, (*order).connect_time_max,
                     ec::server_connect_timeout};
  auto went = attempt_outcome{refusal_of(failure{ec::shutting_down, {}})};
  if (!limit.is_over())
    went = co_await try_attempt(*edge, *order);
  if (limit.is_over() && std::holds_alternative<refusal>(went))
    went = refusal_of(failure{limit.why(), {}});
  if (auto* why = std::get_if<refusal>(&went)) {
    note_failure(*edge, *order, why->why);
    order.fail(std::move(*why));
    co_return;
  }
  ++edge->counters.servers_opened;
  order.open(edge->shards, std::move(*std::get_if<server_adoption>(&went)));
}

} // namespace cenote::proxy::edge
