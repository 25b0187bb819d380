#pragma once

#include <atomic>

#include "proxy/data_plane.hpp"
#include "proxy/edge/edge.hpp"
#include "proxy/edge/services.hpp"

namespace cenote::app {

/// Shards and actors are made before the edge they talk to. Until it is there,
/// and when it is gone, what they ask is answered as an edge at its end would
/// answer.
class edge_gate final : public proxy::edge_port,
                        public proxy::edge::server_opener {
public:
  /// Null closes the gate. Main thread.
  void lead_to(proxy::edge::edge* there) noexcept {
    there_.store(there, std::memory_order_release);
  }

  void deliver_cancel(proxy::cancel_order order) noexcept override {
    if (auto* there = there_.load(std::memory_order_acquire))
      there->deliver_cancel(std::move(order));
  }

  void open(proxy::edge::server_order order) noexcept override {
    if (auto* there = there_.load(std::memory_order_acquire))
      return there->open(std::move(order));
    order.port->server_failed(order.lane, {{ec::shutting_down, {}}, nullptr},
                              std::move(order.seat));
  }

private:
  std::atomic<proxy::edge::edge*> there_{nullptr};
};

} // namespace cenote::app
