#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "tenants/catalog.hpp"
#include "tenants/pool_spec.hpp"

/// What a new catalog means for what runs now. Pure; any thread.
namespace cenote::tenants {

/// A tenant that is in both catalogs and not equal. Names are sorted.
struct tenant_change {
  std::string id;
  bool limits_changed = false; ///< Tenant-wide limits, options or SNI hosts.
  std::vector<std::string> databases_added;
  std::vector<std::string> databases_removed;
  std::vector<std::string> databases_retargeted; ///< Host, role, TLS, ...
  std::vector<std::string> databases_retuned;    ///< Limits and options only.
  std::vector<std::string> users_added;
  std::vector<std::string> users_removed;
  std::vector<std::string> users_rekeyed; ///< Credential or method changed.
  std::vector<std::string> users_retuned; ///< Limits and options only.

  friend bool operator==(const tenant_change&, const tenant_change&) = default;
};

/// Ids are sorted. A tenant in none of the lists is untouched by its own
/// settings; with `node_changed` its pools may still get new defaults: ask
/// `effect_on` for each.
struct catalog_diff {
  std::vector<std::string> added;
  std::vector<std::string> removed;
  std::vector<tenant_change> changed;
  bool node_changed = false; ///< Defaults or limits of the node.

  [[nodiscard]] bool empty() const noexcept {
    return added.empty() && removed.empty() && changed.empty() && !node_changed;
  }

  friend bool operator==(const catalog_diff&, const catalog_diff&) = default;
};

[[nodiscard]] catalog_diff diff(const catalog& before, const catalog& after);

/// What a running pool must do, mildest first.
enum class pool_effect : std::uint8_t {
  none,
  settings, ///< Take over the new settings; servers and clients stay.
  target,   ///< Also retire the servers, each when its loan ends.
  gone,     ///< Its tenant, database or user is no more.
};

struct pool_update {
  pool_effect effect = pool_effect::none;
  pool_spec spec; ///< The new one; the old one with `gone`.
};

/// The effect of `now` on a pool that runs with `running`. `user_clients_max`
/// is not compared: it belongs to a client's user and is looked up as one
/// joins.
[[nodiscard]] pool_update effect_on(const pool_spec& running,
                                    const catalog& now);

} // namespace cenote::tenants
