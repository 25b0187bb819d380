#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.hpp"
#include "base/secret.hpp"

/// What a tenant is: plain values, comparable, never changed once they are in a
/// published catalog. Any thread.
namespace cenote::tenants {

// -- words --------------------------------------------------------------------

enum class pool_mode : std::uint8_t { session, transaction, statement };

/// What becomes of a client that must keep its server although its mode is not
/// session.
enum class pin_policy : std::uint8_t {
  pin,    ///< It keeps it until nothing is left behind there.
  reject, ///< What would need that fails.
};

/// Where a client's LISTEN lives although its mode is not session.
enum class listen_policy : std::uint8_t {
  pin,    ///< On a server that the client keeps.
  shared, ///< On one server of the pool, for all its clients.
};

/// How cenote speaks TLS to a server; libpq's `sslmode` less `allow`.
enum class server_tls : std::uint8_t {
  disable,
  prefer,
  require,
  verify_ca,
  verify_full,
};

/// How a client proves who it is.
enum class client_auth : std::uint8_t {
  scram_sha_256,
  md5,
  password, ///< Clear text; the login refuses it without TLS.
  trust,
};

/// The words of the configuration file: "transaction", "verify-full",
/// "scram-sha-256". Static storage.
[[nodiscard]] std::string_view name(pool_mode mode) noexcept;
[[nodiscard]] std::string_view name(pin_policy policy) noexcept;
[[nodiscard]] std::string_view name(listen_policy policy) noexcept;
[[nodiscard]] std::string_view name(server_tls mode) noexcept;
[[nodiscard]] std::string_view name(client_auth method) noexcept;

/// The inverse of `name`; empty for any other word.
[[nodiscard]] std::optional<pool_mode> parse_pool_mode(std::string_view text);
[[nodiscard]] std::optional<pin_policy> parse_pin_policy(std::string_view text);
[[nodiscard]] std::optional<listen_policy>
parse_listen_policy(std::string_view text);
[[nodiscard]] std::optional<server_tls> parse_server_tls(std::string_view text);
[[nodiscard]] std::optional<client_auth>
parse_client_auth(std::string_view text);

// -- credentials --------------------------------------------------------------

/// No secret is known: the user can only come in by `trust`, and a server login
/// has nothing to answer with.
struct no_credential {
  friend bool operator==(const no_credential&, const no_credential&) = default;
};

struct plain_password {
  secret value;
  friend bool operator==(const plain_password&, const plain_password&)
    = default;
};

/// `md5` and 32 hex digits: MD5(password + user name), as in pg_authid.
struct md5_hash {
  secret value;
  friend bool operator==(const md5_hash&, const md5_hash&) = default;
};

/// `SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>`, as in
/// pg_authid. The form is checked; `protocol/scram.hpp` takes it apart.
struct scram_verifier {
  secret value;
  friend bool operator==(const scram_verifier&, const scram_verifier&)
    = default;
};

using credential
  = std::variant<no_credential, plain_password, md5_hash, scram_verifier>;

/// Classifies the text of a password setting as PostgreSQL does: an md5 hash
/// and a SCRAM verifier by their form, everything else is a plain password;
/// empty text is no credential. Fails with `config_bad_value` (whose detail
/// never quotes the text) on text that begins like a verifier but is none.
[[nodiscard]] result<credential> parse_credential(std::string_view text);

// -- settings that can be given at several levels -----------------------------

/// What the node, a tenant, a database and a user may each say about their
/// pools; empty = the next level decides. Order: user, database, tenant, node,
/// built in (`pool_settings`). Durations: 0 = off.
struct pool_options {
  using ms = std::chrono::milliseconds;

  std::optional<pool_mode> mode;
  std::optional<std::uint32_t> pool_size;
  std::optional<std::uint32_t> min_pool_size;
  std::optional<std::uint32_t> lanes;
  std::optional<std::uint32_t> waiters_max;
  std::optional<ms> query_wait_timeout;
  std::optional<ms> server_lifetime;
  std::optional<ms> server_idle_timeout;
  std::optional<ms> server_connect_timeout;
  std::optional<ms> server_login_retry;
  std::optional<ms> client_idle_timeout;
  std::optional<ms> idle_transaction_timeout;
  std::optional<ms> transaction_timeout;
  std::optional<ms> query_timeout;
  std::optional<ms> pool_idle_timeout;
  std::optional<std::string> reset_query;
  std::optional<std::uint32_t> prepared_statements_max;
  std::optional<bool> lazy_begin;
  std::optional<std::uint32_t> pinned_max;
  std::optional<pin_policy> on_pin;
  std::optional<listen_policy> listen;
  std::optional<ms> function_watch_interval;

  friend bool operator==(const pool_options&, const pool_options&) = default;
};

// -- tenant, database, user ---------------------------------------------------

struct user {
  std::string name;
  credential password;
  std::optional<client_auth> auth; ///< Empty: what `password` suggests.
  std::uint32_t clients_max = 0;   ///< Of this user, all databases; 0 = any.
  pool_options options;

  friend bool operator==(const user&, const user&) = default;
};

/// The method this user's login must use: the configured one, or `md5` for an
/// md5 hash and `scram_sha_256` for everything else (so a user without a
/// credential looks like one with a password that never matches).
[[nodiscard]] client_auth auth_method(const user& who) noexcept;

/// How a server is reached with TLS. File names are absolute or relative to the
/// working directory; empty = none.
struct server_tls_settings {
  server_tls mode = server_tls::prefer;
  std::string ca_file;          ///< Needed by verify-ca and verify-full.
  std::string certificate_file; ///< Client certificate, with `key_file`.
  std::string key_file;

  friend bool operator==(const server_tls_settings&, const server_tls_settings&)
    = default;
};

struct database {
  std::string name; ///< What clients ask for; "*" = any other name.
  std::string host; ///< Name, address, or directory ("/run/...").
  std::uint16_t port = 5432;
  std::string server_database; ///< On the server; empty: as the client asked.
  std::string server_user;     ///< Forced role; empty: the client's user name.
  credential server_password;  ///< Of `server_user`.
  server_tls_settings tls;
  std::uint32_t clients_max = 0; ///< 0 = any.
  std::uint32_t servers_max = 0; ///< All pools of this database; 0 = any.
  pool_options options;

  friend bool operator==(const database&, const database&) = default;
};

struct tenant {
  std::string id; ///< "" is the default tenant. Holds no dot.
  std::vector<database> databases;
  std::vector<user> users;
  std::vector<std::string> sni_hostnames; ///< Lower case, no wildcards.
  std::uint32_t clients_max = 0;          ///< 0 = any.
  std::uint32_t servers_max = 0;          ///< 0 = any.
  std::uint32_t pools_max = 1000;         ///< 0 = any.
  pool_options options;

  /// The database called `wanted`; else the one called "*"; else null.
  [[nodiscard]] const database* find_database(std::string_view wanted) const;
  [[nodiscard]] const user* find_user(std::string_view wanted) const;

  friend bool operator==(const tenant&, const tenant&) = default;
};

/// The node's own limits; part of the catalog because they change live.
struct node_limits {
  std::uint32_t clients_max = 10'000;
  std::uint32_t servers_max = 0;      ///< 0 = any.
  std::uint32_t host_servers_max = 0; ///< To one host:port; 0 = any.

  friend bool operator==(const node_limits&, const node_limits&) = default;
};

} // namespace cenote::tenants
