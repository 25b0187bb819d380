#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocol/startup.hpp"
#include "proxy/edge/rejection.hpp"
#include "proxy/edge/settings.hpp"
#include "tenants/catalog.hpp"

namespace cenote::proxy::edge {

/// The database that is the console.
inline constexpr std::string_view console_database = "pgbouncer";

/// Stands for the tenant of console users; no tenant id holds a dot.
inline constexpr std::string_view console_tenant = ".console";

/// Who a client says it is. Fixed from here on: nothing the client sends later
/// is read as a startup message again.
struct identity {
  std::string said_user; ///< As in the startup message; what md5 hashes.
  std::string user;      ///< Within the tenant.
  std::string tenant;    ///< Its id; what was asked for if there is none.
  std::string database;  ///< Defaults to `user`.
  /// The name in one spelling, made of what the client said and nothing we
  /// know: what is derived from it tells nobody which tenants exist.
  std::string salt_name;
  std::string application_name;
  std::string replication;   ///< "", "database" (logical) or "true" (physical).
  bool has_long_key = false; ///< Speaks 3.2: its cancel key is long.
  bool is_console = false;
  bool may_change = false; ///< Of a console user: role `admin`.
  /// How the login must go. Null: no such tenant, or no such user in it, which
  /// nobody may notice.
  std::shared_ptr<const tenants::user> who;
  bool has_tenant = false; ///< For the log: unknown tenant or unknown user.
  /// Startup parameters that are settings, those of `options` first.
  std::vector<std::pair<std::string, std::string>> settings;
};

/// Stage 3 (DESIGN 5): tenant, user, database and settings out of the startup
/// message. Fails with `no_user_name`, `replication_not_supported` (by the
/// console), `startup_options_invalid`, `unsupported_startup_option`. Unknown
/// tenants and users are no failure here. Pure.
[[nodiscard]] outcome<identity>
resolve_identity(const protocol::startup_message& hello,
                 std::string_view sni_host, const tenants::catalog& all,
                 const edge_settings& settings);

} // namespace cenote::proxy::edge
