#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace cenote {

/// Every way in which something can fail, once. The order is the order of a
/// client's way (DESIGN 5); values are below 256, so that `caf::error` holds
/// them.
enum class ec : std::uint8_t {
  none = 0,
  // -- accept, startup --------------------------------------------------------
  protocol_violation,
  message_too_large,
  startup_malformed,
  startup_too_large,
  bytes_before_tls,
  tls_required,
  tls_handshake_failed,
  tls_failed,
  unsupported_protocol,
  unsupported_startup_option,
  startup_options_invalid,
  replication_not_supported,
  login_timeout,
  login_too_large,
  too_many_logins,
  // -- resolve tenant, authenticate -------------------------------------------
  no_user_name,
  unknown_tenant,
  unknown_user,
  unknown_database,
  wrong_password,
  auth_protocol_violation,
  auth_method_mismatch,
  // -- subscribe --------------------------------------------------------------
  too_many_clients,
  too_many_clients_tenant,
  too_many_clients_user,
  too_many_pools,
  pool_draining,
  pool_start_failed,
  tenant_down,
  subscribe_timeout,
  shutting_down,
  tenant_removed,
  tenant_banned,
  // -- checkout, forward, checkin ---------------------------------------------
  too_many_waiters,
  query_wait_timeout,
  query_canceled,
  query_timeout,
  client_idle_timeout,
  idle_transaction_timeout,
  transaction_timeout,
  transaction_in_statement_mode,
  too_many_outstanding,
  statement_too_large,
  too_many_statements,
  statement_exists,
  plan_changed,
  too_many_pinned,
  pin_refused,
  too_many_notifications,
  killed_by_admin,
  client_gone,
  out_of_buffers,
  // -- servers ----------------------------------------------------------------
  server_connect_failed,
  server_connect_timeout,
  server_resolve_failed,
  server_tls_refused,
  server_tls_failed,
  server_tls_verify_failed,
  server_auth_failed,
  server_auth_unsupported,
  server_scram_iterations,
  server_login_rejected,
  server_protocol_violation,
  server_lost,
  server_lifetime,
  server_idle,
  server_retired,
  server_dirty,
  server_limit,
  login_backoff,
  // -- configuration ----------------------------------------------------------
  config_syntax,
  config_unknown_key,
  config_wrong_type,
  config_bad_value,
  config_missing_key,
  config_contradiction,
  config_unreadable,
  // -- admin ------------------------------------------------------------------
  admin_syntax,
  admin_denied,
  admin_unknown_target,
  admin_wrong_state,
  admin_extended_query,
  // -- the machine ------------------------------------------------------------
  os_error,
  engine_unavailable,
  actor_down,
  timed_out,
};

/// What a client is told about a failure. All three point to static storage.
struct error_view {
  std::string_view sqlstate; ///< Five characters, PostgreSQL appendix A.
  std::string_view severity; ///< "ERROR" (the connection goes on) or "FATAL".
  std::string_view message;  ///< Primary message, no trailing period.
};

/// The wire form of `code`. Total: every value has one.
[[nodiscard]] error_view describe(ec code) noexcept;

/// The enumerator's own name: the log field and the metric label `code`.
[[nodiscard]] std::string_view name(ec code) noexcept;

/// A failure as a value. `detail` goes to the log only, never to a client.
struct failure {
  ec code = ec::none;
  std::string detail;
};

} // namespace cenote
