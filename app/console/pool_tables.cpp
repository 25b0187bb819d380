#include <algorithm>
#include <chrono>
#include <limits>
#include <set>
#include <string>

#include "app/console/table_parts.hpp"

namespace cenote::app {

namespace {

constexpr std::uint64_t us_per_second = 1'000'000;

void optional_text(protocol::row_writer& to, std::string_view value) {
  if (value.empty())
    to.null();
  else
    to.text(value);
}

/// The first level that says something about `field`, else what is built in.
template <class Field, class Value>
Value pick(const view& of, const tenants::tenant& owner,
           const tenants::database& database, Field field, Value built_in) {
  for (const auto* level :
       {&database.options, &owner.options, &of.catalog->defaults()})
    if (level->*field)
      return *(level->*field);
  return built_in;
}

/// Servers and clients of some pools together.
struct load {
  std::uint64_t servers = 0;
  std::uint64_t clients = 0;

  void add(const pool_view& pool) {
    servers += pool.servers();
    clients += pool.numbers.clients;
  }
};

void write_database(protocol::row_writer& to, const view& of,
                    const tenants::tenant& owner, const tenants::database& from,
                    const std::string& shown) {
  auto here = load{};
  for (const auto& [key, pool] : of.pools)
    if (key.tenant == owner.id && key.database == shown)
      here.add(pool);
  const auto built_in = tenants::pool_settings{};
  const auto lifetime
    = pick(of, owner, from, &tenants::pool_options::server_lifetime,
           built_in.server_lifetime);
  to.text(shown);
  optional_text(to, from.host);
  to.number(from.port);
  to.text(from.server_database.empty() ? shown : from.server_database);
  optional_text(to, from.server_user);
  to.number(pick(of, owner, from, &tenants::pool_options::pool_size,
                 built_in.pool_size));
  to.number(pick(of, owner, from, &tenants::pool_options::min_pool_size,
                 built_in.min_pool_size));
  to.number(0); // reserve_pool_size
  to.number(std::chrono::duration_cast<std::chrono::seconds>(lifetime).count());
  optional_text(to, from.options.mode ? name(*from.options.mode) : "");
  to.null(); // load_balance_hosts
  to.number(from.servers_max).number_unsigned(here.servers);
  to.number(from.clients_max).number_unsigned(here.clients);
  to.number(of.is_paused(owner.id, shown) ? 1 : 0);
  to.number(0); // disabled
  to.text(owner.id);
}

void write_user(protocol::row_writer& to, const view& of,
                const tenants::tenant& owner, const tenants::user& who) {
  auto here = load{};
  for (const auto& [key, pool] : of.pools)
    if (key.tenant == owner.id && key.user == who.name)
      here.add(pool);
  to.text(who.name);
  to.text(who.options.pool_size ? std::to_string(*who.options.pool_size) : "");
  to.text(""); // reserve_pool_size
  optional_text(to, who.options.mode ? name(*who.options.mode) : "");
  to.number(0).number_unsigned(here.servers);
  to.number(who.clients_max).number_unsigned(here.clients);
  to.text(owner.id);
}

} // namespace

void write_pools(protocol::row_writer& to, const view& of) {
  for (const auto& [key, pool] : of.pools) {
    const auto& now = pool.numbers;
    to.text(key.database).text(key.user);
    to.number(pool.clients_active()).number(now.waiting);
    to.number(0).number(0); // Cancels have no connection that is kept.
    to.number(now.servers_lent).number(pool.servers_active_cancel);
    to.number(pool.servers_being_canceled).number(now.servers_idle);
    to.number(0).number(pool.servers_tested()).number(pool.servers_login);
    to.number_unsigned(pool.maxwait_us / us_per_second);
    to.number_unsigned(pool.maxwait_us % us_per_second);
    to.text(name(key.mode)).null();
    to.text(key.tenant);
  }
}

void write_databases(protocol::row_writer& to, const view& of) {
  for (const auto& [id, owner] : of.catalog->tenants()) {
    for (const auto& database : owner->databases)
      write_database(to, of, *owner, database, database.name);
    // What came in by "*" has a row of its own as long as it has a pool.
    auto others = std::set<std::string>{};
    for (const auto& [key, pool] : of.pools)
      if (key.tenant == id)
        others.insert(key.database);
    for (const auto& each : others) {
      const auto* found = owner->find_database(each);
      if (found != nullptr && found->name != each)
        write_database(to, of, *owner, *found, each);
    }
  }
}

void write_users(protocol::row_writer& to, const view& of) {
  for (const auto& [id, owner] : of.catalog->tenants())
    for (const auto& who : owner->users)
      write_user(to, of, *owner, who);
}

} // namespace cenote::app
