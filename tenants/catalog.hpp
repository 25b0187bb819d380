#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "tenants/model.hpp"

namespace cenote::tenants {

/// An immutable snapshot of all tenants. Shared by `shared_ptr<const catalog>`;
/// any thread.
class catalog {
public:
  using tenant_map
    = std::map<std::string, std::shared_ptr<const tenant>, std::less<>>;

  catalog() = default;

  /// Of several tenants with one id, or with one SNI host name, the first wins;
  /// loaders refuse such input before.
  catalog(std::vector<tenant> all, pool_options defaults, node_limits limits,
          std::uint64_t version = 0);

  /// Counts up with every published catalog of this process.
  [[nodiscard]] std::uint64_t version() const noexcept {
    return version_;
  }

  [[nodiscard]] const pool_options& defaults() const noexcept {
    return defaults_;
  }

  [[nodiscard]] const node_limits& limits() const noexcept {
    return limits_;
  }

  [[nodiscard]] const tenant_map& tenants() const noexcept {
    return tenants_;
  }

  /// The tenant with this id ("" = the default tenant), or null.
  [[nodiscard]] std::shared_ptr<const tenant> find(std::string_view id) const;

  /// The tenant that names `host` (any case, a trailing dot is ignored), or
  /// null.
  [[nodiscard]] std::shared_ptr<const tenant>
  find_by_sni(std::string_view host) const;

private:
  std::uint64_t version_ = 0;
  pool_options defaults_;
  node_limits limits_;
  tenant_map tenants_;
  std::map<std::string, std::string, std::less<>> id_by_sni_;
};

using catalog_ptr = std::shared_ptr<const catalog>;

/// The catalog in force. Never null. Any thread, both ways; read once per login
/// and per reload, never by a shard.
class catalog_cell {
public:
  catalog_cell();
  explicit catalog_cell(catalog_ptr first);

  [[nodiscard]] catalog_ptr load() const;

  /// Publishes `next` and returns the one it replaces.
  catalog_ptr exchange(catalog_ptr next);

private:
  // Not std::atomic<shared_ptr>: its load in g++ 12 unlocks with a relaxed
  // store, which is a data race with the next exchange, and TSan says so.
  mutable std::mutex mutex_;
  catalog_ptr current_;
};

} // namespace cenote::tenants
