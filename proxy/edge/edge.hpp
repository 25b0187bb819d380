#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "proxy/data_plane.hpp"
#include "proxy/edge/counters.hpp"
#include "proxy/edge/services.hpp"
#include "proxy/edge/settings.hpp"
#include "tenants/catalog.hpp"

namespace asio {
class io_context;
}

namespace cenote::proxy::edge {

class key_store;
class quota_book;
struct edge_state;

/// What an edge is made of. Everything outlives it.
struct edge_parts {
  asio::io_context& io; ///< Runs on one thread: the edge's.
  data_plane& shards;
  pool_directory& pools;
  quota_book& quotas;
  console_service& console;
  const tenants::catalog_cell& catalog;
  const edge_settings_cell& settings;
  key_store& keys;
};

/// Where connections begin: accepts clients and logs them in, logs in to
/// servers, delivers cancels. What is logged in leaves for a shard. Destroy it
/// when its io_context runs no more, and before the io_context.
class edge final : public server_opener, public edge_port {
public:
  explicit edge(const edge_parts& parts);
  ~edge() override;
  edge(const edge&) = delete;
  edge& operator=(const edge&) = delete;

  /// Opens all listeners and starts accepting as soon as the io_context runs;
  /// all or none. Fails with `os_error`. Before the io_context runs.
  result<void> listen(const std::vector<listener_settings>& where);

  /// The ports of the listeners, in their order (one given as 0 has a number).
  [[nodiscard]] std::vector<std::uint16_t> ports() const;

  /// Stops accepting; what is under way goes on. Any thread.
  void stop_accepting();

  /// Stops accepting and ends what is under way: logins with `shutting_down`,
  /// server orders with `server_failed`, cancels unacknowledged. Any thread.
  void stop();

  /// Drops the keys and passwords known of a tenant. Any thread.
  void forget_secrets(std::string_view tenant);

  /// Reads the certificate files for servers anew. Any thread.
  void reload_certificates();

  /// See `server_opener`.
  void open(server_order order) noexcept override;

  /// See `edge_port`.
  void deliver_cancel(cancel_order order) noexcept override;

  [[nodiscard]] const edge_counters& counters() const noexcept;

private:
  std::shared_ptr<edge_state> state_;
};

} // namespace cenote::proxy::edge
