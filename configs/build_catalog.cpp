#include <algorithm>
#include <set>
#include <utility>

#include "configs/build.hpp"
#include "configs/units.hpp"

namespace cenote::configs {

namespace {

/// NAMEDATALEN - 1: PostgreSQL cuts longer names, and two could become one.
constexpr auto name_bytes_max = std::size_t{63};

void check_name(const section& from, std::string_view key,
                const std::string& name) {
  if (name.size() > name_bytes_max)
    from.error(ec::config_bad_value, key, "longer than 63 bytes");
}

bool is_host_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
      || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
}

void check_host(const section& from, const std::string& host) {
  if (host.starts_with('/'))
    return;
  if (std::count(host.begin(), host.end(), ':') == 1)
    from.error(ec::config_bad_value, "host",
               "holds a port; write it as \"port\"");
  else if (!std::all_of(host.begin(), host.end(), [](char c) {
             return is_host_character(c) || c == ':' || c == '%';
           }))
    from.error(ec::config_bad_value, "host",
               "not one host name, address or absolute path");
}

void check_database_tls(const section& from, const tenants::database& made) {
  using tenants::server_tls;
  auto mode = made.tls.mode;
  if (mode == server_tls::verify_ca || mode == server_tls::verify_full) {
    if (!from.has("tls_ca"))
      from.error(ec::config_contradiction, "tls",
                 "\"" + std::string{name(mode)} + "\" needs \"tls_ca\"");
  }
  if (from.has("tls_certificate") != from.has("tls_key"))
    from.error(ec::config_contradiction,
               from.has("tls_key") ? "tls_key" : "tls_certificate",
               "\"tls_certificate\" and \"tls_key\" come together");
  if (made.host.starts_with('/') && mode != server_tls::disable
      && mode != server_tls::prefer)
    from.error(ec::config_contradiction, "tls",
               "PostgreSQL speaks no TLS on a unix socket");
}

void check_server_role(const section& from, const tenants::database& made) {
  if (from.has("password") && !from.has("user"))
    from.error(ec::config_contradiction, "password",
               "only together with \"user\", the role it belongs to");
  if (std::holds_alternative<tenants::scram_verifier>(made.server_password))
    from.error(ec::config_contradiction, "password",
               "nobody can log in to a server with a SCRAM verifier; give the "
               "password itself");
}

tenants::database build_database(const section& from, references& refs) {
  auto out = tenants::database{};
  from.read("name", out.name);
  from.read("host", out.host);
  from.read("port", out.port);
  from.read("dbname", out.server_database);
  from.read("user", out.server_user);
  if (auto found = refs.password(from, "password"))
    out.server_password = std::move(*found);
  from.read_word("tls", out.tls.mode, tenants::parse_server_tls);
  const auto has_tls = out.tls.mode != tenants::server_tls::disable;
  refs.authorities(from, {"tls_ca", out.tls.ca_file}, has_tls);
  refs.identity(from, {"tls_certificate", out.tls.certificate_file},
                {"tls_key", out.tls.key_file}, has_tls);
  from.read("max_clients", out.clients_max);
  from.read("max_servers", out.servers_max);
  read_pool_options(from, out.options);
  check_name(from, "name", out.name);
  check_name(from, "dbname", out.server_database);
  check_name(from, "user", out.server_user);
  check_host(from, out.host);
  check_database_tls(from, out);
  check_server_role(from, out);
  if (out.name == "pgbouncer")
    from.error(ec::config_contradiction, "name",
               "\"pgbouncer\" is the admin console");
  return out;
}

void check_user_auth(const section& from, const tenants::user& made) {
  using tenants::client_auth;
  auto is_md5 = std::holds_alternative<tenants::md5_hash>(made.password);
  auto is_scram
    = std::holds_alternative<tenants::scram_verifier>(made.password);
  // A malformed "auth" is reported already; then nothing is known about it.
  auto auth_unknown = from.has("auth") && !made.auth;
  if (!from.has("password") && made.auth != client_auth::trust && !auth_unknown)
    from.error(ec::config_contradiction, "password",
               "missing; only auth = \"trust\" goes without");
  if (made.auth == client_auth::scram_sha_256 && is_md5)
    from.error(ec::config_contradiction, "auth",
               "SCRAM cannot be done with an md5 hash");
  if (made.auth == client_auth::md5 && is_scram)
    from.error(ec::config_contradiction, "auth",
               "md5 cannot be done with a SCRAM verifier");
}

tenants::user build_user(const section& from, references& refs) {
  auto out = tenants::user{};
  from.read("name", out.name);
  if (auto found = refs.password(from, "password"))
    out.password = std::move(*found);
  from.read_word("auth", out.auth, tenants::parse_client_auth);
  from.read("max_clients", out.clients_max);
  read_pool_options(from, out.options, false);
  check_name(from, "name", out.name);
  check_user_auth(from, out);
  return out;
}

void check_tenant_id(const section& from, const std::string& id) {
  if (id.find('.') != std::string::npos)
    from.error(ec::config_bad_value, "id",
               "must not hold a dot: clients say \"user.tenant\"");
  else if (!std::all_of(id.begin(), id.end(),
                        [](char c) { return is_host_character(c); }))
    from.error(ec::config_bad_value, "id",
               "allowed are letters, digits, \"-\" and \"_\"");
  check_name(from, "id", id);
}

void read_sni(const section& from, std::vector<std::string>& to,
              std::set<std::string>& seen) {
  from.read("sni_hostnames", to);
  for (auto& host : to) {
    host = lower_case(std::move(host));
    if (host.ends_with('.'))
      host.pop_back();
    if (host.empty()
        || !std::all_of(host.begin(), host.end(), is_host_character))
      from.error(ec::config_bad_value, "sni_hostnames",
                 "\"" + host + "\" is not a host name");
    else if (!seen.insert(host).second)
      from.error(ec::config_contradiction, "sni_hostnames",
                 "\"" + host + "\" is named twice");
  }
}

tenants::tenant build_tenant(const section& from, references& refs,
                             const tenants::pool_options& node_sizes) {
  auto out = tenants::tenant{};
  from.read("id", out.id);
  from.read("max_clients", out.clients_max);
  from.read("max_servers", out.servers_max);
  from.read("max_pools", out.pools_max);
  read_pool_options(from, out.options);
  check_tenant_id(from, out.id);
  auto sizes = check_pool_sizes(from, out.options, node_sizes);
  auto names = std::set<std::string>{};
  for (const auto& inner : from.sections("database")) {
    auto& made = out.databases.emplace_back(build_database(inner, refs));
    check_pool_sizes(inner, made.options, sizes);
    if (!made.name.empty() && !names.insert(made.name).second)
      inner.error(ec::config_contradiction, "name",
                  "another database of this tenant has the same name");
  }
  names.clear();
  for (const auto& inner : from.sections("user")) {
    auto& made = out.users.emplace_back(build_user(inner, refs));
    check_pool_sizes(inner, made.options, sizes);
    if (!made.name.empty() && !names.insert(made.name).second)
      inner.error(ec::config_contradiction, "name",
                  "another user of this tenant has the same name");
  }
  return out;
}

/// Users of the default tenant whose name reads as a user of another tenant.
void warn_shadowed_users(const section& from, const tenants::tenant& made,
                         const std::set<std::string>& ids) {
  for (const auto& user : made.users) {
    auto dot = user.name.rfind('.');
    if (dot == std::string::npos || dot == 0)
      continue;
    auto suffix = user.name.substr(dot + 1);
    if (!suffix.empty() && ids.contains(suffix))
      from.warn("user", "\"" + user.name
                          + "\" of the default tenant is hidden by tenant \""
                          + suffix + "\"");
  }
}

} // namespace

void read_pool_options(const section& from, tenants::pool_options& to,
                       bool server_times) {
  from.read_word("pool_mode", to.mode, tenants::parse_pool_mode);
  from.read("pool_size", to.pool_size);
  from.read("min_pool_size", to.min_pool_size);
  from.read("max_waiters", to.waiters_max);
  from.read("query_wait_timeout", to.query_wait_timeout);
  from.read("client_idle_timeout", to.client_idle_timeout);
  from.read("idle_transaction_timeout", to.idle_transaction_timeout);
  from.read("transaction_timeout", to.transaction_timeout);
  from.read("query_timeout", to.query_timeout);
  if (!server_times)
    return;
  from.read("lanes", to.lanes);
  from.read("server_lifetime", to.server_lifetime);
  from.read("server_idle_timeout", to.server_idle_timeout);
  from.read("server_connect_timeout", to.server_connect_timeout);
  from.read("server_login_retry", to.server_login_retry);
  from.read("pool_idle_timeout", to.pool_idle_timeout);
  from.read("server_reset_query", to.reset_query);
  from.read("max_prepared_statements", to.prepared_statements_max);
  from.read("lazy_begin", to.lazy_begin);
  from.read("max_pinned", to.pinned_max);
  from.read_word("on_pin", to.on_pin, tenants::parse_pin_policy);
  from.read_word("listen", to.listen, tenants::parse_listen_policy);
  from.read("function_watch_interval", to.function_watch_interval);
}

tenants::pool_options check_pool_sizes(const section& from,
                                       const tenants::pool_options& own,
                                       const tenants::pool_options& inherited) {
  auto out = inherited;
  if (own.pool_size)
    out.pool_size = own.pool_size;
  if (own.min_pool_size)
    out.min_pool_size = own.min_pool_size;
  auto size = out.pool_size.value_or(20);
  auto least = out.min_pool_size.value_or(0);
  // Reported where one of the two is written, not once more below.
  auto is_ours = own.pool_size || own.min_pool_size;
  if (is_ours && size != 0 && least > size)
    from.error(ec::config_contradiction,
               own.min_pool_size ? "min_pool_size" : "pool_size",
               "min_pool_size (" + std::to_string(least)
                 + ") is above pool_size (" + std::to_string(size) + ")");
  return out;
}

tenants::catalog_ptr build_catalog(const section& root, references& refs,
                                   std::uint64_t version) {
  auto defaults = tenants::pool_options{};
  auto limits = tenants::node_limits{};
  auto sizes = tenants::pool_options{};
  for (const auto& node : root.sections("cenote")) {
    read_pool_options(node, defaults);
    node.read("max_clients", limits.clients_max);
    node.read("max_servers", limits.servers_max);
    node.read("max_servers_per_host", limits.host_servers_max);
    sizes = check_pool_sizes(node, defaults, {});
  }
  auto all = std::vector<tenants::tenant>{};
  auto ids = std::set<std::string>{};
  auto hosts = std::set<std::string>{};
  auto from = root.sections("tenant");
  for (const auto& item : from) {
    auto& made = all.emplace_back(build_tenant(item, refs, sizes));
    read_sni(item, made.sni_hostnames, hosts);
    if (item.has("id") && !ids.insert(made.id).second)
      item.error(ec::config_contradiction, "id",
                 "another tenant has the same id");
  }
  for (std::size_t i = 0; i < all.size(); ++i)
    if (all[i].id.empty())
      warn_shadowed_users(from[i], all[i], ids);
  if (all.empty() && !root.has("tenant"))
    root.warn("tenant", "there is no tenant: only admin users can log in");
  return std::make_shared<const tenants::catalog>(
    std::move(all), std::move(defaults), limits, version);
}

} // namespace cenote::configs
