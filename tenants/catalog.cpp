#include "tenants/catalog.hpp"

#include <algorithm>
#include <utility>

#include "base/assert.hpp"

namespace cenote::tenants {

namespace {

/// Host names compare without case (RFC 4343) and without the root's dot.
std::string fold_host(std::string_view host) {
  if (host.ends_with('.'))
    host.remove_suffix(1);
  auto folded = std::string{host};
  std::transform(folded.begin(), folded.end(), folded.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return folded;
}

} // namespace

catalog::catalog(std::vector<tenant> all, pool_options defaults,
                 node_limits limits, std::uint64_t version)
  : version_{version},
    defaults_{std::move(defaults)},
    limits_{limits} {
  for (auto& item : all) {
    auto id = item.id;
    auto [at, fresh]
      = tenants_.try_emplace(id, std::make_shared<tenant>(std::move(item)));
    if (!fresh)
      continue;
    for (const auto& host : at->second->sni_hostnames)
      id_by_sni_.try_emplace(fold_host(host), id);
  }
}

std::shared_ptr<const tenant> catalog::find(std::string_view id) const {
  auto at = tenants_.find(id);
  return at == tenants_.end() ? nullptr : at->second;
}

std::shared_ptr<const tenant>
catalog::find_by_sni(std::string_view host) const {
  auto at = id_by_sni_.find(fold_host(host));
  return at == id_by_sni_.end() ? nullptr : find(at->second);
}

catalog_cell::catalog_cell()
  : catalog_cell{std::make_shared<const catalog>()} {
  // nop
}

catalog_cell::catalog_cell(catalog_ptr first)
  : current_{std::move(first)} {
  CENOTE_ASSERT(current_ != nullptr);
}

catalog_ptr catalog_cell::load() const {
  auto guard = std::lock_guard{mutex_};
  return current_;
}

catalog_ptr catalog_cell::exchange(catalog_ptr next) {
  CENOTE_ASSERT(next != nullptr);
  auto guard = std::lock_guard{mutex_};
  return std::exchange(current_, std::move(next));
}

} // namespace cenote::tenants
