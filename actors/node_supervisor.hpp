#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>

#include "actors/house.hpp"
#include "pool/restart_intensity.hpp"

namespace cenote::actors {

/// The root of the node: one_for_one over REGISTRY, ADMISSION, ADMIN and the
/// TENANT SUPERVISORs.
struct node_supervisor_state {
  static inline const char* name = "node supervisor";

  enum class phase : std::uint8_t {
    starting, ///< REGISTRY has not said yet whose the name is.
    up,
    leaving, ///< Asked whether it has anything left to do.
    down,    ///< Died too often.
  };

  struct entry {
    tenant_supervisor_actor actor;
    phase now = phase::starting;
    std::vector<subscribe_order> held;
    std::unique_ptr<pool::restart_intensity> intensity;
    time_point down_until = never;
  };

  struct drain_job {
    caf::typed_response_promise<drain_report> promise;
    drain_order order;
    std::size_t pending = 0;
    drain_report report;
  };

  using drain_job_ptr = std::shared_ptr<drain_job>;

  node_supervisor_actor::pointer self = nullptr;
  house_ptr with;
  registry::registry_actor names;
  admission_actor admission;
  admin_actor admin;
  std::map<std::string, entry> tenants;

  ~node_supervisor_state();

  void start(house_ptr shared);
  void subscribe(subscribe_order order);
  void apply(const tenants::catalog_ptr& now);
  caf::result<drain_report> drain(const drain_order& order);
  void resume(const std::string& target);
  void on_idle(const std::string& tenant);
  void on_tick();
  void on_down(const caf::actor_addr& who);

private:
  [[nodiscard]] time_point now() const;
  void start_registry();
  void start_admission();
  void start_admin();
  void start_tenant(const std::string& tenant, entry& one);
  void ask_registry(const std::string& tenant, entry& one);
  void on_registered(const std::string& tenant,
                     const tenant_supervisor_actor& candidate,
                     const registry::registration& winner);
  void tenant_died(const std::string& tenant, entry& one);
  void forget(const std::string& tenant, const entry& one);
  void pass_on(entry& one);
  void drain_tenant(const drain_job_ptr& job, const std::string& tenant,
                    unsigned tries_left);
};

node_supervisor_actor::behavior_type node_supervisor_behavior(
  node_supervisor_actor::stateful_pointer<node_supervisor_state> self,
  house_ptr with);

} // namespace cenote::actors
