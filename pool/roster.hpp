#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/result.hpp"
#include "base/strong_id.hpp"
#include "pool/id_set.hpp"

namespace cenote::pool {

/// Who is subscribed to one pool, on all its lanes: what the MANAGER knows.
class roster {
public:
  struct settings {
    /// Subscribed clients at most; 0 = not limited here.
    std::size_t client_count_max = 0;
    /// What the one too many is told.
    ec when_full = ec::too_many_clients_user;
  };

  /// A new pool is empty since it was made.
  roster(const settings& with, time_point now);

  /// Lowering the limit ends nobody; it stops new ones.
  void configure(const settings& with) noexcept;

  /// Seats a client. Fails with `pool_draining`, `tenant_banned` or the limit's
  /// own code. A client that is seated already stays seated, whatever happened
  /// in between: a repeated `subscribe` is not a second client.
  result<void> admit(client_id client);

  /// Takes the seat back. Idempotent: false if there was none.
  bool leave(client_id client, time_point now);

  [[nodiscard]] bool contains(client_id client) const;

  /// No new clients, for good; complete when `is_drained`.
  void drain() noexcept;
  /// No new clients until lifted; those seated stay.
  void ban(bool banned) noexcept;
  /// Remembered for lanes that start later; clients are admitted and wait.
  void pause(bool paused) noexcept;

  [[nodiscard]] bool is_draining() const noexcept;
  [[nodiscard]] bool is_drained() const noexcept;
  [[nodiscard]] bool is_banned() const noexcept;
  [[nodiscard]] bool is_paused() const noexcept;

  [[nodiscard]] std::size_t client_count() const noexcept;

  /// Everybody, in no order.
  [[nodiscard]] std::vector<client_id> clients() const;

  /// Since when nobody is subscribed (the pool's idle clock); nothing while
  /// somebody is.
  [[nodiscard]] std::optional<time_point> empty_since() const noexcept;

  /// A restarted MANAGER asks the shards who is there. Replaces the seats,
  /// limits do not apply; flags stay.
  void rebuild(const std::vector<client_id>& present, time_point now);

private:
  settings settings_;
  id_set clients_;
  time_point empty_since_;
  bool draining_ = false;
  bool banned_ = false;
  bool paused_ = false;
};

} // namespace cenote::pool
