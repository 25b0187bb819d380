#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "actors/admin_types.hpp"
#include "actors/bridge.hpp"
#include "base/clock.hpp"
#include "net/unique_fd.hpp"
#include "proxy/data_plane.hpp"
#include "proxy/edge/quota_book.hpp"
#include "proxy/edge/services.hpp"
#include "tenants/catalog.hpp"

namespace cenote::actors {

/// What the actors work with. All of it outlives the `actor_system_host`.
struct system_services {
  proxy::data_plane* shards = nullptr;
  proxy::edge::server_opener* opener = nullptr;
  proxy::edge::quota_book* quotas = nullptr;
  admin_hooks* hooks = nullptr; ///< May be null: no reload, no shutdown.
  tenants::catalog_ptr catalog; ///< The first one; may be null (empty).
};

struct system_settings {
  std::string node = "local";    ///< This node's name.
  std::string version = "0.1.0"; ///< What `cenotectl show version` says.
  /// How long a client may wait for its seat; then `subscribe_timeout`.
  duration subscribe_time_max = std::chrono::seconds{60};
  /// Between losing an actor and asking its successor.
  duration ask_again_pause = std::chrono::milliseconds{5};
  /// How often a request whose receiver died is asked in all.
  unsigned ask_count_max = 3;
  /// How long clients of a removed tenant, and of a drain without a time of its
  /// own, may finish their transactions.
  duration drain_time_max = std::chrono::seconds{30};
  /// A supervisor gives up after more restarts than this in the window, and
  /// stays down for the window's length.
  std::size_t restart_count_max = 10;
  duration restart_window = std::chrono::seconds{60};
  /// Logins under way for one pool.
  unsigned logins_per_pool_max = 4;
  /// The MANAGER's and WORKER's clock.
  duration tick = std::chrono::seconds{1};
  std::size_t scheduler_threads = 2;
  /// Whether `serve_admin_socket` will be used: costs CAF's I/O threads, which
  /// sleep while nobody is connected.
  bool with_admin_link = true;
};

class house;

/// The actor system of one node: starts it, lets the edge talk to it, ends it.
///
/// Order at the end: stop the listeners; `stop()`; stop and join the edge's and
/// the shards' threads; destroy this; destroy the `io_context`s.
class actor_system_host {
public:
  explicit actor_system_host(system_services with,
                             system_settings settings = {});
  ~actor_system_host();
  actor_system_host(const actor_system_host&) = delete;
  actor_system_host& operator=(const actor_system_host&) = delete;

  /// For the login coroutines. Coroutine of any `io_context`.
  [[nodiscard]] proxy::edge::pool_directory& directory() noexcept;

  /// Runs one admin operation. Coroutine of any `io_context`; may be
  /// cancelled, which leaves the operation running. Waits as long as the
  /// operation takes.
  [[nodiscard]] asio::awaitable<admin_reply> run(admin_command command);

  /// A new catalog is in force: limits, targets and removals reach the pools.
  /// Any thread, does not wait.
  void apply(tenants::catalog_ptr now);

  /// Hands CAF one connection of `cenotectl` (a connected unix socket whose
  /// peer's uid was checked). Any thread, does not wait.
  void serve_admin_socket(net::unique_fd connection);

  /// Ends all actors and waits for them; lanes, clients and servers are not
  /// touched. False: not all ended within `time_max`, and the process should
  /// end without destructors (`_exit`). Main thread.
  [[nodiscard]] bool stop(duration time_max);

  /// For metrics: pools that are open now.
  [[nodiscard]] std::size_t pool_count() const;

  /// For tests: what the actors share.
  [[nodiscard]] const std::shared_ptr<house>& shared() const noexcept;

private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

} // namespace cenote::actors
