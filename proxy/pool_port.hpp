#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/strong_id.hpp"
#include "proxy/greeting.hpp"
#include "proxy/lane_board.hpp"
#include "proxy/lane_ref.hpp"
#include "proxy/quotas.hpp"
#include "tenants/pool_spec.hpp"

namespace cenote::proxy {

/// What a lane says of itself, in numbers.
struct lane_numbers {
  std::uint32_t clients = 0; ///< Adopted and not gone.
  std::uint32_t waiting = 0; ///< Clients in the queue.
  std::uint32_t servers_idle = 0;
  std::uint32_t servers_lent = 0;
  std::uint32_t servers_cleaning = 0; ///< Resetting or recovering.
  /// How many more servers the waiters could use at once.
  std::uint32_t servers_wanted = 0;

  /// Of several lanes.
  lane_numbers& operator+=(const lane_numbers& other) noexcept {
    clients += other.clients;
    waiting += other.waiting;
    servers_idle += other.servers_idle;
    servers_lent += other.servers_lent;
    servers_cleaning += other.servers_cleaning;
    servers_wanted += other.servers_wanted;
    return *this;
  }
};

/// How the data plane and the edge talk up to the actors of one pool.
/// Implemented in actors/; resolves the pool's present actors itself, so that
/// it stays valid over their restarts. Every call: any thread, never blocks,
/// never throws.
class pool_port {
public:
  virtual ~pool_port() = default;

  [[nodiscard]] virtual const tenants::pool_key& key() const noexcept = 0;

  /// Of the pool's lanes.
  [[nodiscard]] lane_board& board() noexcept {
    return board_;
  }

  /// A client left (or never arrived). Idempotent.
  virtual void client_left(client_id who) noexcept = 0;

  /// A waiter found no server and none is on its way in the lane's knowledge.
  /// Said when the number of wanted servers rises, and once a second while it
  /// stays above zero. `servers_wanted` is that of all lanes.
  virtual void starving(lane_ref where, const lane_numbers& now) noexcept = 0;

  /// A server finished its login and was adopted by the lane.
  virtual void server_opened(lane_ref where, const greeting& said) noexcept = 0;

  /// A login failed. `seat` is what it held: free again when this is heard, not
  /// before, so that whoever counts units and logins counts it in both or none.
  virtual void server_failed(lane_ref where, refusal why,
                             std::vector<quota_unit> seat) noexcept = 0;

  /// A server of the lane is gone; its seat is free again.
  virtual void server_gone(lane_ref where, ec why) noexcept = 0;

  /// `data_plane::drain` is over in all lanes: nobody is lent a server any
  /// more. `cut_short` clients had to be ended in the middle of their
  /// transaction.
  virtual void drained(lane_ref where, std::uint32_t cut_short) noexcept = 0;

  /// `data_plane::pause` took full effect: no server of any lane is lent.
  virtual void paused(lane_ref where) noexcept = 0;

  /// Answer to `data_plane::report`: who is here, for an actor that was
  /// restarted and rebuilds its state.
  struct census {
    lane_numbers numbers;
    std::shared_ptr<const greeting>
      last_greeting; ///< Null if no server ever logged in.
    std::vector<client_id> clients;

    /// What another lane said.
    void add(census other);
  };
  virtual void reported(lane_ref where, census now) noexcept = 0;

private:
  lane_board board_;
};

} // namespace cenote::proxy
