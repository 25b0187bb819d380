#include "proxy/edge/pool_lookup.hpp"

#include <utility>

namespace cenote::proxy::edge {

namespace {

/// Lengths keep "a" + "bc" apart from "ab" + "c".
std::string name_of(std::string_view tenant, std::string_view user,
                    std::string_view database,
                    std::optional<tenants::pool_mode> mode) {
  auto out = std::string{};
  out.reserve(tenant.size() + user.size() + database.size() + 16);
  for (auto part : {tenant, user, database}) {
    out += std::to_string(part.size());
    out += ':';
    out += part;
  }
  out += mode ? static_cast<char>('0' + static_cast<int>(*mode)) : '-';
  return out;
}

} // namespace

result<pool_ticket> pool_lookup::find(tenants::catalog_ptr all,
                                      std::string_view tenant,
                                      std::string_view user,
                                      std::string_view database,
                                      std::optional<tenants::pool_mode> mode,
                                      tenants::startup_parameters startup) {
  if (of_ != all) {
    known_.clear();
    of_ = std::move(all);
  }
  const bool is_remembered = startup.empty();
  auto name = name_of(tenant, user, database, mode);
  if (auto at = known_.find(name); is_remembered && at != known_.end())
    return at->second;
  auto spec
    = tenants::resolve(*of_, tenant, user, database, mode, std::move(startup));
  if (!spec)
    return spec.error();
  auto shared = std::make_shared<const tenants::pool_spec>(std::move(*spec));
  auto quotas = quotas_.client_quotas_of(*shared, user);
  if (!is_remembered)
    return pool_ticket{std::move(shared), std::move(quotas)};
  if (known_.size() >= remembered_max)
    known_.clear();
  auto& made = known_[std::move(name)];
  made = pool_ticket{std::move(shared), std::move(quotas)};
  return made;
}

} // namespace cenote::proxy::edge
