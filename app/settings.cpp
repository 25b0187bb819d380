#include "app/settings.hpp"

#include <sched.h>

#include <algorithm>
#include <utility>

namespace cenote::app {

namespace {

proxy::edge::client_tls client_tls_of(configs::client_tls mode) noexcept {
  switch (mode) {
    case configs::client_tls::disable:
      return proxy::edge::client_tls::disable;
    case configs::client_tls::allow:
      return proxy::edge::client_tls::allow;
    case configs::client_tls::require:
      return proxy::edge::client_tls::require;
  }
  return proxy::edge::client_tls::disable;
}

} // namespace

configs::load_options load_options_of(std::uint64_t version) {
  auto out = configs::load_options{};
  out.version = version;
  out.judge = {net::check_certificate, net::check_key, net::check_authorities};
  return out;
}

result<proxy::edge::edge_settings>
edge_settings_of(const configs::config& from) {
  proxy::edge::edge_settings out;
  out.tls = client_tls_of(from.tls.mode);
  out.login_time_max = from.process.client_login_timeout;
  out.logins_max = from.process.logins_max;
  for (auto& user : from.admin.users)
    out.admins.push_back(
      {user.name, user.password, user.role == configs::admin_role::admin});
  if (out.tls == proxy::edge::client_tls::disable)
    return out;
  net::tls_accept_options options;
  options.certificate_file = from.tls.certificate_file;
  options.key_file = from.tls.key_file;
  auto context = net::make_accepting_tls(options);
  if (!context)
    return failure{ec::config_unreadable,
                   "tls.client: " + context.error().detail};
  out.certificate = std::move(*context);
  return out;
}

std::vector<proxy::edge::listener_settings>
listeners_of(const configs::config& from) {
  std::vector<proxy::edge::listener_settings> out;
  for (auto& one : from.listeners)
    out.push_back(
      {one.unix_socket_dir.empty() ? one.address : one.unix_socket_dir,
       one.port,
       one.mode,
       {static_cast<int>(one.backlog), one.unix_socket_mode}});
  return out;
}

std::size_t shard_count_of(const configs::config& from) {
  if (from.process.shards > 0)
    return from.process.shards;
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0)
    return 1;
  return static_cast<std::size_t>(std::max(1, CPU_COUNT(&allowed)));
}

} // namespace cenote::app
