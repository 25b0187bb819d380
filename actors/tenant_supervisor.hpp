#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>

#include "actors/house.hpp"
#include "pool/restart_intensity.hpp"

namespace cenote::actors {

struct tenant_supervisor_options {
  house_ptr with;
  std::string tenant;
};

/// The pools of one tenant and who runs them. Per pool rest_for_one: a MANAGER
/// that dies takes its POOL WORKER with it, a POOL WORKER dies alone.
struct tenant_supervisor_state {
  static inline const char* name = "tenant supervisor";

  /// Where a pool is in its life. Only `running` passes orders on.
  enum class phase : std::uint8_t {
    running,
    restarting, ///< MANAGER died; its POOL WORKER is being stopped.
    retiring,   ///< MANAGER is asked whether really nobody is there.
    draining,   ///< The lane lets its clients finish.
    down,       ///< Died too often.
  };

  struct entry {
    live_pool_ptr pool;
    phase now = phase::running;
    manager_actor manager;
    pool_worker_actor worker;
    /// Arrived while the pool could not take them.
    std::vector<subscribe_order> held;
    /// For another pool, which gets this one's place when it is closed.
    std::vector<subscribe_order> heirs;
    proxy::refusal drain_why;
    time_point kill_at = never;
  };

  struct drain_job {
    caf::typed_response_promise<drain_report> promise;
    std::set<tenants::pool_key> pending;
    drain_report report;
  };

  using pool_map = std::map<tenants::pool_key, entry>;

  tenant_supervisor_actor::pointer self = nullptr;
  house_ptr with;
  std::string tenant;
  pool_map pools;
  std::vector<drain_job> jobs;
  std::optional<pool::restart_intensity> intensity;
  /// Set while the tenant is down.
  std::optional<time_point> down_until;

  ~tenant_supervisor_state();

  void start(const tenant_supervisor_options& options);
  void subscribe(subscribe_order order);
  void apply(const tenants::catalog& now);
  caf::result<drain_report> drain(const drain_order& order);
  void resume();
  void announce(const registry::registry_actor& to);
  void on_drained(const tenants::pool_key& key, std::uint32_t cut_short);
  void on_idle(const tenants::pool_key& key);
  [[nodiscard]] bool retire() const;
  void on_tick();
  void on_down(const caf::actor_addr& who);

private:
  [[nodiscard]] time_point now() const;
  /// Null and the reason, or the new pool.
  result<entry*> start_pool(spec_ptr spec);
  void start_actors(entry& one, bool are_successors);
  void start_worker(entry& one, bool is_successor);
  void stop_actors(entry& one);
  void restart_all(entry& one);
  void manager_died(entry& one);
  void worker_died(entry& one);
  void go_down();
  void pass_on(entry& one);
  [[nodiscard]] bool is_full(const tenants::pool_spec& spec) const;
  /// Ends the empty pool that is needed least, for the order's sake, or refuses
  /// the order.
  void make_room(subscribe_order order);
  void refuse_held(entry& one, const proxy::refusal& why);
  void start_drain(entry& one, const drain_order& order);
  /// Whether what a catalog removed is in the present one again.
  [[nodiscard]] bool is_back(const entry& one) const;
  void tell_again(std::vector<subscribe_order> orders);
  void apply(entry& one, const tenants::catalog& now);
  pool_map::iterator close(pool_map::iterator at, std::uint32_t cut_short);
  void tell_if_empty();
  static void refuse(std::vector<subscribe_order> orders,
                     const proxy::refusal& why);
};

tenant_supervisor_actor::behavior_type tenant_supervisor_behavior(
  tenant_supervisor_actor::stateful_pointer<tenant_supervisor_state> self,
  tenant_supervisor_options options);

} // namespace cenote::actors
