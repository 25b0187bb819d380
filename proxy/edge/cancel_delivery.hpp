#pragma once

#include "proxy/edge/edge_state.hpp"

namespace cenote::proxy::edge {

/// A cancel that must be settled exactly once: whoever drops it has not had it
/// acknowledged. Counts as in flight while it lives.
class open_cancel {
public:
  open_cancel(edge_state_ptr edge, cancel_order order);
  open_cancel(open_cancel&& other) noexcept = default;
  open_cancel& operator=(open_cancel&&) = delete;
  ~open_cancel();

  [[nodiscard]] const cancel_order& operator*() const noexcept {
    return order_;
  }

  /// Spent afterwards.
  void settle(bool acknowledged) noexcept;

private:
  edge_state_ptr edge_; ///< Null: spent.
  cancel_order order_;
};

/// Delivers one CancelRequest, to the address and with the TLS of its server,
/// and waits until PostgreSQL closes: then the signal has been sent. `stop`: of
/// `spawn_watched`.
asio::awaitable<void> deliver(edge_state_ptr edge, open_cancel cancel,
                              asio::cancellation_signal& stop);

} // namespace cenote::proxy::edge
