#include "configs/build.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "configs/places.hpp"
#include "configs/units.hpp"

namespace cenote::configs {

namespace {

std::optional<log::level> parse_level(std::string_view word) {
  if (word == "debug")
    return log::level::debug;
  if (word == "info")
    return log::level::info;
  if (word == "warn")
    return log::level::warn;
  if (word == "error")
    return log::level::error;
  if (word == "off")
    return log::level::off;
  return std::nullopt;
}

std::optional<log::format> parse_format(std::string_view word) {
  if (word == "text")
    return log::format::text;
  if (word == "json")
    return log::format::json;
  return std::nullopt;
}

template <class Enum>
std::optional<Enum> one_of(std::string_view word,
                           std::initializer_list<Enum> all) {
  for (auto value : all)
    if (name(value) == word)
      return value;
  return std::nullopt;
}

std::optional<engine_choice> parse_engine(std::string_view word) {
  return one_of(word, {engine_choice::automatic, engine_choice::io_uring,
                       engine_choice::epoll});
}

std::optional<client_tls> parse_client_tls(std::string_view word) {
  return one_of(word,
                {client_tls::disable, client_tls::allow, client_tls::require});
}

std::optional<admin_role> parse_role(std::string_view word) {
  return one_of(word, {admin_role::stats, admin_role::admin});
}

process_settings build_process(const section& root) {
  auto out = process_settings{};
  for (const auto& node : root.sections("cenote")) {
    node.read("shards", out.shards); // "auto" leaves the 0.
    node.read_word("engine", out.engine, parse_engine);
    node.read("client_login_timeout", out.client_login_timeout);
    node.read("cancel_wait_timeout", out.cancel_wait_timeout);
    node.read("drain_timeout", out.drain_timeout);
    node.read("max_logins", out.logins_max);
    for (const auto& log : node.sections("log")) {
      log.read_word("level", out.log.level, parse_level);
      log.read_word("format", out.log.format, parse_format);
    }
  }
  return out;
}

listener build_listener(const section& from) {
  auto out = listener{};
  from.read("address", out.address);
  from.read("port", out.port);
  from.read("unix_socket_dir", out.unix_socket_dir);
  from.read("backlog", out.backlog);
  from.read_word("pool_mode", out.mode, tenants::parse_pool_mode);
  auto bits = std::string{};
  from.read("unix_socket_mode", bits);
  if (!bits.empty())
    out.unix_socket_mode
      = static_cast<std::uint32_t>(std::stoul(bits, nullptr, 8));
  if (!out.address.empty() && out.address != "*" && !is_ip_address(out.address))
    from.error(ec::config_bad_value, "address",
               "not an IPv4 or IPv6 address; \"*\" is every address");
  if (from.has("address") == from.has("unix_socket_dir"))
    from.error(ec::config_contradiction, "address",
               "a listener has either \"address\" or \"unix_socket_dir\"");
  if (from.has("unix_socket_mode") && !from.has("unix_socket_dir"))
    from.error(ec::config_contradiction, "unix_socket_mode",
               "only for a listener with \"unix_socket_dir\"");
  if (!out.unix_socket_dir.empty()) {
    if (!out.unix_socket_dir.starts_with('/'))
      from.error(ec::config_bad_value, "unix_socket_dir",
                 "must be an absolute path");
    // sun_path has 108 bytes; "/.s.PGSQL.65535" and the NUL take 16.
    if (out.unix_socket_dir.size() > 92)
      from.error(ec::config_bad_value, "unix_socket_dir", "path too long");
    if (from.has("port") && out.port == 0)
      from.error(ec::config_bad_value, "port",
                 "a unix socket needs a port in its name, 1 to 65535");
  }
  return out;
}

/// A place that is taken, and the line that says so.
struct taken_place {
  place where;
  int line = 0;
};

/// Reports a place that somebody has who listens before. `key` says the place.
void check_place(const section& from, std::string_view key,
                 const std::optional<place>& wanted,
                 const std::vector<taken_place>& taken) {
  if (!wanted)
    return;
  for (const auto& [where, line] : taken) {
    if (!overlap(where, *wanted))
      continue;
    auto message = std::string{
      where == *wanted ? "another listener has the same address and port"
                       : "overlaps with another listener of the same port"};
    return from.error(ec::config_contradiction, key,
                      message + " (line " + std::to_string(line) + ")");
  }
}

std::vector<listener> build_listeners(const section& root,
                                      std::vector<taken_place>& taken) {
  auto out = std::vector<listener>{};
  for (const auto& from : root.sections("listener")) {
    out.push_back(build_listener(from));
    auto wanted = place_of(out.back());
    check_place(from, "port", wanted, taken);
    if (wanted)
      taken.push_back({std::move(*wanted), from.line()});
  }
  if (!root.has("listener"))
    root.error(ec::config_missing_key, "listener",
               "missing; clients need at least one [[listener]]");
  return out;
}

client_tls_settings build_tls(const section& root, references& refs) {
  auto out = client_tls_settings{};
  for (const auto& tls : root.sections("tls")) {
    for (const auto& client : tls.sections("client")) {
      client.read_word("mode", out.mode, parse_client_tls);
      refs.identity(client, {"certificate", out.certificate_file},
                    {"key", out.key_file}, out.mode != client_tls::disable);
      if (out.mode == client_tls::disable)
        continue;
      auto mode = "mode = \"" + std::string{name(out.mode)} + "\" needs ";
      if (!client.has("certificate"))
        client.error(ec::config_contradiction, "mode",
                     mode + "a \"certificate\"");
      if (!client.has("key"))
        client.error(ec::config_contradiction, "mode", mode + "a \"key\"");
    }
  }
  return out;
}

admin_settings build_admin(const section& root, references& refs,
                           const std::vector<taken_place>& taken) {
  auto out = admin_settings{};
  for (const auto& admin : root.sections("admin")) {
    auto http = std::string{};
    admin.read("http", http);
    if (auto parsed = parse_host_port(http))
      out.http = endpoint{std::string{parsed->host}, parsed->port};
    if (out.http)
      check_place(admin, "http", place_of(*out.http), taken);
    admin.read("socket", out.socket);
    if (!out.socket.empty())
      out.socket = refs.resolve(out.socket);
    // sun_path has 108 bytes, with the NUL.
    if (out.socket.size() > 107)
      admin.error(ec::config_bad_value, "socket", "path too long");
    auto names = std::set<std::string>{};
    for (const auto& from : admin.sections("user")) {
      auto& user = out.users.emplace_back();
      from.read("name", user.name);
      from.read_word("role", user.role, parse_role);
      if (auto found = refs.password(from, "password"))
        user.password = std::move(*found);
      if (!user.name.empty() && !names.insert(user.name).second)
        from.error(ec::config_contradiction, "name",
                   "another admin user has the same name");
    }
  }
  return out;
}

} // namespace

config build(const section& root, references& refs, std::uint64_t version) {
  auto out = config{};
  out.process = build_process(root);
  auto taken = std::vector<taken_place>{};
  out.listeners = build_listeners(root, taken);
  out.tls = build_tls(root, refs);
  out.admin = build_admin(root, refs, taken);
  out.catalog = build_catalog(root, refs, version);
  return out;
}

} // namespace cenote::configs
