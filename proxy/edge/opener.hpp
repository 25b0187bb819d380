#pragma once

#include "proxy/edge/edge_state.hpp"
#include "proxy/edge/services.hpp"

namespace cenote::proxy::edge {

/// An order that must end in exactly one `server_opened` or `server_failed`:
/// whoever drops it has failed it. Gives the seat back first.
class open_order {
public:
  explicit open_order(server_order order);
  open_order(open_order&& other) noexcept = default;
  open_order& operator=(open_order&&) = delete;
  ~open_order();

  [[nodiscard]] const server_order& operator*() const noexcept {
    return order_;
  }

  /// Spent afterwards, as after `open`.
  void fail(refusal why) noexcept;

  /// The server leaves for its lane, and the pool hears of it.
  void open(data_plane& shards, server_adoption server);

private:
  server_order order_; ///< Without a port: spent.
};

/// Carries out one order: connect, TLS, login, adoption (DESIGN 5 in reverse).
/// `stop`: of `spawn_watched`.
asio::awaitable<void> open_server(edge_state_ptr edge, open_order order,
                                  asio::cancellation_signal& stop);

} // namespace cenote::proxy::edge
