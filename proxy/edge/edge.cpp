#include "proxy/edge/edge.hpp"

#include <cerrno>
#include <chrono>
#include <cstring>
#include <exception>
#include <utility>

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/post.hpp>

#include "base/limits.hpp"
#include "base/log.hpp"
#include "proxy/edge/acceptor.hpp"
#include "proxy/edge/cancel_delivery.hpp"
#include "proxy/edge/edge_state.hpp"
#include "proxy/edge/front_porch.hpp"
#include "proxy/edge/opener.hpp"

namespace cenote::proxy::edge {

namespace {

/// Clients speak first. Who does not is seen that much later.
constexpr auto first_bytes_time = std::chrono::seconds{1};

} // namespace

edge::edge(const edge_parts& parts)
  : state_{std::make_shared<edge_state>(parts)} {
  // nop
}

edge::~edge() {
  state_->deriver.stop();
  state_->dialer.stop();
  state_->listeners.clear();
  state_->is_over = true;
}

result<void> edge::listen(const std::vector<listener_settings>& where) {
  auto opened = std::vector<std::unique_ptr<net::listener>>{};
  for (const auto& each : where) {
    auto one
      = net::listener::open(state_->on, each.address, each.port, each.socket);
    if (!one)
      return one.error();
    opened.push_back(std::make_unique<net::listener>(std::move(*one)));
  }
  auto doors = std::vector<shared_listener>{};
  for (std::size_t i = 0; i < where.size(); ++i) {
    auto socket = opened[i]->share();
    if (!socket)
      return failure{ec::os_error, std::strerror(errno)};
    auto shared = std::make_shared<const net::unique_fd>(std::move(socket));
    auto& door = doors.emplace_back();
    door.socket = std::move(shared);
    door.mode = where[i].mode;
    if (const auto& local = opened[i]->local())
      door.local.emplace(local->host, local->port);
  }
  for (auto& one : opened) {
    one->await_first_bytes(first_bytes_time);
    log::info("listening", {log::kv("address", one->name())});
    state_->listeners.push_back(std::move(one));
  }
  const auto has_porches = state_->shards.open_porches(
    std::make_shared<front_porch_maker>(state_, std::move(doors)));
  for (std::size_t i = 0; i < where.size(); ++i) {
    auto& one = *state_->listeners[i];
    if (has_porches)
      one.leave_to_others();
    else
      asio::co_spawn(state_->on, accept_clients(state_, one, where[i].mode),
                     asio::detached);
  }
  return {};
}

std::vector<std::uint16_t> edge::ports() const {
  auto out = std::vector<std::uint16_t>{};
  for (const auto& each : state_->listeners)
    out.push_back(each->port());
  return out;
}

void edge::stop_accepting() {
  asio::post(state_->on, [state = state_] {
    for (auto& each : state->listeners)
      each->close();
  });
}

void edge::stop() {
  stop_accepting();
  state_->shards.end_logins(ec::shutting_down);
  asio::post(state_->on,
             [state = state_] { state->watches.end_all(ec::shutting_down); });
}

void edge::forget_secrets(std::string_view tenant) {
  state_->keys.forget(tenant);
  // Derived keys know no tenant; they are few and quickly derived again.
  asio::post(state_->on, [state = state_] { state->deriver.forget(); });
}

void edge::reload_certificates() {
  asio::post(state_->on,
             [state = state_] { state->dialer.forget_certificates(); });
}

void edge::open(server_order order) noexcept {
  auto job = open_order{std::move(order)};
  try {
    asio::post(state_->on, [state = state_, job = std::move(job)]() mutable {
      spawn_watched(state->on, [&](asio::cancellation_signal& stop) {
        return open_server(state, std::move(job), stop);
      });
    });
  } catch (const std::exception& error) {
    // Out of memory: the order has failed with its guard.
    log::error("a server order was dropped", {log::kv("why", error.what())});
  }
}

void edge::deliver_cancel(cancel_order order) noexcept {
  if (state_->counters.cancels_in_flight >= limits::cancels_in_flight_max) {
    ++state_->counters.cancels_dropped;
    // Never sent: it can strike nobody, so its server needs no replacement.
    state_->shards.cancel_settled(order.shard, order.ticket, true);
    return;
  }
  auto job = open_cancel{state_, std::move(order)};
  try {
    asio::post(state_->on, [state = state_, job = std::move(job)]() mutable {
      spawn_watched(state->on, [&](asio::cancellation_signal& stop) {
        return deliver(state, std::move(job), stop);
      });
    });
  } catch (const std::exception& error) {
    log::error("a cancel was dropped", {log::kv("why", error.what())});
  }
}

const edge_counters& edge::counters() const noexcept {
  return state_->counters;
}

} // namespace cenote::proxy::edge
