#include "actors/admin_types.hpp"

#include <algorithm>

#include "tenants/catalog.hpp"

namespace cenote::actors {

std::string_view name(admin_verb verb) noexcept {
  switch (verb) {
    case admin_verb::version:
      return "version";
    case admin_verb::show_pools:
      return "show pools";
    case admin_verb::show_tenants:
      return "show tenants";
    case admin_verb::show_paused:
      return "show paused";
    case admin_verb::pause:
      return "pause";
    case admin_verb::resume:
      return "resume";
    case admin_verb::reconnect:
      return "reconnect";
    case admin_verb::kill:
      return "kill";
    case admin_verb::reload:
      return "reload";
    case admin_verb::terminate:
      return "terminate";
    case admin_verb::drain:
      return "drain";
    case admin_verb::shutdown:
      return "shutdown";
    case admin_verb::unpause:
      return "unpause";
  }
  return "unknown";
}

namespace {

/// Whether a client of `tenant` could ask for a database that `target` names. A
/// dot stands behind a tenant's id, or there are no wrong ones left.
bool may_be_any(std::string_view target, std::string_view tenant) noexcept {
  const auto dot = target.find('.');
  if (dot == std::string_view::npos)
    return !target.empty() && target != "*";
  const auto rest = target.substr(std::min(tenant.size() + 1, target.size()));
  return matches(target, tenant, rest) && !rest.empty() && rest != "*";
}

} // namespace

bool matches(std::string_view target, std::string_view tenant,
             std::string_view database) noexcept {
  if (target.empty() || target == database)
    return true;
  if (target.size() <= tenant.size() || !target.starts_with(tenant)
      || target[tenant.size()] != '.')
    return false;
  auto rest = target.substr(tenant.size() + 1);
  return rest.empty() || rest == database;
}

bool names_database(const tenants::catalog& all, std::string_view target) {
  return std::ranges::any_of(all.tenants(), [target](const auto& each) {
    const auto& [id, tenant] = each;
    return target == id + '.'
        || std::ranges::any_of(tenant->databases, [&](const auto& database) {
             return database.name == "*" ? may_be_any(target, id)
                                         : matches(target, id, database.name);
           });
  });
}

} // namespace cenote::actors
