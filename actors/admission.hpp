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
    std::size_t asked_count = 0; ///< Pools asked to give back in this round.
  };

  /// False: that ticket is queued already.
  bool push(const slot_request& request, const pool_worker_actor& worker);
  /// Null if that ticket is not queued. Valid until the next change.
  waiter* find(std::uint64_t ticket);
  /// Whether others may be asked again for units of this quota: with many
  /// waiters once per `pause` and not for each of them.
  bool is_time_to_ask(const slot_request& request, time_point now,
                      duration pause);
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
    time_point ask_again_at{};
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

  /// Said again with every tick of a worker that still waits.
  void queue(const slot_request& request, const pool_worker_actor& worker);
  void grant(std::uint64_t quota_address);
  /// Asks pools that have units of the quota to close an idle server, largest
  /// first. Which of them has an idle one is known to their lanes alone: each
  /// time twice as many are asked, and after the last one the first again.
  void ask_others(slot_queues::waiter& who);
};

admission_actor::behavior_type
admission_behavior(admission_actor::stateful_pointer<admission_state> self,
                   house_ptr with);

} // namespace cenote::actors
