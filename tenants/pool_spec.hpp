#pragma once

#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "tenants/catalog.hpp"
#include "tenants/model.hpp"

/// From names to a pool: its key, where its servers are, how it behaves. Pure;
/// any thread.
namespace cenote::tenants {

/// Parameters of a startup message, in order.
using startup_parameters = std::vector<std::pair<std::string, std::string>>;

/// What makes two clients share a pool (DESIGN 2).
struct pool_key {
  std::string tenant;
  std::string user;     ///< The database's forced role, else the client's user.
  std::string database; ///< As the client asked for it.
  pool_mode mode = pool_mode::session;

  /// Replication connections only, else empty: what their servers are opened
  /// with. `replication` is the first; the client's settings follow, because a
  /// walsender takes none later. Such a pool's servers serve one client each.
  startup_parameters startup{};

  [[nodiscard]] bool is_replication() const noexcept {
    return !startup.empty();
  }

  friend auto operator<=>(const pool_key&, const pool_key&) = default;
};

/// The mode, or "replication".
[[nodiscard]] std::string_view kind(const pool_key& key) noexcept;

/// "none", "logical" or "physical".
[[nodiscard]] std::string_view replication_kind(const pool_key& key) noexcept;

/// "tenant/user/database/mode", for logs and metrics only: not reversible.
[[nodiscard]] std::string to_string(const pool_key& key);

/// Where servers are and who cenote is to them. Two that differ mean: retire
/// the servers opened with the old one.
struct server_target {
  std::string host; ///< Name, address, or directory of a unix socket ("/...").
  std::uint16_t port = 5432;
  std::string database;
  std::string user;
  credential password; ///< A SCRAM verifier or none: only the client's keys do.
  server_tls_settings tls;
  startup_parameters startup{}; ///< Sent before user and database.

  friend bool operator==(const server_target&, const server_target&) = default;
};

/// How a pool behaves; all of it can change while it runs. The initial values
/// are the built-in defaults. Durations and counts: 0 = off, no limit.
struct pool_settings {
  using ms = std::chrono::milliseconds;

  pool_mode mode = pool_mode::session;
  std::uint32_t pool_size = 20;
  std::uint32_t min_pool_size = 0;
  /// Shards that share the pool's work (docs/lanes.md); not more than there
  /// are, and one where a server listens for all clients (docs/listen.md). Only
  /// this takes effect when the pool is started the next time.
  std::uint32_t lanes = 1;
  std::uint32_t waiters_max = 10'000; ///< Clients waiting for a server.
  ms query_wait_timeout{120'000};
  ms server_lifetime{3'600'000};
  ms server_idle_timeout{600'000};
  ms server_connect_timeout{15'000}; ///< Connect, TLS and login together.
  ms server_login_retry{15'000};     ///< After a failed login, before the next.
  ms client_idle_timeout{0};
  ms idle_transaction_timeout{0};
  ms transaction_timeout{0};
  ms query_timeout{0};
  ms pool_idle_timeout{3'600'000};         ///< After the last client left.
  std::string reset_query = "DISCARD ALL"; ///< Session mode only; "" = none.

  /// Named statements that one server holds, where servers change. 0: names
  /// pass as they are and end with their transaction.
  std::uint32_t prepared_statements_max = 200;

  /// Transaction mode: a BEGIN that comes alone is answered without a server
  /// (docs/lazy-begin.md).
  bool lazy_begin = false;

  /// Clients that may keep a server to themselves for what they left behind on
  /// it (LISTEN, temporary tables, …), where servers change. 0: any.
  std::uint32_t pinned_max = 0;
  pin_policy on_pin = pin_policy::pin;
  /// Where servers change. A pool of one server pins in any case.
  listen_policy listen = listen_policy::pin;

  /// How old may be what is known of functions that change sessions, where
  /// servers change. 0: what functions do is not followed.
  ms function_watch_interval{60'000};

  std::uint32_t tenant_clients_max = 0;
  std::uint32_t tenant_servers_max = 0;
  std::uint32_t tenant_pools_max = 0;
  std::uint32_t database_clients_max = 0;
  std::uint32_t database_servers_max = 0;
  std::uint32_t host_servers_max = 0;

  friend bool operator==(const pool_settings&, const pool_settings&) = default;
};

struct pool_spec {
  pool_key key;
  server_target target;
  pool_settings settings;

  /// Of the client's own user, who may differ from `key.user`. 0 = no limit.
  std::uint32_t user_clients_max = 0;

  friend bool operator==(const pool_spec&, const pool_spec&) = default;
};

/// The pool that a client of `user_name` asking for `database_name` belongs to.
///
/// The mode is the first one set of: `listener_mode`, user, database, tenant,
/// node. The other settings: user, database, tenant, node. Where the database
/// forces a server role, all its clients share one pool, so the settings of the
/// client's user do not count (only its mode and `user_clients_max`), but those
/// of a user that is called like the role do. The role's password is the
/// database's, else that user's.
///
/// `startup` makes it a pool of replication connections: see `pool_key`. Their
/// times differ: a stream has no end, and nobody keeps a server for nobody.
///
/// Fails with `unknown_tenant`, `unknown_user`, `unknown_database`, or
/// `replication_not_supported`: the mode is another one than session.
[[nodiscard]] result<pool_spec>
resolve(const catalog& all, std::string_view tenant_id,
        std::string_view user_name, std::string_view database_name,
        std::optional<pool_mode> listener_mode = {},
        startup_parameters startup = {});

/// What a pool that exists looks like in another catalog; its key stays, also
/// where a new client would now be sent to another mode. `user_clients_max` is
/// that of the user called `key.user`, or 0. Fails like `resolve` when
/// nobody could come to have this key any more.
[[nodiscard]] result<pool_spec> resolve(const catalog& all,
                                        const pool_key& key);

} // namespace cenote::tenants

template <>
struct std::hash<cenote::tenants::pool_key> {
  std::size_t operator()(const cenote::tenants::pool_key& key) const noexcept;
};
