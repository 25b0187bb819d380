#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.hpp"
#include "configs/file_stamp.hpp"
#include "tenants/catalog.hpp"
#include "tenants/model.hpp"

/// The configuration as typed values, whatever file format it came from.
/// Comparable part by part, so that a reload touches only what changed.
namespace cenote::configs {

enum class engine_choice : std::uint8_t { automatic, io_uring, epoll };

/// Which clients may speak TLS: nobody, who wants to, everybody.
enum class client_tls : std::uint8_t { disable, allow, require };

enum class admin_role : std::uint8_t { stats, admin };

[[nodiscard]] std::string_view name(engine_choice engine) noexcept;
[[nodiscard]] std::string_view name(client_tls mode) noexcept;
[[nodiscard]] std::string_view name(admin_role role) noexcept;

struct log_settings {
  log::level level = log::level::info;
  log::format format = log::format::text;

  friend bool operator==(const log_settings&, const log_settings&) = default;
};

/// What belongs to the process and not to a pool.
struct process_settings {
  using ms = std::chrono::milliseconds;

  std::uint32_t shards = 0; ///< 0 = one per core. Needs a restart.
  engine_choice engine = engine_choice::automatic; ///< Needs a restart.
  log_settings log;
  ms client_login_timeout{60'000}; ///< Accept to ReadyForQuery; 0 = off.
  ms cancel_wait_timeout{10'000};  ///< A cancel waiting for its turn; 0 = off.
  ms drain_timeout{60'000}; ///< SIGTERM: transactions may end; 0 = for ever.
  std::uint32_t logins_max = 1'000; ///< Clients between accept and login.

  friend bool operator==(const process_settings&, const process_settings&)
    = default;
};

/// Either `address` or `unix_socket_dir` is set.
struct listener {
  std::string address;         ///< IPv4, IPv6, or "*" for every address.
  std::uint16_t port = 0;      ///< 0 = the kernel chooses (TCP only).
  std::string unix_socket_dir; ///< The socket is `<dir>/.s.PGSQL.<port>`.
  std::uint32_t unix_socket_mode = 0777;
  std::uint32_t backlog = 1024;
  std::optional<tenants::pool_mode> mode; ///< Wins over every other level.

  friend bool operator==(const listener&, const listener&) = default;
};

/// What clients meet. Paths are ready to open.
struct client_tls_settings {
  client_tls mode = client_tls::disable;
  std::string certificate_file; ///< PEM, leaf first; empty with `disable`.
  std::string key_file;

  friend bool operator==(const client_tls_settings&, const client_tls_settings&)
    = default;
};

struct admin_user {
  std::string name;
  tenants::credential password;
  admin_role role = admin_role::stats;

  friend bool operator==(const admin_user&, const admin_user&) = default;
};

struct endpoint {
  std::string host;
  std::uint16_t port = 0;

  friend bool operator==(const endpoint&, const endpoint&) = default;
};

struct admin_settings {
  std::optional<endpoint> http;
  std::string socket; ///< Unix socket of cenotectl; empty = none.
  std::vector<admin_user> users;

  friend bool operator==(const admin_settings&, const admin_settings&)
    = default;
};

struct config {
  process_settings process;
  std::vector<listener> listeners; ///< At least one; no two at one place.
  client_tls_settings tls;
  admin_settings admin;
  tenants::catalog_ptr catalog; ///< Never null.

  /// The file itself and every other it refers to (passwords, certificates) as
  /// they were just before they were read: a change of one of them is a change
  /// of the configuration.
  file_stamps files;
};

/// The settings that differ and take effect only after a restart:
/// "cenote.shards", "listener", ... The rest can be taken over live.
[[nodiscard]] std::vector<std::string_view> needs_restart(const config& running,
                                                          const config& next);

/// Gives `next` the settings of `running` that only a restart changes: what is
/// in force then.
void keep_until_restart(const config& running, config& next);

} // namespace cenote::configs
