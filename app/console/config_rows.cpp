#include <chrono>
#include <string>
#include <string_view>
#include <utility>

#include "app/console/tables.hpp"
#include "configs/schema.hpp"

namespace cenote::app {

namespace {

using namespace std::string_literals;
using ms = std::chrono::milliseconds;

/// PgBouncer counts in seconds, with a fraction where there is one.
std::string seconds(ms value) {
  auto out = std::to_string(value.count() / 1000);
  if (auto rest = value.count() % 1000; rest != 0) {
    auto digits = std::to_string(1000 + rest);
    out += '.' + digits.substr(1);
  }
  return out;
}

/// As one would write it in the file.
std::string written(ms value) {
  if (value.count() == 0)
    return "0";
  return value.count() % 1000 == 0 ? std::to_string(value.count() / 1000) + "s"
                                   : std::to_string(value.count()) + "ms";
}

std::string_view name(log::level at) noexcept {
  switch (at) {
    case log::level::debug:
      return "debug";
    case log::level::info:
      return "info";
    case log::level::warn:
      return "warn";
    case log::level::error:
      return "error";
    case log::level::off:
      return "off";
  }
  return "";
}

std::string users_of(const configs::config& of, configs::admin_role role) {
  auto out = std::string{};
  for (const auto& who : of.admin.users)
    if (who.role == role)
      out += (out.empty() ? "" : ", ") + who.name;
  return out;
}

/// PgBouncer's settings that cenote has, under PgBouncer's names.
void add_known_names(std::vector<config_row>& to, const configs::config& of) {
  const auto& options = of.catalog->defaults();
  const auto base = tenants::pool_settings{};
  const auto pick_time = [&](auto option, auto setting) {
    return seconds(options.*option ? *(options.*option) : base.*setting);
  };
  const auto time = [&](std::string key, auto option, auto setting) {
    to.push_back(
      {std::move(key), pick_time(option, setting), seconds(base.*setting)});
  };
  const auto count = [&](std::string key, auto option, auto setting) {
    to.push_back({std::move(key),
                  std::to_string((options.*option).value_or(base.*setting)),
                  std::to_string(base.*setting), true});
  };
  using option = tenants::pool_options;
  using setting = tenants::pool_settings;
  to.push_back(
    {"admin_users", users_of(of, configs::admin_role::admin), "", true});
  time("client_idle_timeout", &option::client_idle_timeout,
       &setting::client_idle_timeout);
  to.push_back({"client_login_timeout",
                seconds(of.process.client_login_timeout), "60", true});
  to.push_back(
    {"client_tls_sslmode", std::string{name(of.tls.mode)}, "disable", true});
  count("default_pool_size", &option::pool_size, &setting::pool_size);
  time("idle_transaction_timeout", &option::idle_transaction_timeout,
       &setting::idle_transaction_timeout);
  count("lanes", &option::lanes, &setting::lanes);
  const auto first
    = of.listeners.empty() ? configs::listener{} : of.listeners.front();
  to.push_back({"listen",
                std::string{name(options.listen.value_or(base.listen))},
                std::string{name(base.listen)}, true});
  to.push_back({"listen_addr", first.address, "", false});
  to.push_back(
    {"listen_backlog", std::to_string(first.backlog), "1024", false});
  to.push_back({"listen_port", std::to_string(first.port), "", false});
  const auto& limits = of.catalog->limits();
  to.push_back({"max_client_conn", std::to_string(limits.clients_max),
                std::to_string(tenants::node_limits{}.clients_max), true});
  count("max_pinned", &option::pinned_max, &setting::pinned_max);
  count("max_prepared_statements", &option::prepared_statements_max,
        &setting::prepared_statements_max);
  count("min_pool_size", &option::min_pool_size, &setting::min_pool_size);
  to.push_back({"on_pin",
                std::string{name(options.on_pin.value_or(base.on_pin))},
                std::string{name(base.on_pin)}, true});
  to.push_back({"pool_mode",
                std::string{name(options.mode.value_or(base.mode))},
                std::string{name(base.mode)}, true});
  time("query_timeout", &option::query_timeout, &setting::query_timeout);
  time("query_wait_timeout", &option::query_wait_timeout,
       &setting::query_wait_timeout);
  time("server_connect_timeout", &option::server_connect_timeout,
       &setting::server_connect_timeout);
  time("server_idle_timeout", &option::server_idle_timeout,
       &setting::server_idle_timeout);
  time("server_lifetime", &option::server_lifetime, &setting::server_lifetime);
  time("server_login_retry", &option::server_login_retry,
       &setting::server_login_retry);
  to.push_back({"server_reset_query",
                options.reset_query.value_or(base.reset_query),
                base.reset_query, true});
  to.push_back(
    {"stats_users", users_of(of, configs::admin_role::stats), "", true});
  time("transaction_timeout", &option::transaction_timeout,
       &setting::transaction_timeout);
}

/// The default of a key of [cenote] as the schema has it, without quotes.
std::string fallback_of(std::string_view key) {
  const auto* section = configs::root_section().find_section("cenote");
  const auto* rule = section == nullptr ? nullptr : section->find_key(key);
  auto out = std::string{rule == nullptr ? "" : rule->fallback};
  std::erase(out, '"');
  return out;
}

void add_own_names(std::vector<config_row>& to, const configs::config& of) {
  const auto own = [&to](std::string_view key, std::string value,
                         bool is_changeable = true) {
    to.push_back({"cenote."s + std::string{key}, std::move(value),
                  fallback_of(key), is_changeable});
  };
  const auto& process = of.process;
  const auto& limits = of.catalog->limits();
  own("shards", process.shards == 0 ? "auto"s : std::to_string(process.shards),
      false);
  own("engine", std::string{name(process.engine)}, false);
  own("max_clients", std::to_string(limits.clients_max));
  own("max_servers", std::to_string(limits.servers_max));
  own("max_servers_per_host", std::to_string(limits.host_servers_max));
  own("max_logins", std::to_string(process.logins_max));
  own("cancel_wait_timeout", written(process.cancel_wait_timeout));
  own("drain_timeout", written(process.drain_timeout));
  const auto& options = of.catalog->defaults();
  own("function_watch_interval",
      written(options.function_watch_interval.value_or(
        tenants::pool_settings{}.function_watch_interval)));
  own("lazy_begin", options.lazy_begin.value_or(false) ? "true" : "false");
  to.push_back(
    {"cenote.log.level", std::string{name(process.log.level)}, "info", true});
  to.push_back({"cenote.log.format",
                process.log.format == log::format::json ? "json" : "text",
                "text", true});
  to.push_back({"admin.http",
                of.admin.http ? of.admin.http->host + ":"
                                  + std::to_string(of.admin.http->port)
                              : "",
                "", false});
  to.push_back({"admin.socket", of.admin.socket, "", false});
}

} // namespace

std::vector<config_row> config_rows(const configs::config& of) {
  auto out = std::vector<config_row>{};
  add_known_names(out, of);
  add_own_names(out, of);
  return out;
}

} // namespace cenote::app
