#include "tenants/tenant_name.hpp"

namespace cenote::tenants {

split_name split_user_name(std::string_view full) noexcept {
  auto dot = full.rfind('.');
  if (dot == std::string_view::npos || dot == 0 || dot + 1 == full.size())
    return {full, std::nullopt};
  return {full.substr(0, dot), full.substr(dot + 1)};
}

std::string_view name(tenant_source from) noexcept {
  switch (from) {
    case tenant_source::none:
      return "none";
    case tenant_source::reference:
      return "reference";
    case tenant_source::user_name:
      return "user_name";
    case tenant_source::sni:
      return "sni";
    case tenant_source::fallback:
      return "fallback";
  }
  return "invalid";
}

tenant_match find_tenant(const catalog& all, const tenant_hints& hints) {
  auto whole = std::string{hints.user};
  if (hints.reference) {
    auto found = all.find(*hints.reference);
    auto from = found ? tenant_source::reference : tenant_source::none;
    return {std::move(found), std::move(whole), std::string{*hints.reference},
            from};
  }
  auto split = split_user_name(hints.user);
  if (split.tenant) {
    if (auto found = all.find(*split.tenant))
      return {std::move(found), std::string{split.user},
              std::string{*split.tenant}, tenant_source::user_name};
  }
  if (!hints.sni_host.empty()) {
    if (auto found = all.find_by_sni(hints.sni_host)) {
      auto id = found->id;
      return {std::move(found), std::move(whole), std::move(id),
              tenant_source::sni};
    }
  }
  if (auto found = all.find(""))
    return {std::move(found), std::move(whole), {}, tenant_source::fallback};
  return {nullptr, std::move(whole), std::string{split.tenant.value_or("")},
          tenant_source::none};
}

} // namespace cenote::tenants
