#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>

#include "actors/house.hpp"

namespace cenote::actors {

/// The operations that an operator can ask for, whatever he asks through.
struct admin_state {
  static inline const char* name = "admin";

  using on_reply = std::function<void(admin_reply)>;

  /// A PAUSE or RESUME that waits for MANAGERs.
  struct job {
    std::vector<live_pool_ptr> pending;
    on_reply done;
    std::uint32_t count = 0;
    bool is_pause = false;
    bool is_undone = false; ///< The opposite came first.
  };

  admin_actor::pointer self = nullptr;
  house_ptr with;
  std::vector<job> jobs;
  /// What the daemon or shards do and ADMIN waits for, by number.
  std::map<std::uint64_t, on_reply> elsewhere;
  std::uint64_t last_number = 0;

  void run(const admin_command& command, on_reply done);
  void on_ended(std::uint64_t number, admin_reply how);
  void on_tick();

private:
  [[nodiscard]] admin_reply show_pools() const;
  [[nodiscard]] admin_reply show_tenants() const;
  [[nodiscard]] admin_reply show_paused() const;
  /// Whether any pool, or any database of the catalog, is meant.
  [[nodiscard]] bool is_known(const std::string& target) const;
  void pause(const admin_command& command, on_reply done);
  void resume(const admin_command& command, on_reply done);
  void reconnect(const admin_command& command, on_reply done);
  [[nodiscard]] std::uint64_t begin_elsewhere(on_reply done);
  void end_pools(drain_order order, on_reply done);
  void reload(on_reply done);
  void add_job(job what);
  void ask_again();
  void without_manager(live_pool& pool, bool is_pause);
  void check_jobs();
};

admin_actor::behavior_type
admin_behavior(admin_actor::stateful_pointer<admin_state> self, house_ptr with);

} // namespace cenote::actors
