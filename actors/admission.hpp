#pragma once

#include <cstdint>
#include <map>
#include <unordered_map>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "actors/house.hpp"
#include "pool/fair_queue.hpp"

namespace cenote::actors {

/// Who waits for a unit of a shared quota that is full, one queue per quota.
class slot_queues {
public:
  slot_queues() = default;
  slot_queues(const slot_queues&) = delete;
  slot_queues& operator=(const slot_queues&) = delete;

  /// Takes back what was said to the quotas; a successor starts afresh.
  ~slot_queues();

  struct waiter {
    slot_request request;
    pool_worker_actor worker;
  };

  /// False: that ticket is queued already.
  bool push(const slot_request& request, const pool_worker_actor& worker);
  /// Whose it was; empty if it is not queued.
  pool_worker_actor cancel(std::uint64_t ticket);
  void cancel_all(const caf::actor_addr& worker);

  /// The next one of the quota at this address, with its unit; empty when
  /// nobody waits or there is no unit.
  struct granted {
    waiter who;
    proxy::quota_unit unit;
  };
  std::optional<granted> pop(std::uint64_t quota_address);

  [[nodiscard]] std::size_t size() const noexcept {
    return waiters_.size();
  }

private:
  struct line {
    proxy::edge::shared_quota_ptr quota;
    pool::fair_queue queue;
  };

  void left(std::map<std::uint64_t, line>::iterator at);

  std::map<std::uint64_t, line> lines_;
  std::unordered_map<std::uint64_t, waiter> waiters_;
};

struct admission_state {
  static inline const char* name = "admission";

  admission_actor::pointer self = nullptr;
  house_ptr with;
  slot_queues queues;

  void queue(const slot_request& request, const pool_worker_actor& worker);
  void grant(std::uint64_t quota_address);
  /// Pools that hold units of a quota others starve under are asked for some.
  void ask_others(const slot_request& request);
};

admission_actor::behavior_type
admission_behavior(admission_actor::stateful_pointer<admission_state> self,
                   house_ptr with);

} // namespace cenote::actors
