#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/result.hpp"
#include "proxy/edge/quota_book.hpp"
#include "tenants/catalog.hpp"
#include "tenants/pool_spec.hpp"

namespace cenote::proxy::edge {

/// Where the clients of one user and database belong.
struct pool_ticket {
  std::shared_ptr<const tenants::pool_spec> spec;
  client_quotas quotas;
};

/// `tenants::resolve`, remembered: clients of one kind come again and again.
/// For who is authenticated only, so that strangers cannot fill it. Edge
/// thread.
class pool_lookup {
public:
  explicit pool_lookup(quota_book& quotas) noexcept
    : quotas_{quotas} {
    // nop
  }

  /// Fails like `tenants::resolve`. Forgets everything with a new catalog.
  /// Replication connections (`startup`) are few and not remembered.
  [[nodiscard]] result<pool_ticket>
  find(tenants::catalog_ptr all, std::string_view tenant, std::string_view user,
       std::string_view database, std::optional<tenants::pool_mode> mode,
       tenants::startup_parameters startup = {});

private:
  /// Beyond it memory starts over.
  static constexpr std::size_t remembered_max = 20'000;

  quota_book& quotas_;
  tenants::catalog_ptr of_;
  std::unordered_map<std::string, pool_ticket> known_;
};

} // namespace cenote::proxy::edge
