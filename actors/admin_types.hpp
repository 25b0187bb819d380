#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/result.hpp"
#include "tenants/fwd.hpp"

namespace cenote::actors {

/// What an operator can ask for, by console, HTTP, signal or `cenotectl`.
enum class admin_verb : std::uint8_t {
  version,
  show_pools,
  show_tenants,
  show_paused, ///< PAUSE and KILL that RESUME has not undone.
  pause,       ///< Answers when no matching pool lends a server any more.
  resume,      ///< Also brings back a tenant that is down.
  reconnect,   ///< Replaces servers as they come free; answers when nobody is
               ///< lent a present one any more.
  kill,        ///< Ends clients and servers now; new clients wait for `resume`.
  reload,      ///< Reads the configuration again.
  terminate,   ///< Dirty termination of the tenant `target`.
  drain,       ///< Ends every pool, each client after its transaction.
  shutdown,    ///< Ends the process, when what `wait` says has ended.
  unpause,     ///< Takes back the PAUSE of just that target: others hold on.
};

/// What the end of the process waits for.
enum class end_wait : std::uint8_t {
  nothing,
  servers, ///< A drain: each client ends after its transaction.
  clients, ///< All clients have gone by themselves; nobody new comes in.
};

[[nodiscard]] std::string_view name(admin_verb verb) noexcept;

/// One operation. `target` says which pools are meant: "" all of them,
/// "database" the pools of that database in every tenant, "tenant.database"
/// those of one tenant, "tenant." all pools of a tenant ("." of the default
/// tenant). For `terminate` it is the tenant's id. It has constructors so that
/// it may be a temporary in a `co_await` expression.
struct admin_command {
  admin_command() = default;

  explicit admin_command(admin_verb what, std::string which = {},
                         end_wait waits = end_wait::nothing)
    : verb{what},
      target{std::move(which)},
      wait{waits} {
    // nop
  }

  admin_verb verb = admin_verb::version;
  std::string target;
  end_wait wait = end_wait::nothing; ///< For `shutdown`.
  std::uint32_t time_max_ms = 0;     ///< For `drain`; 0 = the settings' own.

  friend bool operator==(const admin_command&, const admin_command&) = default;
};

struct admin_pool_row {
  std::string tenant;
  std::string user;
  std::string database;
  std::string mode;
  std::uint32_t shard = 0;
  std::uint64_t lane = 0;
  std::uint32_t clients = 0; ///< Subscribed.
  std::uint32_t servers = 0; ///< Open or logging in.
  std::uint32_t servers_max = 0;
  std::string state; ///< "running", "paused", "draining", "down".

  friend bool operator==(const admin_pool_row&, const admin_pool_row&)
    = default;
};

struct admin_tenant_row {
  std::string tenant;
  std::uint32_t pools = 0;
  std::uint32_t clients = 0;
  std::uint32_t servers = 0;

  friend bool operator==(const admin_tenant_row&, const admin_tenant_row&)
    = default;
};

/// The answer. A failure has its code and, where there is more to say, a text
/// for the operator.
struct admin_reply {
  ec code = ec::none;
  std::string text;
  std::uint32_t count = 0; ///< Pools (or, for `terminate`, clients) concerned.
  std::vector<admin_pool_row> pools;
  std::vector<admin_tenant_row> tenants;
  std::vector<std::string> paused; ///< Targets.

  friend bool operator==(const admin_reply&, const admin_reply&) = default;
};

/// What ADMIN leaves to the daemon. Called on an actor thread: must not block.
class admin_hooks {
public:
  virtual ~admin_hooks() = default;

  /// Reads the configuration, publishes it with `actor_system_host::apply`,
  /// then calls `done` exactly once, on any thread; a failure changes nothing.
  virtual void reload(std::function<void(result<void>)> done) noexcept = 0;

  /// Starts the end of the process.
  virtual void shutdown(end_wait wait) noexcept = 0;
};

/// Whether `target` (see `admin_command`) means a pool of this tenant and
/// database.
[[nodiscard]] bool matches(std::string_view target, std::string_view tenant,
                           std::string_view database) noexcept;

/// Whether `target` names a tenant of the catalog, or a database that a client
/// could ask for: where a tenant has the database "*" that is any name, whether
/// there is a pool or not. "*" itself is no name.
[[nodiscard]] bool names_database(const tenants::catalog& all,
                                  std::string_view target);

} // namespace cenote::actors
