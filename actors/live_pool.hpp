#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "actors/contracts.hpp"
#include "pool/id_set.hpp"
#include "proxy/edge/quota_book.hpp"
#include "proxy/pool_port.hpp"

namespace cenote::actors {

/// A pool as it outlives its actors: what they share, what a restarted one
/// needs, and the port through which lanes and the edge reach whoever is the
/// MANAGER and POOL WORKER now. Any thread.
class live_pool final : public proxy::pool_port {
public:
  /// Who is in charge now; empty handles while somebody is being restarted.
  struct handles {
    manager_actor manager;
    pool_worker_actor worker;
    tenant_supervisor_actor supervisor;
  };

  live_pool(spec_ptr spec, proxy::edge::server_quotas quotas);

  // -- what the pool is -------------------------------------------------------

  [[nodiscard]] const tenants::pool_key& key() const noexcept override {
    return key_;
  }

  [[nodiscard]] spec_ptr spec() const;
  void set_spec(spec_ptr now);

  /// The spec's target by itself, sharing its ownership.
  [[nodiscard]] std::shared_ptr<const tenants::server_target> target() const;

  [[nodiscard]] proxy::edge::server_quotas quotas() const;
  /// The pool's own quota stays the same one, whatever the target.
  void set_quotas(proxy::edge::server_quotas now);

  /// All its lanes. Set once by TENANT SUPERVISOR, before any handle.
  proxy::lane_ref lane;

  /// The one that the next server is for.
  [[nodiscard]] proxy::lane_ref lane_in_need();

  /// Servers opened with an older epoch are retired.
  std::atomic<std::uint64_t> epoch{1};
  std::atomic<bool> is_paused{false};
  /// `is_paused`, and no server is lent any more.
  std::atomic<bool> is_quiet{false};
  std::atomic<bool> is_draining{false};
  /// Set with a new target, until MANAGER has forgotten the old greeting.
  std::atomic<bool> is_retargeted{false};
  /// Its actors died too often.
  std::atomic<bool> is_down{false};
  /// Subscribed clients: MANAGER's, and those who came in by the open door. For
  /// SHOW.
  std::atomic<std::uint32_t> client_count{0};
  /// A server greeted here, whatever became of it.
  std::atomic<bool> was_greeted{false};
  /// Whose last client left earlier has the lower number; 0 = the first one is
  /// on its way.
  std::atomic<std::uint64_t> emptied{0};

  // -- the open door ----------------------------------------------------------

  // While a pool is warm and nothing is the matter, MANAGER would give a seat
  // to anybody; so it leaves the door open, and a login costs no message and no
  // wake-up. MANAGER looks at who came and went when it ticks.

  /// A seat, or nothing: the door is closed, ask MANAGER.
  [[nodiscard]] std::optional<greeting_ptr> enter(client_id who);

  /// MANAGER opens the door; null closes it. Who is inside stays.
  void set_door(greeting_ptr greet);

  /// Closes the door if nobody is inside who came in by it.
  [[nodiscard]] bool close_door_if_empty();

  /// Whether anybody is inside by the door, or came in since the last call.
  [[nodiscard]] bool was_entered();

  /// How many MANAGER has seated itself.
  void set_seated(std::size_t count);

  // -- who is in charge -------------------------------------------------------

  [[nodiscard]] handles now() const;
  /// Closes the door: a new MANAGER learns from the lane who is there.
  void set_manager(manager_actor who);
  void set_worker(pool_worker_actor who);
  void set_supervisor(tenant_supervisor_actor who);
  /// Forgets all handles: nothing of CAF is left in here.
  void detach();

  // -- pool_port --------------------------------------------------------------

  void client_left(client_id who) noexcept override;
  void starving(proxy::lane_ref where,
                const proxy::lane_numbers& numbers) noexcept override;
  void server_opened(proxy::lane_ref where,
                     const proxy::greeting& said) noexcept override;
  void server_failed(proxy::lane_ref where, proxy::refusal why,
                     std::vector<proxy::quota_unit> seat) noexcept override;
  void server_gone(proxy::lane_ref where, ec why) noexcept override;
  void drained(proxy::lane_ref where,
               std::uint32_t cut_short) noexcept override;
  void paused(proxy::lane_ref where) noexcept override;
  void reported(proxy::lane_ref where, census now) noexcept override;

private:
  void close_door();
  void count();

  const tenants::pool_key key_;
  // Held for the time of a copy only: shards call in here.
  mutable std::mutex guard_;
  spec_ptr spec_;
  proxy::edge::server_quotas quotas_;
  handles handles_;
  greeting_ptr door_; ///< Null: closed.
  pool::id_set inside_;
  bool was_entered_ = false;
  std::size_t seated_ = 0;
};

using live_pool_ptr = std::shared_ptr<live_pool>;

/// All pools of the node, and what is paused. Written by the supervisors; it is
/// what they rebuild themselves from. Any thread.
class pool_book {
public:
  void insert(live_pool_ptr which);
  void erase(const tenants::pool_key& key);

  [[nodiscard]] live_pool_ptr find(const tenants::pool_key& key) const;
  [[nodiscard]] std::vector<live_pool_ptr> all() const;
  [[nodiscard]] std::vector<live_pool_ptr>
  of_tenant(std::string_view tenant) const;
  /// Pools that `target` (see `admin_command`) means.
  [[nodiscard]] std::vector<live_pool_ptr>
  matching(std::string_view target) const;
  [[nodiscard]] std::size_t size() const;

  /// PAUSE and KILL hold for pools that do not exist yet, too.
  void pause(std::string target);
  /// "" forgets every pause. False: nothing was paused by that name.
  bool resume(const std::string& target);
  /// The pause of just that name, "" among them: others stay.
  bool unpause(const std::string& target);
  [[nodiscard]] bool is_paused(const tenants::pool_key& key) const;
  [[nodiscard]] std::vector<std::string> paused() const;

private:
  mutable std::mutex guard_;
  std::map<tenants::pool_key, live_pool_ptr> pools_;
  std::set<std::string> paused_;
};

} // namespace cenote::actors
