#include "proxy/edge/cancel_delivery.hpp"

#include <exception>
#include <utility>

#include "base/limits.hpp"
#include "base/log.hpp"
#include "protocol/startup.hpp"

namespace cenote::proxy::edge {

namespace {

asio::awaitable<result<void>> attempt(edge_state& edge,
                                      const cancel_order& order) {
  const auto& target = *order.target;
  const bool is_unix = order.server.address == "unix";
  // The very machine that the server was reached at: a name may have moved.
  auto host = is_unix || order.server.address.empty() ? target.host
                                                      : order.server.address;
  const auto port = order.server.port == 0 ? target.port : order.server.port;
  auto stream = co_await edge.dialer.dial(std::move(host), port, target,
                                          limits::cancel_time_max);
  if (!stream)
    co_return stream.error();
  auto request = protocol::cancel_request{};
  request.pid = static_cast<std::int32_t>(order.backend_pid);
  request.key = order.backend_key;
  auto bytes = protocol::encoded(request);
  auto sent = co_await stream->write(std::move(bytes));
  if (!sent)
    co_return sent.error();
  co_return co_await stream->read_eof();
}

/// Never throws: what is thrown is a cancel that was not acknowledged.
asio::awaitable<result<void>> try_attempt(edge_state& edge,
                                          const cancel_order& order) {
  auto what = std::string{};
  try {
    co_return co_await attempt(edge, order);
  } catch (const std::exception& error) {
    what = error.what();
  }
  co_return failure{ec::os_error, std::move(what)};
}

} // namespace

open_cancel::open_cancel(edge_state_ptr edge, cancel_order order)
  : edge_{std::move(edge)},
    order_{std::move(order)} {
  ++edge_->counters.cancels_in_flight;
}

open_cancel::~open_cancel() {
  settle(false);
}

void open_cancel::settle(bool acknowledged) noexcept {
  auto edge = std::move(edge_);
  if (!edge)
    return;
  --edge->counters.cancels_in_flight;
  if (acknowledged)
    ++edge->counters.cancels_delivered;
  else
    ++edge->counters.cancels_failed;
  if (!edge->is_over)
    edge->shards.cancel_settled(order_.shard, order_.ticket, acknowledged);
}

asio::awaitable<void> deliver(edge_state_ptr edge, open_cancel cancel,
                              asio::cancellation_signal& stop) {
  auto limit
    = watch{edge->watches, stop, limits::cancel_time_max, ec::timed_out};
  auto went = result<void>{ec::timed_out};
  if (!limit.is_over())
    went = co_await try_attempt(*edge, *cancel);
  if (limit.is_over() && !went)
    went = limit.why();
  if (!went)
    log::warn("a cancel was not acknowledged",
              {log::kv("code", went.error().code),
               log::kv("detail", went.error().detail),
               log::kv("host", (*cancel).target->host)});
  cancel.settle(static_cast<bool>(went));
}

} // namespace cenote::proxy::edge
