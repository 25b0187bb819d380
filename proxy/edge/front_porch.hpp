#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <vector>

#include "net/engine.hpp"
#include "net/packed_address.hpp"
#include "net/unique_fd.hpp"
#include "proxy/edge/acquaintances.hpp"
#include "proxy/edge/begun_login.hpp"
#include "proxy/edge/edge_state.hpp"
#include "proxy/edge/pool_lookup.hpp"
#include "proxy/porch.hpp"
#include "proxy/random_store.hpp"
#include "proxy/timed.hpp"
#include "tenants/model.hpp"

namespace cenote::proxy::edge {

class front_porch;
class guest;

/// A listening socket that the shards share.
struct shared_listener {
  std::shared_ptr<const net::unique_fd> socket;
  std::optional<tenants::pool_mode> mode;
  std::optional<net::packed_address>
    local; ///< Empty: each connection has its own.
};

/// One listening socket, as a porch sees it. Shard thread.
class porch_door final : public net::ready_sink, public timed {
public:
  porch_door(front_porch& home, shared_listener from);
  ~porch_door();
  porch_door(const porch_door&) = delete;
  porch_door& operator=(const porch_door&) = delete;

  void open();
  void shut();

  void on_ready() override;
  /// It was left alone for a moment: the system was out of descriptors.
  void on_time(time_point now) override;

private:
  void give_up();

  front_porch& home_;
  shared_listener from_;
  timers::entry pause_{*this};
};

/// Accepts clients on a shard's thread and logs them in there, as far as
/// nothing must be waited for but the client itself: neither a thread nor an
/// engine changes then. What needs more (TLS, a console, keys to be derived, a
/// pool that is not there yet) and all that fails goes on at the edge. Shard
/// thread.
class front_porch final : public porch, public timed {
public:
  /// `open_count`: of all porches, how many have their doors open.
  front_porch(edge_state_ptr edge, shard& home,
              const std::vector<shared_listener>& doors,
              std::shared_ptr<std::atomic<int>> open_count);
  ~front_porch() override;

  void end_all(ec why) override;

  /// The doors have been shut long enough.
  void on_time(time_point now) override;

  /// A connection was made.
  void take_in(net::unique_fd socket, const net::packed_address& peer,
               const shared_listener& from);

  /// The edge goes on with the login.
  void pass_on(begun_login&& begun, net::unique_fd socket,
               const net::packed_address& peer,
               const std::optional<net::packed_address>& local,
               std::vector<std::byte> unread);

  /// A client found its seat, on this shard or on another.
  void note_seat(bool is_here);

  /// Destroys the guest: the last thing that it may ask for.
  void forget(guest& which) noexcept;

  [[nodiscard]] bool is_open() const noexcept {
    return is_open_;
  }

  [[nodiscard]] shard& home() noexcept {
    return home_;
  }

  [[nodiscard]] edge_state& edge() noexcept {
    return *edge_;
  }

  [[nodiscard]] pool_lookup& lookup() noexcept {
    return lookup_;
  }

  [[nodiscard]] acquaintances& faces() noexcept {
    return faces_;
  }

  [[nodiscard]] random_store& randomness() noexcept {
    return randomness_;
  }

private:
  void open();
  void leave_to_others();

  edge_state_ptr edge_;
  shard& home_;
  std::shared_ptr<std::atomic<int>> open_count_;
  timers::entry away_{*this};
  bool is_open_ = false;
  int strangers_ = 0; ///< Clients that went elsewhere, less those that stayed.
  pool_lookup lookup_;
  acquaintances faces_;
  random_store randomness_;
  std::vector<std::unique_ptr<guest>> guests_; ///< Each knows its place.
  std::vector<std::unique_ptr<porch_door>> doors_;
};

/// Gives all shards the same doors.
class front_porch_maker final : public porch_maker {
public:
  front_porch_maker(edge_state_ptr edge, std::vector<shared_listener> doors)
    : edge_{std::move(edge)},
      doors_{std::move(doors)} {
    // nop
  }

  std::unique_ptr<porch> make(shard& of) noexcept override {
    return std::make_unique<front_porch>(edge_, of, doors_, open_count_);
  }

private:
  edge_state_ptr edge_;
  std::vector<shared_listener> doors_;
  std::shared_ptr<std::atomic<int>> open_count_
    = std::make_shared<std::atomic<int>>(0);
};

} // namespace cenote::proxy::edge
