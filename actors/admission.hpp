#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <unordered_map>
#include <vector>

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

  /// Those who wait for one quota, and who was asked to make room for them.
  struct line {
    std::uint64_t number = 0; ///< No other line has it, now or later.
    proxy::edge::shared_quota_ptr quota;
    pool::fair_queue queue;
    std::set<tenants::pool_key> waiting; ///< Whose workers they are.
    std::set<tenants::pool_key> asked;   ///< In this round.
    std::size_t effort = 1; ///< Pools to ask next, if that is more than wait.
    duration pause{};       ///< Until then.
    bool is_armed = false;
  };

  /// False: that ticket is queued already.
  bool push(const slot_request& request, const pool_worker_actor& worker);
  [[nodiscard]] bool has(std::uint64_t ticket) const {
    return waiters_.contains(ticket);
  }
  /// Null if nobody waits for it. Valid until the last of the line has left.
  line* find_line(std::uint64_t quota_address);
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
  void left(std::map<std::uint64_t, line>::iterator at,
            const tenants::pool_key& pool);

  std::map<std::uint64_t, line> lines_;
  std::uint64_t last_number_ = 0;
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
  /// A line that still waits: asks more pools than the last time, after a pause
  /// that grows.
  void on_tick(std::uint64_t quota_address, std::uint64_t line_number);

private:
  [[nodiscard]] std::vector<live_pool_ptr>
  not_asked(const slot_queues::line& in, const tenants::pool_key* except) const;
  /// Asks the first `count` to close an idle server, each once in a round.
  /// Which of them has an idle one is known to their lanes alone.
  void ask(std::vector<live_pool_ptr> others, std::size_t count,
           slot_queues::line& in);
  void arm(std::uint64_t quota_address, slot_queues::line& in);
};

admission_actor::behavior_type
admission_behavior(admission_actor::stateful_pointer<admission_state> self,
                   house_ptr with);

} // namespace cenote::actors
