#include <filesystem>
#include <set>
#include <sstream>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "configs/schema.hpp"
#include "support.hpp"
#include "tenants/pool_spec.hpp"

using namespace cenote;
using namespace cenote::configs;

namespace {

std::string replaced(std::string text, std::string_view token,
                     std::string_view by) {
  for (auto at = text.find(token); at != std::string::npos;
       at = text.find(token, at + by.size()))
    text.replace(at, token.size(), by);
  return text;
}

/// The sample of the design, word for word.
constexpr auto design_sample = R"([cenote]
shards = "auto"             # data-plane threads; auto = one per core
engine = "auto"             # io_uring | epoll
log = { level = "info", format = "text" }   # or json

[[listener]]
address = "127.0.0.1"
port = 6543
pool_mode = "transaction"   # omit: the user's, database's or tenant's own mode

[[listener]]
address = "127.0.0.1"
port = 6544
pool_mode = "session"

[tls.client]                # what clients meet:  mode = "disable|allow|require|verify-full"
mode = "allow"
certificate = "server.crt"
key = "server.key"

[admin]
http = "127.0.0.1:4000"     # API, /metrics, /health

[[admin.user]]              # the console database "pgbouncer"; never a tenant's user, whatever its name
name = "admin"
password = "env:CENOTE_ADMIN_PASSWORD"
role = "admin"              # or "stats": SHOW only

[store]                     # optional; tenants below are always there
url = "sqlite:cenote.db"    # or postgresql://...

[cluster]                   # optional
listen = "127.0.0.1:7000"
seeds = ["127.0.0.1:7000", "127.0.0.1:7001"]
zone = "a"

[[tenant]]
id = "acme"                 # clients say user "app.acme"; tenant "" is the default tenant
max_clients = 1000

[[tenant.database]]
name = "*"                  # any name, passed through
host = "127.0.0.1"
port = 5432
pool_size = 20
tls = "prefer"              # disable|prefer|require|verify-ca|verify-full

[[tenant.user]]
name = "app"
password = "env:ACME_APP_PASSWORD"     # or a literal, file:..., or a SCRAM verifier
pool_mode = "transaction"
)";

struct schema_key {
  std::string section;
  const key_rule* rule;
};

void collect(const section_rule& from, const std::string& path,
             std::vector<schema_key>& to) {
  for (auto keys : {from.keys, from.pool_keys})
    for (const auto& key : keys)
      to.push_back({path, &key});
  for (const auto& inner : from.sections)
    collect(inner,
            path.empty() ? std::string{inner.name}
                         : path + '.' + std::string{inner.name},
            to);
}

std::vector<schema_key> schema_keys() {
  auto out = std::vector<schema_key>{};
  collect(root_section(), {}, out);
  return out;
}

/// "section.key" -> the value as written, for set keys and commented ones.
struct reference_line {
  std::string key;
  std::string value;
};

std::vector<reference_line> reference_lines() {
  auto out = std::vector<reference_line>{};
  auto lines = std::istringstream{
    test::read_file(test::source_path("configs/cenote.toml"))};
  auto section = std::string{};
  for (auto line = std::string{}; std::getline(lines, line);) {
    if (line.starts_with("# "))
      line.erase(0, 2);
    // A header stands alone; a sentence of a comment may begin like one.
    auto rest = line.find_first_not_of("] ", line.find(']'));
    if (line.starts_with('[')
        && (rest == std::string::npos || line[rest] == '#')) {
      auto first = line.find_first_not_of('[');
      section = line.substr(first, line.find(']') - first);
      continue;
    }
    auto equals = line.find(" = ");
    if (equals == std::string::npos || line.find(' ') != equals)
      continue;
    auto value = line.substr(equals + 3);
    value.erase(std::min(value.find(" #"), value.size()));
    value.erase(value.find_last_not_of(' ') + 1);
    out.push_back({section + '.' + line.substr(0, equals), value});
  }
  return out;
}

} // namespace

BOOST_AUTO_TEST_SUITE(shipped)

BOOST_AUTO_TEST_CASE(the_sample_of_the_design_is_accepted_word_for_word) {
  auto got = load_text(design_sample,
                       test::source_path("tests/configs/files/cenote.toml"),
                       test::options());
  BOOST_REQUIRE_MESSAGE(got, test::errors(got));
  BOOST_REQUIRE_EQUAL(got.warnings.size(), 2u);
  BOOST_TEST(got.warnings[0].key == "store");
  BOOST_TEST(got.warnings[1].key == "cluster");
  auto spec = tenants::resolve(*got.config->catalog, "acme", "app", "shop",
                               got.config->listeners.at(1).mode);
  BOOST_REQUIRE(spec);
  BOOST_TEST(to_string(spec->key) == "acme/app/shop/session");
  BOOST_TEST(spec->target.database == "shop");
  BOOST_TEST(spec->settings.tenant_clients_max == 1000u);
}

BOOST_AUTO_TEST_CASE(every_shipped_file_loads) {
  auto count = 0;
  for (const auto& item :
       std::filesystem::directory_iterator{test::source_path("configs")}) {
    if (item.path().extension() != ".toml")
      continue;
    ++count;
    auto text = test::read_file(item.path().string());
    text = replaced(text, "@PG_HOST@", "/var/run/postgresql");
    text = replaced(text, "@PG_PORT@", "5432");
    text = replaced(text, "@TX_PORT@", "6543");
    text = replaced(text, "@SESSION_PORT@", "6544");
    auto got = load_text(text, item.path().string(), test::options());
    BOOST_TEST(static_cast<bool>(got), test::errors(got));
    BOOST_TEST(got.warnings.empty(), item.path());
  }
  BOOST_TEST(count == 3);
}

BOOST_AUTO_TEST_CASE(the_reference_has_every_key_of_the_schema_and_no_other) {
  auto known = std::set<std::string>{};
  for (const auto& key : schema_keys())
    known.insert(key.section + '.' + std::string{key.rule->name});
  auto written = std::set<std::string>{};
  for (const auto& line : reference_lines())
    written.insert(line.key);
  for (const auto& key : known)
    BOOST_TEST(written.contains(key), key << " is not in the reference");
  for (const auto& key : written)
    BOOST_TEST(known.contains(key), key << " is not in the schema");
}

BOOST_AUTO_TEST_CASE(the_reference_states_the_defaults) {
  auto fallbacks = std::map<std::string, std::string>{};
  for (const auto& key : schema_keys())
    if (!key.rule->required && !key.rule->fallback.empty())
      fallbacks[key.section + '.' + std::string{key.rule->name}]
        = key.rule->fallback;
  // These show another word than the default on purpose.
  auto examples = std::set<std::string>{"admin.user.role", "tenant.pool_mode",
                                        "tenant.database.pool_mode",
                                        "tenant.user.pool_mode"};
  for (const auto& [key, value] : reference_lines())
    if (fallbacks.contains(key) && !examples.contains(key))
      BOOST_TEST(value == fallbacks[key], key);

  auto got
    = load_file(test::source_path("configs/cenote.toml"), test::options());
  BOOST_REQUIRE_MESSAGE(got, test::errors(got));
  BOOST_TEST((got.config->process == process_settings{}));
  BOOST_TEST((got.config->tls == client_tls_settings{}));
  BOOST_TEST((got.config->catalog->limits() == tenants::node_limits{}));
  auto spec = tenants::resolve(*got.config->catalog, "acme", "app", "shop");
  BOOST_REQUIRE(spec);
  auto expected = tenants::pool_settings{};
  expected.tenant_pools_max = tenants::tenant{}.pools_max;
  BOOST_TEST((spec->settings == expected));
  BOOST_TEST((spec->target.tls == tenants::server_tls_settings{}));
}

namespace {

/// A value of `rule` that is not its default.
std::string other_value(const key_rule& rule) {
  switch (rule.kind) {
    case value_kind::count:
    case value_kind::count_or_auto:
      return "7";
    case value_kind::time:
      return "\"7s\"";
    case value_kind::flag:
      return rule.fallback == "true" ? "false" : "true";
    case value_kind::text:
    case value_kind::any_text:
      return rule.name == "host"            ? "\"other\""
           : rule.name == "address"         ? "\"::1\""
           : rule.name == "unix_socket_dir" ? "\"/run/other\""
                                            : "\"other\"";
    case value_kind::word:
      for (auto word : rule.words) {
        auto text = '"' + std::string{word} + '"';
        // "disable" stands for itself in the base; verify-* need a CA.
        if (text != rule.fallback && word != "session" && word != "debug")
          return text;
      }
      return {};
    case value_kind::text_list:
      return "[\"other.example\"]";
    case value_kind::password:
      return "\"other\"";
    case value_kind::file:
      return "\"../files/root.crt\"";
    case value_kind::address:
      return "\"127.0.0.1:7\"";
    case value_kind::mode:
      return "\"0707\"";
  }
  return {};
}

/// A file in which any one key may be set on top. The unix listener has no
/// address, the TCP one no directory.
std::string file_with(const std::string& section, const key_rule* key) {
  struct part {
    const char* section;
    const char* header;
    std::vector<std::pair<std::string, std::string>> keys;
  };
  auto is_unix = key != nullptr && key->name.starts_with("unix_socket");
  auto parts = std::vector<part>{
    {"cenote", "[cenote]", {}},
    {"cenote.log", "[cenote.log]", {}},
    {"listener", "[[listener]]", {{"port", "1"}}},
    {"tls.client",
     "[tls.client]",
     {{"mode", "\"require\""},
      {"certificate", "\"../files/server.crt\""},
      {"key", "\"../files/server.key\""}}},
    {"admin", "[admin]", {}},
    {"admin.user",
     "[[admin.user]]",
     {{"name", "\"a\""}, {"password", "\"p\""}}},
    {"tenant", "[[tenant]]", {{"id", "\"t\""}}},
    {"tenant.database",
     "[[tenant.database]]",
     {{"name", "\"d\""},
      {"host", "\"h\""},
      {"user", "\"r\""},
      {"password", "\"p\""},
      {"tls_certificate", "\"../files/server.crt\""},
      {"tls_key", "\"../files/server.key\""}}},
    {"tenant.user",
     "[[tenant.user]]",
     {{"name", "\"u\""}, {"password", "\"p\""}}},
  };
  parts[2].keys.emplace_back(is_unix ? "unix_socket_dir" : "address",
                             is_unix ? "\"/run\"" : "\"127.0.0.1\"");
  auto out = std::string{};
  for (auto& [name, header, keys] : parts) {
    auto text = std::string{header} + '\n';
    auto is_here = key != nullptr && section == name;
    for (const auto& [own, value] : keys)
      if (!is_here || own != key->name)
        text += own + " = " + value + '\n';
    if (is_here)
      text += std::string{key->name} + " = " + other_value(*key) + '\n';
    out += text;
  }
  return out;
}

bool same(const config& a, const config& b) {
  return a.process == b.process && a.listeners == b.listeners && a.tls == b.tls
      && a.admin == b.admin && a.catalog->limits() == b.catalog->limits()
      && a.catalog->defaults() == b.catalog->defaults()
      && std::equal(
           a.catalog->tenants().begin(), a.catalog->tenants().end(),
           b.catalog->tenants().begin(), b.catalog->tenants().end(),
           [](const auto& x, const auto& y) { return *x.second == *y.second; });
}

} // namespace

BOOST_AUTO_TEST_CASE(every_key_changes_the_configuration) {
  auto base = test::load(file_with({}, nullptr));
  BOOST_REQUIRE_MESSAGE(base, test::errors(base));
  for (const auto& [section, rule] : schema_keys()) {
    if (section == "store" || section == "cluster")
      continue;
    auto got = test::load(file_with(section, rule));
    BOOST_TEST(static_cast<bool>(got),
               section << '.' << rule->name << ": " << test::errors(got));
    if (got)
      BOOST_TEST(!same(*base.config, *got.config),
                 section << '.' << rule->name << " has no effect");
  }
}

BOOST_AUTO_TEST_SUITE_END()
