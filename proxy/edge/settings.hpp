#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "net/connect.hpp"
#include "net/tls.hpp"
#include "tenants/model.hpp"

namespace cenote::proxy::edge {

/// Which clients may speak TLS: nobody, who wants to, everybody.
enum class client_tls : std::uint8_t { disable, allow, require };

/// Who may enter the console. Never a tenant's user, whatever its name.
struct admin_user {
  std::string name;
  tenants::credential password;
  bool may_change = false; ///< Role `admin`; else `stats`: SHOW only.
};

/// Where clients arrive. Fixed for the life of the process.
struct listener_settings {
  std::string address; ///< As `net::listener::open`.
  std::uint16_t port = 0;
  std::optional<tenants::pool_mode> mode; ///< Empty: the user's, database's...
  net::listen_options socket;
};

/// What a reload may change. Immutable once it is in a cell.
struct edge_settings {
  client_tls tls = client_tls::disable;
  net::tls_context_ptr certificate; ///< Needed unless `tls` is `disable`.
  std::vector<admin_user> admins;
  /// From accept to the last byte of the greeting; 0 = off.
  std::chrono::milliseconds login_time_max{60'000};
  std::uint32_t logins_max = 1'000; ///< Between accept and login, per edge.
};

using edge_settings_ptr = std::shared_ptr<const edge_settings>;

/// The settings in force. Never null. Any thread, both ways.
class edge_settings_cell {
public:
  explicit edge_settings_cell(edge_settings first)
    : current_{std::make_shared<const edge_settings>(std::move(first))} {
    // nop
  }

  [[nodiscard]] edge_settings_ptr load() const {
    auto lock = std::lock_guard{mutex_};
    return current_;
  }

  /// Logins under way keep what they began with.
  void store(edge_settings next) {
    auto fresh = std::make_shared<const edge_settings>(std::move(next));
    auto lock = std::lock_guard{mutex_};
    current_.swap(fresh);
  }

private:
  mutable std::mutex mutex_;
  edge_settings_ptr current_;
};

} // namespace cenote::proxy::edge
