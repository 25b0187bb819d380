#include "base/error.hpp"

namespace cenote {

error_view describe(ec code) noexcept {
  switch (code) {
    case ec::none:
      return {"00000", "ERROR", "no error"};
    case ec::protocol_violation:
      return {"08P01", "FATAL", "protocol violation"};
    case ec::message_too_large:
      return {"08P01", "FATAL", "invalid message length"};
    case ec::startup_malformed:
      return {"08P01", "FATAL", "invalid startup packet layout"};
    case ec::startup_too_large:
      return {"08P01", "FATAL", "invalid length of startup packet"};
    case ec::bytes_before_tls:
      return {"08P01", "FATAL", "received unencrypted data after SSL request"};
    case ec::tls_required:
      return {"28000", "FATAL", "SSL required"};
    case ec::tls_handshake_failed:
      return {"08006", "FATAL", "TLS handshake failed"};
    case ec::tls_failed:
      return {"08006", "FATAL", "TLS failed"};
    case ec::unsupported_protocol:
      return {"0A000", "FATAL", "unsupported frontend protocol"};
    case ec::unsupported_startup_option:
      return {"08P01", "FATAL", "unsupported startup parameter"};
    case ec::startup_options_invalid:
      return {"42601", "FATAL",
              "invalid command-line argument for server process"};
    case ec::replication_not_supported:
      return {"0A000", "FATAL",
              "replication connections are not supported by this pool"};
    case ec::login_timeout:
      return {"57014", "FATAL", "canceling authentication due to timeout"};
    case ec::login_too_large:
      return {"08P01", "FATAL", "too many bytes before the login was complete"};
    case ec::too_many_logins:
      return {"53300", "FATAL", "too many logins in progress, try again"};
    case ec::no_user_name:
      return {"28000", "FATAL",
              "no PostgreSQL user name specified in startup packet"};
    case ec::unknown_tenant:
      return {"28P01", "FATAL", "password authentication failed"};
    case ec::unknown_user:
      return {"28P01", "FATAL", "password authentication failed"};
    case ec::unknown_database:
      return {"3D000", "FATAL", "database does not exist"};
    case ec::wrong_password:
      return {"28P01", "FATAL", "password authentication failed"};
    case ec::auth_protocol_violation:
      return {"08P01", "FATAL", "protocol violation during authentication"};
    case ec::auth_method_mismatch:
      return {"28P01", "FATAL", "password authentication failed"};
    case ec::too_many_clients:
      return {"53300", "FATAL", "sorry, too many clients already"};
    case ec::too_many_clients_tenant:
      return {"53300", "FATAL", "too many clients for this tenant"};
    case ec::too_many_clients_user:
      return {"53300", "FATAL", "too many clients for this user"};
    case ec::too_many_pools:
      return {"53300", "FATAL", "too many pools for this tenant"};
    case ec::pool_draining:
      return {"57P01", "FATAL",
              "terminating connection due to administrator command"};
    case ec::pool_start_failed:
      return {"08006", "FATAL", "the pool could not be started"};
    case ec::tenant_down:
      return {"57P03", "FATAL", "the tenant is not available now"};
    case ec::subscribe_timeout:
      return {"08006", "FATAL", "timed out while joining the pool"};
    case ec::shutting_down:
      return {"57P01", "FATAL",
              "terminating connection due to administrator command"};
    case ec::tenant_removed:
      return {"57P01", "FATAL",
              "terminating connection due to administrator command"};
    case ec::tenant_banned:
      return {"57P03", "FATAL", "the tenant is not accepting connections"};
    case ec::too_many_waiters:
      return {"53300", "FATAL", "too many clients are waiting for a server"};
    case ec::query_wait_timeout:
      return {"08P01", "FATAL", "query_wait_timeout"};
    case ec::query_canceled:
      return {"57014", "ERROR", "canceling statement due to user request"};
    case ec::query_timeout:
      return {"57014", "FATAL", "query_timeout"};
    case ec::client_idle_timeout:
      return {"57P05", "FATAL", "client_idle_timeout"};
    case ec::idle_transaction_timeout:
      return {"25P03", "FATAL", "idle transaction timeout"};
    case ec::transaction_timeout:
      return {"25P04", "FATAL", "transaction timeout"};
    case ec::transaction_in_statement_mode:
      return {"0A000", "FATAL",
              "transaction blocks not allowed in statement pooling mode"};
    case ec::too_many_outstanding:
      return {"54000", "FATAL", "too many requests in one pipeline"};
    case ec::statement_too_large:
      return {"54000", "ERROR", "prepared statement is too large"};
    case ec::too_many_statements:
      return {"54000", "ERROR", "too many prepared statements"};
    case ec::plan_changed:
      return {"0A000", "ERROR", "cached plan must not change result type"};
    case ec::statement_exists:
      return {"42P05", "ERROR", "prepared statement already exists"};
    case ec::too_many_pinned:
      return {"53300", "FATAL", "too many clients keep a server to themselves"};
    case ec::pin_refused:
      return {"0A000", "ERROR",
              "this would keep a server to one client, which is not allowed "
              "here"};
    case ec::too_many_notifications:
      return {"54000", "FATAL",
              "too many notifications that the client did not read"};
    case ec::killed_by_admin:
      return {"57P01", "FATAL",
              "terminating connection due to administrator command"};
    case ec::client_gone:
      return {"08006", "FATAL", "client closed the connection"};
    case ec::out_of_buffers:
      return {"53200", "FATAL", "out of memory for connection buffers"};
    case ec::server_connect_failed:
      return {"08006", "FATAL", "could not connect to the server"};
    case ec::server_connect_timeout:
      return {"08006", "FATAL", "timed out while connecting to the server"};
    case ec::server_resolve_failed:
      return {"08006", "FATAL",
              "could not resolve the host name of the server"};
    case ec::server_tls_refused:
      return {"08006", "FATAL",
              "the server does not support TLS, but it was required"};
    case ec::server_tls_failed:
      return {"08006", "FATAL", "TLS handshake with the server failed"};
    case ec::server_tls_verify_failed:
      return {"08006", "FATAL",
              "the certificate of the server could not be verified"};
    case ec::server_auth_failed:
      return {"08006", "FATAL", "login to the server failed"};
    case ec::server_auth_unsupported:
      return {"08006", "FATAL",
              "the server asks for an authentication method that cenote cannot "
              "answer"};
    case ec::server_scram_iterations:
      return {"08006", "FATAL",
              "the server asks for too many SCRAM iterations"};
    case ec::server_login_rejected:
      return {"08006", "FATAL", "the server rejected the login"};
    case ec::server_protocol_violation:
      return {"08006", "FATAL", "the server violated the protocol"};
    case ec::server_lost:
      return {"08006", "FATAL", "server closed the connection unexpectedly"};
    case ec::server_lifetime:
      return {"57P01", "FATAL", "the server reached its lifetime"};
    case ec::server_idle:
      return {"57P01", "FATAL", "the server was idle for too long"};
    case ec::server_retired:
      return {"57P01", "FATAL",
              "terminating connection due to administrator command"};
    case ec::server_dirty:
      return {"08006", "FATAL", "the server could not be cleaned"};
    case ec::server_limit:
      return {"53300", "FATAL", "too many servers"};
    case ec::login_backoff:
      return {"08006", "FATAL",
              "server login has been failing, try again later"};
    case ec::config_syntax:
      return {"F0000", "ERROR", "syntax error"};
    case ec::config_unknown_key:
      return {"F0000", "ERROR", "unknown key"};
    case ec::config_wrong_type:
      return {"F0000", "ERROR", "wrong type"};
    case ec::config_bad_value:
      return {"F0000", "ERROR", "invalid value"};
    case ec::config_missing_key:
      return {"F0000", "ERROR", "missing key"};
    case ec::config_contradiction:
      return {"F0000", "ERROR", "contradiction"};
    case ec::config_unreadable:
      return {"58P01", "ERROR", "cannot read file"};
    case ec::admin_syntax:
      return {"42601", "ERROR", "syntax error"};
    case ec::admin_denied:
      return {"42501", "ERROR", "admin access needed"};
    case ec::admin_unknown_target:
      return {"3D000", "ERROR", "no such database"};
    case ec::admin_wrong_state:
      return {"55000", "ERROR", "the pooler is not in the state for this"};
    case ec::admin_extended_query:
      return {"08P01", "FATAL",
              "extended query protocol not supported by admin console"};
    case ec::os_error:
      return {"58000", "FATAL", "system error"};
    case ec::engine_unavailable:
      return {"58000", "FATAL", "the engine is not available on this machine"};
    case ec::actor_down:
      return {"57P03", "FATAL",
              "an internal part is being restarted, try again"};
    case ec::timed_out:
      return {"57014", "FATAL", "timed out"};
  }
  return {"XX000", "FATAL", "internal error"};
}

std::string_view name(ec code) noexcept {
  switch (code) {
    case ec::none:
      return "none";
    case ec::protocol_violation:
      return "protocol_violation";
    case ec::message_too_large:
      return "message_too_large";
    case ec::startup_malformed:
      return "startup_malformed";
    case ec::startup_too_large:
      return "startup_too_large";
    case ec::bytes_before_tls:
      return "bytes_before_tls";
    case ec::tls_required:
      return "tls_required";
    case ec::tls_handshake_failed:
      return "tls_handshake_failed";
    case ec::tls_failed:
      return "tls_failed";
    case ec::unsupported_protocol:
      return "unsupported_protocol";
    case ec::unsupported_startup_option:
      return "unsupported_startup_option";
    case ec::startup_options_invalid:
      return "startup_options_invalid";
    case ec::replication_not_supported:
      return "replication_not_supported";
    case ec::login_timeout:
      return "login_timeout";
    case ec::login_too_large:
      return "login_too_large";
    case ec::too_many_logins:
      return "too_many_logins";
    case ec::no_user_name:
      return "no_user_name";
    case ec::unknown_tenant:
      return "unknown_tenant";
    case ec::unknown_user:
      return "unknown_user";
    case ec::unknown_database:
      return "unknown_database";
    case ec::wrong_password:
      return "wrong_password";
    case ec::auth_protocol_violation:
      return "auth_protocol_violation";
    case ec::auth_method_mismatch:
      return "auth_method_mismatch";
    case ec::too_many_clients:
      return "too_many_clients";
    case ec::too_many_clients_tenant:
      return "too_many_clients_tenant";
    case ec::too_many_clients_user:
      return "too_many_clients_user";
    case ec::too_many_pools:
      return "too_many_pools";
    case ec::pool_draining:
      return "pool_draining";
    case ec::pool_start_failed:
      return "pool_start_failed";
    case ec::tenant_down:
      return "tenant_down";
    case ec::subscribe_timeout:
      return "subscribe_timeout";
    case ec::shutting_down:
      return "shutting_down";
    case ec::tenant_removed:
      return "tenant_removed";
    case ec::tenant_banned:
      return "tenant_banned";
    case ec::too_many_waiters:
      return "too_many_waiters";
    case ec::query_wait_timeout:
      return "query_wait_timeout";
    case ec::query_canceled:
      return "query_canceled";
    case ec::query_timeout:
      return "query_timeout";
    case ec::client_idle_timeout:
      return "client_idle_timeout";
    case ec::idle_transaction_timeout:
      return "idle_transaction_timeout";
    case ec::transaction_timeout:
      return "transaction_timeout";
    case ec::transaction_in_statement_mode:
      return "transaction_in_statement_mode";
    case ec::too_many_outstanding:
      return "too_many_outstanding";
    case ec::statement_too_large:
      return "statement_too_large";
    case ec::too_many_statements:
      return "too_many_statements";
    case ec::statement_exists:
      return "statement_exists";
    case ec::plan_changed:
      return "plan_changed";
    case ec::too_many_pinned:
      return "too_many_pinned";
    case ec::pin_refused:
      return "pin_refused";
    case ec::too_many_notifications:
      return "too_many_notifications";
    case ec::killed_by_admin:
      return "killed_by_admin";
    case ec::client_gone:
      return "client_gone";
    case ec::out_of_buffers:
      return "out_of_buffers";
    case ec::server_connect_failed:
      return "server_connect_failed";
    case ec::server_connect_timeout:
      return "server_connect_timeout";
    case ec::server_resolve_failed:
      return "server_resolve_failed";
    case ec::server_tls_refused:
      return "server_tls_refused";
    case ec::server_tls_failed:
      return "server_tls_failed";
    case ec::server_tls_verify_failed:
      return "server_tls_verify_failed";
    case ec::server_auth_failed:
      return "server_auth_failed";
    case ec::server_auth_unsupported:
      return "server_auth_unsupported";
    case ec::server_scram_iterations:
      return "server_scram_iterations";
    case ec::server_login_rejected:
      return "server_login_rejected";
    case ec::server_protocol_violation:
      return "server_protocol_violation";
    case ec::server_lost:
      return "server_lost";
    case ec::server_lifetime:
      return "server_lifetime";
    case ec::server_idle:
      return "server_idle";
    case ec::server_retired:
      return "server_retired";
    case ec::server_dirty:
      return "server_dirty";
    case ec::server_limit:
      return "server_limit";
    case ec::login_backoff:
      return "login_backoff";
    case ec::config_syntax:
      return "config_syntax";
    case ec::config_unknown_key:
      return "config_unknown_key";
    case ec::config_wrong_type:
      return "config_wrong_type";
    case ec::config_bad_value:
      return "config_bad_value";
    case ec::config_missing_key:
      return "config_missing_key";
    case ec::config_contradiction:
      return "config_contradiction";
    case ec::config_unreadable:
      return "config_unreadable";
    case ec::admin_syntax:
      return "admin_syntax";
    case ec::admin_denied:
      return "admin_denied";
    case ec::admin_unknown_target:
      return "admin_unknown_target";
    case ec::admin_wrong_state:
      return "admin_wrong_state";
    case ec::admin_extended_query:
      return "admin_extended_query";
    case ec::os_error:
      return "os_error";
    case ec::engine_unavailable:
      return "engine_unavailable";
    case ec::actor_down:
      return "actor_down";
    case ec::timed_out:
      return "timed_out";
  }
  return "unknown";
}

} // namespace cenote
