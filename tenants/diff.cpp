#include "tenants/diff.hpp"

#include <map>
#include <string_view>
#include <utility>

namespace cenote::tenants {

namespace {

/// Everything but the limits and options.
bool same_target(const database& a, const database& b) {
  return a.host == b.host && a.port == b.port
      && a.server_database == b.server_database
      && a.server_user == b.server_user
      && a.server_password == b.server_password && a.tls == b.tls;
}

bool same_key(const user& a, const user& b) {
  return a.password == b.password && auth_method(a) == auth_method(b);
}

template <class T, class Same>
void compare(const std::vector<T>& before, const std::vector<T>& after,
             Same same, std::vector<std::string>& added,
             std::vector<std::string>& removed,
             std::vector<std::string>& replaced,
             std::vector<std::string>& retuned) {
  auto old_by_name = std::map<std::string_view, const T*>{};
  for (const auto& item : before)
    old_by_name.emplace(item.name, &item);
  auto new_by_name = std::map<std::string_view, const T*>{};
  for (const auto& item : after)
    new_by_name.emplace(item.name, &item);
  for (auto [name, item] : new_by_name) {
    auto at = old_by_name.find(name);
    if (at == old_by_name.end())
      added.emplace_back(name);
    else if (!same(*at->second, *item))
      replaced.emplace_back(name);
    else if (*at->second != *item)
      retuned.emplace_back(name);
  }
  for (auto [name, item] : old_by_name)
    if (!new_by_name.contains(name))
      removed.emplace_back(name);
}

tenant_change compare(const tenant& before, const tenant& after) {
  auto out = tenant_change{};
  out.id = after.id;
  out.limits_changed = before.clients_max != after.clients_max
                    || before.servers_max != after.servers_max
                    || before.pools_max != after.pools_max
                    || before.options != after.options
                    || before.sni_hostnames != after.sni_hostnames;
  compare(before.databases, after.databases, same_target, out.databases_added,
          out.databases_removed, out.databases_retargeted,
          out.databases_retuned);
  compare(before.users, after.users, same_key, out.users_added,
          out.users_removed, out.users_rekeyed, out.users_retuned);
  return out;
}

} // namespace

catalog_diff diff(const catalog& before, const catalog& after) {
  auto out = catalog_diff{};
  out.node_changed = before.defaults() != after.defaults()
                  || before.limits() != after.limits();
  for (const auto& [id, now] : after.tenants()) {
    auto was = before.find(id);
    if (was == nullptr) {
      out.added.push_back(id);
      continue;
    }
    if (was == now || *was == *now)
      continue;
    auto change = compare(*was, *now);
    // The order of databases or users means nothing.
    auto nothing = tenant_change{};
    nothing.id = id;
    if (change != nothing)
      out.changed.push_back(std::move(change));
  }
  for (const auto& [id, was] : before.tenants())
    if (after.find(id) == nullptr)
      out.removed.push_back(id);
  return out;
}

pool_update effect_on(const pool_spec& running, const catalog& now) {
  auto next = resolve(now, running.key);
  if (!next)
    return {pool_effect::gone, running};
  auto effect = pool_effect::none;
  if (next->target != running.target)
    effect = pool_effect::target;
  else if (next->settings != running.settings)
    effect = pool_effect::settings;
  return {effect, std::move(*next)};
}

} // namespace cenote::tenants
