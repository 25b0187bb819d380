#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "actors/contracts.hpp"
#include "actors/live_pool.hpp"
#include "actors/system.hpp"

namespace cenote::actors {

/// What all actors of the node share. Outlives every one of them.
class house {
public:
  house(system_services services, system_settings with)
    : services_{std::move(services)},
      settings_{std::move(with)},
      catalog_{services_.catalog} {
    // nop
  }

  [[nodiscard]] const system_settings& settings() const noexcept {
    return settings_;
  }

  [[nodiscard]] proxy::data_plane& shards() const noexcept {
    return *services_.shards;
  }

  [[nodiscard]] proxy::edge::server_opener& opener() const noexcept {
    return *services_.opener;
  }

  [[nodiscard]] proxy::edge::quota_book& quotas() const noexcept {
    return *services_.quotas;
  }

  [[nodiscard]] admin_hooks* hooks() const noexcept {
    return services_.hooks;
  }

  pool_book pools;

  /// The catalog in force; null if there never was one.
  [[nodiscard]] tenants::catalog_ptr catalog() const {
    auto lock = std::lock_guard{guard_};
    return catalog_;
  }

  void set_catalog(tenants::catalog_ptr now) {
    auto lock = std::lock_guard{guard_};
    catalog_.swap(now);
  }

  /// ADMISSION, whoever that is now; empty while it is being restarted.
  [[nodiscard]] admission_actor admission() const {
    auto lock = std::lock_guard{guard_};
    return admission_;
  }

  void set_admission(admission_actor who) {
    auto lock = std::lock_guard{guard_};
    std::swap(admission_, who);
  }

  /// REGISTRY, whoever that is now.
  [[nodiscard]] registry::registry_actor names() const {
    auto lock = std::lock_guard{guard_};
    return names_;
  }

  void set_names(registry::registry_actor who) {
    auto lock = std::lock_guard{guard_};
    std::swap(names_, who);
  }

  /// ADMIN, whoever that is now.
  [[nodiscard]] admin_actor admin() const {
    auto lock = std::lock_guard{guard_};
    return admin_;
  }

  void set_admin(admin_actor who) {
    auto lock = std::lock_guard{guard_};
    std::swap(admin_, who);
  }

  /// NODE SUPERVISOR, whoever that is now.
  [[nodiscard]] node_supervisor_actor node() const {
    auto lock = std::lock_guard{guard_};
    return node_;
  }

  void set_node(node_supervisor_actor who) {
    auto lock = std::lock_guard{guard_};
    std::swap(node_, who);
  }

private:
  system_services services_;
  system_settings settings_;
  mutable std::mutex guard_;
  tenants::catalog_ptr catalog_;
  registry::registry_actor names_;
  admission_actor admission_;
  admin_actor admin_;
  node_supervisor_actor node_;
};

using house_ptr = std::shared_ptr<house>;

} // namespace cenote::actors
