#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "tenants/catalog.hpp"

/// Which tenant a client means. Pure; any thread.
namespace cenote::tenants {

/// "app.acme" is {"app", "acme"}; a name without a dot has no tenant part.
struct split_name {
  std::string_view user;
  std::optional<std::string_view> tenant;

  friend bool operator==(const split_name&, const split_name&) = default;
};

/// Splits at the last dot. A name with nothing before or nothing behind its
/// last dot (".acme", "app.") is whole. Views into `full`.
[[nodiscard]] split_name split_user_name(std::string_view full) noexcept;

/// What the client said, unchecked.
struct tenant_hints {
  std::string_view user;                     ///< Of the startup message.
  std::optional<std::string_view> reference; ///< `options=reference=<tenant>`.
  std::string_view sni_host;                 ///< Empty without SNI.
};

enum class tenant_source : std::uint8_t {
  none, ///< No tenant.
  reference,
  user_name,
  sni,
  fallback, ///< The default tenant.
};

[[nodiscard]] std::string_view name(tenant_source from) noexcept;

struct tenant_match {
  std::shared_ptr<const tenants::tenant> tenant; ///< Null: no such tenant.
  std::string user;                              ///< Within the tenant.
  std::string tenant_name; ///< What was asked for; for the log only.
  tenant_source source = tenant_source::none;
};

/// Finds the tenant. The first rule that applies decides:
///
/// 1. A `reference` is given: that tenant or none at all; the whole user name
///    is the user. An empty reference is the default tenant.
/// 2. The user name is "user.tenant" (last dot) and that tenant exists.
/// 3. The SNI host belongs to a tenant; the whole user name is the user.
/// 4. There is a default tenant (id ""); the whole user name is the user, dots
///    and all.
/// 5. None. The caller goes on with a mock authentication, so that the client
///    cannot tell an unknown tenant from an unknown user or a wrong password.
[[nodiscard]] tenant_match find_tenant(const catalog& all,
                                       const tenant_hints& hints);

} // namespace cenote::tenants
