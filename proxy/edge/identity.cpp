#include "proxy/edge/identity.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include "protocol/messages.hpp"
#include "protocol/options.hpp"
#include "session/settings.hpp"
#include "tenants/tenant_name.hpp"

namespace cenote::proxy::edge {

namespace {

/// PostgreSQL's NAMEDATALEN - 1: longer names in a startup message are cut.
constexpr std::size_t name_bytes_max = 63;

/// Cancel keys are longer than four bytes from 3.2 on.
constexpr std::uint16_t long_keys_minor = 2;

/// Parameters of the startup message that are no settings.
constexpr auto not_settings = std::array<std::string_view, 4>{
  "user", "database", "options", "replication"};

bool is_setting(std::string_view name) {
  return !name.starts_with("_pq_.")
      && std::find(not_settings.begin(), not_settings.end(), name)
           == not_settings.end();
}

std::string lower(std::string_view text) {
  auto out = std::string{text};
  for (auto& c : out)
    if (c >= 'A' && c <= 'Z')
      c = static_cast<char>(c - 'A' + 'a');
  return out;
}

/// In PostgreSQL's words.
rejection invalid_value(const protocol::parameter& what) {
  auto out = rejection{failure{ec::unsupported_startup_option, what.name}};
  auto words = protocol::make_error(ec::unsupported_startup_option);
  words.code = "22023";
  words.message = "invalid value for parameter \"" + what.name + "\": \""
                + what.value + "\"";
  words.hint = "Valid values are: \"false\", 0, \"true\", 1, \"database\".";
  out.server_error
    = std::make_shared<const std::vector<std::byte>>(protocol::encoded(words));
  return out;
}

/// In PostgreSQL's words.
rejection invalid_options(failure why) {
  auto words = protocol::make_error(why.code);
  words.message = why.detail;
  if (!why.detail.starts_with('-')) // Not only a value is missing.
    words.hint = "Try \"postgres --help\" for more information.";
  auto out = rejection{std::move(why)};
  out.server_error
    = std::make_shared<const std::vector<std::byte>>(protocol::encoded(words));
  return out;
}

/// Null: `out.replication` is what the client asked for.
std::optional<rejection>
take_replication(const protocol::startup_message& hello, identity& out) {
  for (const auto& each : hello.parameters) {
    if (each.name != "replication")
      continue;
    out.replication.clear(); // Of several the last wins.
    if (each.value == "database") {
      out.replication = each.value;
      continue;
    }
    const auto is_wanted = session::parse_bool(each.value);
    if (!is_wanted)
      return invalid_value(each);
    if (*is_wanted)
      out.replication = "true";
  }
  return std::nullopt;
}

std::string cut(std::string_view name) {
  return std::string{name.substr(0, name_bytes_max)};
}

/// Null: all names may be replayed to a server.
std::optional<rejection> take_settings(std::vector<protocol::parameter> options,
                                       const protocol::startup_message& hello,
                                       identity& out) {
  for (const auto& each : hello.parameters)
    if (is_setting(each.name))
      options.push_back(each);
  for (auto& each : options) {
    // What goes into a server's startup message must not name another user or
    // database there.
    if (!session::is_setting_name(each.name)
        || (!out.replication.empty() && !is_setting(each.name)))
      return rejection{failure{ec::unsupported_startup_option, each.name},
                       ": \"" + each.name + "\""};
    if (lower(each.name) == "application_name")
      out.application_name = each.value;
    out.settings.emplace_back(std::move(each.name), std::move(each.value));
  }
  return std::nullopt;
}

void find_console_user(const edge_settings& settings, identity& out) {
  out.is_console = true;
  out.user = out.said_user;
  out.tenant = console_tenant;
  out.has_tenant = true;
  for (const auto& admin : settings.admins) {
    if (admin.name != out.said_user)
      continue;
    auto who = tenants::user{};
    who.name = admin.name;
    who.password = admin.password;
    out.who = std::make_shared<const tenants::user>(std::move(who));
    out.may_change = admin.may_change;
    return;
  }
}

outcome<identity> enter_console(const edge_settings& settings, identity out) {
  if (!out.replication.empty())
    return rejection{ec::replication_not_supported};
  find_console_user(settings, out);
  return out;
}

void find_tenant_user(const tenants::catalog& all,
                      const tenants::tenant_hints& hints, identity& out) {
  auto match = tenants::find_tenant(all, hints);
  out.user
    = cut(match.user.empty() ? hints.user : std::string_view{match.user});
  out.tenant = match.tenant_name;
  if (!match.tenant)
    return;
  out.tenant = match.tenant->id;
  out.has_tenant = true;
  // Shares the tenant's lifetime: a catalog may go while we use it.
  if (const auto* who = match.tenant->find_user(out.user); who != nullptr)
    out.who = std::shared_ptr<const tenants::user>{match.tenant, who};
}

} // namespace

outcome<identity> resolve_identity(const protocol::startup_message& hello,
                                   std::string_view sni_host,
                                   const tenants::catalog& all,
                                   const edge_settings& settings) {
  auto out = identity{};
  out.said_user = hello.find("user");
  if (out.said_user.empty())
    return rejection{ec::no_user_name};
  if (auto failed = take_replication(hello, out))
    return std::move(*failed);
  out.has_long_key = hello.common_version().minor >= long_keys_minor;
  auto options = protocol::parse_options(hello.find("options"));
  if (!options)
    return invalid_options(std::move(options).error());
  auto failed = take_settings(std::move(options->settings), hello, out);
  if (failed)
    return std::move(*failed);
  out.salt_name = out.said_user;
  if (options->reference)
    out.salt_name += "." + *options->reference;
  out.database = cut(hello.find("database"));
  if (out.database == console_database)
    return enter_console(settings, std::move(out));
  auto hints = tenants::tenant_hints{};
  hints.user = out.said_user;
  if (options->reference)
    hints.reference = *options->reference;
  hints.sni_host = sni_host;
  find_tenant_user(all, hints, out);
  if (out.database.empty())
    out.database = out.user;
  // Whose user is called like the console gets no way around its users.
  if (out.database == console_database)
    return enter_console(settings, std::move(out));
  return out;
}

} // namespace cenote::proxy::edge
