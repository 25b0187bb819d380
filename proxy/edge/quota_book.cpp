#include "proxy/edge/quota_book.hpp"

#include <array>
#include <map>
#include <mutex>
#include <utility>

#include "base/limits.hpp"

namespace cenote::proxy::edge {

namespace {

quota::count limit_of(std::uint32_t configured) noexcept {
  return configured == 0 ? quota::unlimited : configured;
}

/// Passes a returned unit on to whoever listens now. Kept alive by the quotas.
struct bell {
  std::mutex guard;
  std::shared_ptr<quota_listener> listener;

  static void ring(void* context, quota& which) noexcept {
    auto* self = static_cast<bell*>(context);
    auto who = std::shared_ptr<quota_listener>{};
    {
      auto lock = std::lock_guard{self->guard};
      who = self->listener;
    }
    if (who)
      who->unit_returned(which);
  }
};

using key_parts = std::array<std::string, 2>;

std::string host_name(const tenants::server_target& target) {
  return target.host + ':' + std::to_string(target.port);
}

/// Forgets what nobody but the map knows and nobody uses.
template <class Map, class IsIdle>
void prune(Map& map, IsIdle is_idle) {
  std::erase_if(map, [&](const auto& each) {
    return each.second.use_count() == 1 && is_idle(each.second);
  });
}

bool is_idle(const quota_ptr& one) {
  return one.use_count() == 1 && one->used() == 0;
}

bool is_idle_shared(const shared_quota_ptr& one) {
  return is_idle(one->units);
}

} // namespace

struct quota_book::impl {
  std::mutex guard;
  std::shared_ptr<bell> hook = std::make_shared<bell>();
  tenants::node_limits limits;

  quota_ptr node_clients;
  shared_quota_ptr node_servers;
  std::map<std::string, quota_ptr> tenant_clients;
  std::map<key_parts, quota_ptr> database_clients;
  std::map<key_parts, quota_ptr> user_clients;
  std::map<tenants::pool_key, quota_ptr> pool_servers;
  std::map<std::string, shared_quota_ptr> tenant_servers;
  std::map<key_parts, shared_quota_ptr> database_servers;
  std::map<std::string, shared_quota_ptr> host_servers;
  std::map<std::string, shared_quota_ptr> host_logins;

  impl() {
    node_clients = make_quota("node clients", limit_of(limits.clients_max),
                              ec::too_many_clients);
    node_servers = make_shared_quota("node servers", limits.servers_max);
  }

  shared_quota_ptr make_shared_quota(std::string name,
                                     std::uint32_t limit) const {
    auto made = std::make_shared<shared_quota>();
    made->units = make_quota(std::move(name), limit_of(limit), ec::server_limit,
                             {&bell::ring, hook});
    return made;
  }

  template <class Map>
  quota_ptr clients(Map& map, const typename Map::key_type& key,
                    std::string name, std::uint32_t limit, ec full) {
    auto& one = map[key];
    if (!one)
      one = make_quota(std::move(name), limit_of(limit), full);
    else if (one->limit() != limit_of(limit))
      one->set_limit(limit_of(limit));
    return one;
  }

  template <class Map>
  shared_quota_ptr servers(Map& map, const typename Map::key_type& key,
                           std::string name, std::uint32_t limit) {
    auto& one = map[key];
    if (!one)
      one = make_shared_quota(std::move(name), limit);
    else if (one->units->limit() != limit_of(limit))
      one->units->set_limit(limit_of(limit));
    return one;
  }
};

quota_book::quota_book()
  : impl_{std::make_unique<impl>()} {
  // nop
}

quota_book::~quota_book() = default;

client_quotas quota_book::client_quotas_of(const tenants::pool_spec& spec,
                                           std::string_view user) {
  const auto& tenant = spec.key.tenant;
  const auto& database = spec.key.database;
  const auto& settings = spec.settings;
  auto who = std::string{user};
  auto lock = std::lock_guard{impl_->guard};
  return client_quotas{{
    impl_->clients(impl_->user_clients, {tenant, who},
                   "user " + tenant + "/" + who + " clients",
                   spec.user_clients_max, ec::too_many_clients_user),
    impl_->clients(impl_->database_clients, {tenant, database},
                   "database " + tenant + "/" + database + " clients",
                   settings.database_clients_max, ec::too_many_clients_tenant),
    impl_->clients(impl_->tenant_clients, tenant,
                   "tenant " + tenant + " clients", settings.tenant_clients_max,
                   ec::too_many_clients_tenant),
    impl_->node_clients,
  }};
}

result<quota_units> quota_book::take(const client_quotas& from) {
  auto taken = quota_units::take(from);
  if (!taken)
    return failure{taken.full->when_full(), taken.full->name()};
  return std::move(taken.units);
}

server_quotas quota_book::quotas_of(const tenants::pool_spec& spec) {
  const auto& tenant = spec.key.tenant;
  const auto& database = spec.key.database;
  const auto& settings = spec.settings;
  auto host = host_name(spec.target);
  auto lock = std::lock_guard{impl_->guard};
  auto found = server_quotas{};
  found.pool = impl_->clients(impl_->pool_servers, spec.key,
                              "pool " + to_string(spec.key) + " servers",
                              settings.pool_size, ec::server_limit);
  found.shared = {
    impl_->servers(impl_->database_servers, {tenant, database},
                   "database " + tenant + "/" + database + " servers",
                   settings.database_servers_max),
    impl_->servers(impl_->tenant_servers, tenant,
                   "tenant " + tenant + " servers",
                   settings.tenant_servers_max),
    impl_->servers(impl_->host_servers, host, "host " + host + " servers",
                   settings.host_servers_max),
    impl_->node_servers,
  };
  found.logins
    = impl_->servers(impl_->host_logins, host, "host " + host + " logins",
                     limits::server_logins_per_host_max);
  return found;
}

void quota_book::apply(const tenants::catalog& now) {
  auto lock = std::lock_guard{impl_->guard};
  auto& all = *impl_;
  all.limits = now.limits();
  all.node_clients->set_limit(limit_of(all.limits.clients_max));
  all.node_servers->units->set_limit(limit_of(all.limits.servers_max));
  for (auto& [host, one] : all.host_servers)
    one->units->set_limit(limit_of(all.limits.host_servers_max));
  for (const auto& [id, tenant] : now.tenants()) {
    if (auto at = all.tenant_clients.find(id); at != all.tenant_clients.end())
      at->second->set_limit(limit_of(tenant->clients_max));
    if (auto at = all.tenant_servers.find(id); at != all.tenant_servers.end())
      at->second->units->set_limit(limit_of(tenant->servers_max));
  }
  for (auto& [key, one] : all.user_clients)
    if (auto tenant = now.find(key[0]))
      if (const auto* user = tenant->find_user(key[1]))
        one->set_limit(limit_of(user->clients_max));
  for (auto& [key, one] : all.database_clients)
    if (auto tenant = now.find(key[0]))
      if (const auto* database = tenant->find_database(key[1]))
        one->set_limit(limit_of(database->clients_max));
  for (auto& [key, one] : all.database_servers)
    if (auto tenant = now.find(key[0]))
      if (const auto* database = tenant->find_database(key[1]))
        one->units->set_limit(limit_of(database->servers_max));
  prune(all.tenant_clients, is_idle);
  prune(all.database_clients, is_idle);
  prune(all.user_clients, is_idle);
  prune(all.pool_servers, is_idle);
  prune(all.tenant_servers, is_idle_shared);
  prune(all.database_servers, is_idle_shared);
  prune(all.host_servers, is_idle_shared);
  prune(all.host_logins, is_idle_shared);
}

void quota_book::listen(std::shared_ptr<quota_listener> who) {
  auto lock = std::lock_guard{impl_->hook->guard};
  impl_->hook->listener.swap(who);
}

quota::count quota_book::node_clients() const noexcept {
  return impl_->node_clients->used();
}

quota::count quota_book::node_servers() const noexcept {
  return impl_->node_servers->units->used();
}

} // namespace cenote::proxy::edge
