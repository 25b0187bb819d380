#include "configs/schema.hpp"

#include <algorithm>
#include <array>

namespace cenote::configs {

namespace {

using enum value_kind;
using word_list = std::array<std::string_view, 3>;

constexpr auto clients_max = std::int64_t{10'000'000};
constexpr auto servers_max = std::int64_t{1'000'000};
constexpr auto shards_max = std::int64_t{256};
constexpr auto prepared_statements_max = std::int64_t{100'000};
constexpr auto port_max = std::int64_t{65'535};

constexpr auto pool_modes = word_list{"session", "transaction", "statement"};
constexpr auto pin_policies = std::array<std::string_view, 2>{"pin", "reject"};
constexpr auto listen_policies
  = std::array<std::string_view, 2>{"pin", "shared"};
constexpr auto engines = word_list{"auto", "io_uring", "epoll"};
constexpr auto client_tls_modes = word_list{"disable", "allow", "require"};
constexpr auto formats = std::array<std::string_view, 2>{"text", "json"};
constexpr auto roles = std::array<std::string_view, 2>{"admin", "stats"};
constexpr auto levels
  = std::array<std::string_view, 5>{"debug", "info", "warn", "error", "off"};
constexpr auto auth_methods = std::array<std::string_view, 4>{
  "scram-sha-256", "md5", "password", "trust"};
constexpr auto server_tls_modes = std::array<std::string_view, 5>{
  "disable", "prefer", "require", "verify-ca", "verify-full"};

constexpr key_rule count_of(std::string_view name, std::string_view fallback,
                            std::int64_t max, std::int64_t min = 0) {
  return {name, count, fallback, false, min, max};
}

constexpr key_rule time_of(std::string_view name, std::string_view fallback) {
  return {name, time, fallback};
}

constexpr key_rule flag_of(std::string_view name, std::string_view fallback) {
  return {name, flag, fallback};
}

constexpr key_rule needed(key_rule rule) {
  rule.required = true;
  return rule;
}

/// What a user may say about pools; the server_* times are not a user's.
constexpr auto user_pool_keys = std::array{
  key_rule{"pool_mode", word, "\"session\"", false, 0, 0, pool_modes},
  count_of("pool_size", "20", servers_max),
  count_of("min_pool_size", "0", servers_max),
  count_of("max_waiters", "10000", clients_max),
  time_of("query_wait_timeout", "\"120s\""),
  time_of("client_idle_timeout", "0"),
  time_of("idle_transaction_timeout", "0"),
  time_of("transaction_timeout", "0"),
  time_of("query_timeout", "0"),
};

constexpr auto server_pool_keys = std::array{
  count_of("lanes", "1", shards_max, 1),
  time_of("server_lifetime", "\"1h\""),
  time_of("server_idle_timeout", "\"10m\""),
  time_of("server_connect_timeout", "\"15s\""),
  time_of("server_login_retry", "\"15s\""),
  time_of("pool_idle_timeout", "\"1h\""),
  key_rule{"server_reset_query", any_text, "\"DISCARD ALL\""},
  count_of("max_prepared_statements", "200", prepared_statements_max),
  flag_of("lazy_begin", "false"),
  count_of("max_pinned", "0", servers_max),
  key_rule{"on_pin", word, "\"pin\"", false, 0, 0, pin_policies},
  key_rule{"listen", word, "\"pin\"", false, 0, 0, listen_policies},
  time_of("function_watch_interval", "\"60s\""),
};

constexpr auto pool_keys = [] {
  auto out
    = std::array<key_rule, user_pool_keys.size() + server_pool_keys.size()>{};
  auto at
    = std::copy(user_pool_keys.begin(), user_pool_keys.end(), out.begin());
  std::copy(server_pool_keys.begin(), server_pool_keys.end(), at);
  return out;
}();

constexpr auto log_keys = std::array{
  key_rule{"level", word, "\"info\"", false, 0, 0, levels},
  key_rule{"format", word, "\"text\"", false, 0, 0, formats},
};

constexpr auto cenote_sections
  = std::array{section_rule{"log", false, true, log_keys}};

constexpr auto cenote_keys = std::array{
  key_rule{"shards", count_or_auto, "\"auto\"", false, 1, shards_max},
  key_rule{"engine", word, "\"auto\"", false, 0, 0, engines},
  count_of("max_clients", "10000", clients_max, 1),
  count_of("max_servers", "0", servers_max),
  count_of("max_servers_per_host", "0", servers_max),
  count_of("max_logins", "1000", clients_max, 1),
  time_of("client_login_timeout", "\"60s\""),
  time_of("cancel_wait_timeout", "\"10s\""),
  time_of("drain_timeout", "\"60s\""),
};

constexpr auto listener_keys = std::array{
  key_rule{"address", text, ""},
  needed(count_of("port", "", port_max)),
  key_rule{"unix_socket_dir", text, ""},
  key_rule{"unix_socket_mode", mode, "\"0777\""},
  count_of("backlog", "1024", 65'535, 1),
  key_rule{"pool_mode", word, "", false, 0, 0, pool_modes},
};

constexpr auto tls_client_keys = std::array{
  needed({"mode", word, "\"disable\"", false, 0, 0, client_tls_modes}),
  key_rule{"certificate", file, ""},
  key_rule{"key", file, ""},
};

constexpr auto tls_sections
  = std::array{section_rule{"client", false, true, tls_client_keys}};

constexpr auto admin_user_keys = std::array{
  needed({"name", text, ""}),
  needed({"password", password, ""}),
  key_rule{"role", word, "\"stats\"", false, 0, 0, roles},
};

constexpr auto admin_sections
  = std::array{section_rule{"user", true, true, admin_user_keys}};

constexpr auto admin_keys = std::array{
  key_rule{"http", address, ""},
  key_rule{"socket", text, ""},
};

constexpr auto store_keys = std::array{needed({"url", text, ""})};

constexpr auto cluster_keys = std::array{
  needed({"listen", address, ""}),
  key_rule{"seeds", text_list, ""},
  key_rule{"zone", text, ""},
};

constexpr auto database_keys = std::array{
  needed({"name", text, ""}),
  needed({"host", text, ""}),
  count_of("port", "5432", port_max, 1),
  key_rule{"dbname", text, ""},
  key_rule{"user", text, ""},
  key_rule{"password", password, ""},
  key_rule{"tls", word, "\"prefer\"", false, 0, 0, server_tls_modes},
  key_rule{"tls_ca", file, ""},
  key_rule{"tls_certificate", file, ""},
  key_rule{"tls_key", file, ""},
  count_of("max_clients", "0", clients_max),
  count_of("max_servers", "0", servers_max),
};

constexpr auto user_keys = std::array{
  needed({"name", text, ""}),
  key_rule{"password", password, ""},
  key_rule{"auth", word, "", false, 0, 0, auth_methods},
  count_of("max_clients", "0", clients_max),
};

constexpr auto tenant_sections = std::array{
  section_rule{"database", true, true, database_keys, pool_keys},
  section_rule{"user", true, true, user_keys, user_pool_keys},
};

constexpr auto tenant_keys = std::array{
  needed({"id", any_text, ""}),
  count_of("max_clients", "0", clients_max),
  count_of("max_servers", "0", servers_max),
  count_of("max_pools", "1000", servers_max),
  key_rule{"sni_hostnames", text_list, ""},
};

constexpr auto root_sections = std::array{
  section_rule{"cenote", false, true, cenote_keys, pool_keys, cenote_sections},
  section_rule{"listener", true, true, listener_keys},
  section_rule{"tls", false, true, {}, {}, tls_sections},
  section_rule{"admin", false, true, admin_keys, {}, admin_sections},
  section_rule{"store", false, false, store_keys},
  section_rule{"cluster", false, false, cluster_keys},
  section_rule{"tenant", true, true, tenant_keys, pool_keys, tenant_sections},
};

constexpr auto root = section_rule{"", false, true, {}, {}, root_sections};

template <class Rule>
const Rule* find(std::span<const Rule> rules, std::string_view name) {
  auto at = std::find_if(rules.begin(), rules.end(),
                         [=](const Rule& x) { return x.name == name; });
  return at == rules.end() ? nullptr : &*at;
}

} // namespace

const key_rule* section_rule::find_key(std::string_view key) const {
  auto* own = find(keys, key);
  return own != nullptr ? own : find(pool_keys, key);
}

const section_rule* section_rule::find_section(std::string_view key) const {
  return find(sections, key);
}

const section_rule& root_section() noexcept {
  return root;
}

} // namespace cenote::configs
