#include "tenants/pool_spec.hpp"

#include <algorithm>
#include <utility>

namespace cenote::tenants {

namespace {

template <class T>
void override_with(T& value, const std::optional<T>& wanted) {
  if (wanted)
    value = *wanted;
}

void apply(pool_settings& to, const pool_options& from) {
  override_with(to.mode, from.mode);
  override_with(to.pool_size, from.pool_size);
  override_with(to.min_pool_size, from.min_pool_size);
  override_with(to.lanes, from.lanes);
  override_with(to.waiters_max, from.waiters_max);
  override_with(to.query_wait_timeout, from.query_wait_timeout);
  override_with(to.server_lifetime, from.server_lifetime);
  override_with(to.server_idle_timeout, from.server_idle_timeout);
  override_with(to.server_connect_timeout, from.server_connect_timeout);
  override_with(to.server_login_retry, from.server_login_retry);
  override_with(to.client_idle_timeout, from.client_idle_timeout);
  override_with(to.idle_transaction_timeout, from.idle_transaction_timeout);
  override_with(to.transaction_timeout, from.transaction_timeout);
  override_with(to.query_timeout, from.query_timeout);
  override_with(to.pool_idle_timeout, from.pool_idle_timeout);
  override_with(to.reset_query, from.reset_query);
  override_with(to.prepared_statements_max, from.prepared_statements_max);
  override_with(to.lazy_begin, from.lazy_begin);
  override_with(to.pinned_max, from.pinned_max);
  override_with(to.on_pin, from.on_pin);
  override_with(to.listen, from.listen);
  override_with(to.function_watch_interval, from.function_watch_interval);
}

/// Where the parts of a pool come from. `role` may be null: a forced role that
/// is no user of the tenant.
struct parts {
  const catalog& all;
  const tenant& owner;
  const database& where;
  const user* role;
};

pool_settings settings_of(const parts& of) {
  auto out = pool_settings{};
  apply(out, of.all.defaults());
  apply(out, of.owner.options);
  apply(out, of.where.options);
  if (of.role != nullptr)
    apply(out, of.role->options);
  // The levels are checked one by one, so a large minimum of one can meet a
  // small size of another.
  if (out.pool_size != 0 && out.min_pool_size > out.pool_size)
    out.min_pool_size = out.pool_size;
  out.tenant_clients_max = of.owner.clients_max;
  out.tenant_servers_max = of.owner.servers_max;
  out.tenant_pools_max = of.owner.pools_max;
  out.database_clients_max = of.where.clients_max;
  out.database_servers_max = of.where.servers_max;
  out.host_servers_max = of.all.limits().host_servers_max;
  return out;
}

server_target target_of(const parts& of, std::string_view user_name,
                        std::string_view database_name) {
  auto out = server_target{};
  out.host = of.where.host;
  out.port = of.where.port;
  out.database = of.where.server_database.empty() ? std::string{database_name}
                                                  : of.where.server_database;
  out.user = std::string{user_name};
  if (!std::holds_alternative<no_credential>(of.where.server_password))
    out.password = of.where.server_password;
  else if (of.role != nullptr)
    out.password = of.role->password;
  out.tls = of.where.tls;
  return out;
}

/// A stream of changes is one query that never ends. A walsender that waits for
/// a client takes one of few places, so it does not wait for long; nor does a
/// pool that perhaps only one client could use. Who is refused because all
/// places are taken tries again soon.
void suit_replication(pool_settings& what) {
  using std::chrono::seconds;
  constexpr auto spare_time_max = seconds{10};
  constexpr auto retry_time_max = pool_settings::ms{1000};
  what.min_pool_size = 0;
  what.lanes = 1; // Its servers serve one client each.
  what.query_timeout = what.transaction_timeout = {};
  what.idle_transaction_timeout = {};
  what.server_idle_timeout = spare_time_max;
  what.pool_idle_timeout = spare_time_max;
  what.server_login_retry = std::min(what.server_login_retry, retry_time_max);
}

pool_spec assemble(const parts& of, pool_key key) {
  auto out = pool_spec{};
  out.target = target_of(of, key.user, key.database);
  out.settings = settings_of(of);
  out.settings.mode = key.mode;
  if (key.is_replication()) {
    out.target.startup = key.startup;
    suit_replication(out.settings);
  }
  out.key = std::move(key);
  return out;
}

bool forces_role(const database& where) noexcept {
  return !where.server_user.empty();
}

} // namespace

std::string to_string(const pool_key& key) {
  auto out = std::string{};
  out.reserve(key.tenant.size() + key.user.size() + key.database.size() + 14);
  out += key.tenant;
  out += '/';
  out += key.user;
  out += '/';
  out += key.database;
  out += '/';
  out += kind(key);
  return out;
}

std::string_view kind(const pool_key& key) noexcept {
  return key.is_replication() ? "replication" : name(key.mode);
}

std::string_view replication_kind(const pool_key& key) noexcept {
  if (!key.is_replication())
    return "none";
  return key.startup.front().second == "database" ? "logical" : "physical";
}

result<pool_spec> resolve(const catalog& all, std::string_view tenant_id,
                          std::string_view user_name,
                          std::string_view database_name,
                          std::optional<pool_mode> listener_mode,
                          startup_parameters startup) {
  auto owner = all.find(tenant_id);
  if (owner == nullptr)
    return failure{ec::unknown_tenant, std::string{tenant_id}};
  auto* who = owner->find_user(user_name);
  if (who == nullptr)
    return failure{ec::unknown_user, std::string{user_name}};
  auto* where = owner->find_database(database_name);
  if (where == nullptr)
    return failure{ec::unknown_database, std::string{database_name}};
  auto mode = pool_settings{}.mode;
  override_with(mode, all.defaults().mode);
  override_with(mode, owner->options.mode);
  override_with(mode, where->options.mode);
  override_with(mode, who->options.mode);
  override_with(mode, listener_mode);
  if (!startup.empty() && mode != pool_mode::session)
    return failure{ec::replication_not_supported, std::string{name(mode)}};
  auto forced = forces_role(*where);
  auto key = pool_key{owner->id, forced ? where->server_user : who->name,
                      std::string{database_name}, mode, std::move(startup)};
  auto* role = forced ? owner->find_user(where->server_user) : who;
  auto out = assemble({all, *owner, *where, role}, std::move(key));
  out.user_clients_max = who->clients_max;
  return out;
}

result<pool_spec> resolve(const catalog& all, const pool_key& key) {
  auto owner = all.find(key.tenant);
  if (owner == nullptr)
    return failure{ec::unknown_tenant, key.tenant};
  auto* where = owner->find_database(key.database);
  if (where == nullptr)
    return failure{ec::unknown_database, key.database};
  auto* role = owner->find_user(key.user);
  if (forces_role(*where) ? where->server_user != key.user : role == nullptr)
    return failure{ec::unknown_user, key.user};
  auto out = assemble({all, *owner, *where, role}, key);
  if (role != nullptr)
    out.user_clients_max = role->clients_max;
  return out;
}

} // namespace cenote::tenants

std::size_t std::hash<cenote::tenants::pool_key>::operator()(
  const cenote::tenants::pool_key& key) const noexcept {
  auto text = std::hash<std::string>{};
  auto mix = [](std::size_t seed, std::size_t value) {
    return seed ^ (value + 0x9e3779b97f4a7c15ull + (seed << 6) + (seed >> 2));
  };
  auto out = text(key.tenant);
  out = mix(out, text(key.user));
  out = mix(out, text(key.database));
  for (const auto& [name, value] : key.startup)
    out = mix(mix(out, text(name)), text(value));
  return mix(out, static_cast<std::size_t>(key.mode));
}
