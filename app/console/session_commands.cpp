#include <algorithm>
#include <charconv>
#include <chrono>
#include <set>
#include <utility>

#include <asio/experimental/awaitable_operators.hpp>
#include <asio/steady_timer.hpp>

#include "app/console/session.hpp"
#include "app/console/tables.hpp"
#include "proxy/edge/coroutine.hpp"
#include "proxy/edge/identity.hpp"

/// The commands that change something, and what they need to know.
namespace cenote::app {

using namespace asio::experimental::awaitable_operators;
using proxy::edge::no_throw;

namespace {

/// What may lie unread while an operator waits; then it is read no further.
constexpr std::size_t unread_bytes_max = 64 * 1024;

/// How often WAIT_CLOSE looks.
constexpr auto look_again = std::chrono::milliseconds{200};

/// How long the actors may take to say what they know: a SHOW does without.
constexpr auto actors_time_max = std::chrono::milliseconds{500};

bool needs_links(subject what) noexcept {
  return what == subject::clients || what == subject::servers
      || what == subject::sockets || what == subject::active_sockets;
}

bool needs_shards(subject what) noexcept {
  switch (what) {
    case subject::active_sockets:
    case subject::clients:
    case subject::databases:
    case subject::lists:
    case subject::pools:
    case subject::servers:
    case subject::sockets:
    case subject::stats:
    case subject::stats_averages:
    case subject::stats_totals:
    case subject::totals:
    case subject::users:
      return true;
    case subject::config:
    case subject::dns_hosts:
    case subject::dns_zones:
    case subject::fds:
    case subject::help:
    case subject::mem:
    case subject::peer_pools:
    case subject::peers:
    case subject::state:
    case subject::version:
      return false;
  }
  return true;
}

/// Servers that somebody waits for to be replaced.
bool is_closing(const collected& seen, const std::string& target) {
  for (const auto& shard : seen.shards)
    for (const auto& row : shard.servers)
      if (row.close_needed
          && actors::matches(target, row.pool.tenant, row.pool.database))
        return true;
  return false;
}

/// Whether `target` means anything: a pool that is, or one that could be.
bool is_known(const collected& seen, const tenants::catalog& all,
              const std::string& target) {
  if (target.empty())
    return true;
  for (const auto& shard : seen.shards)
    for (const auto& lane : shard.lanes)
      if (actors::matches(target, lane.pool.tenant, lane.pool.database))
        return true;
  return actors::names_database(all, target);
}

/// The word in "cannot ... admin db".
std::string_view deed(verb what) noexcept {
  switch (what) {
    case verb::pause:
      return "pause";
    case verb::resume:
      return "resume";
    case verb::reconnect:
      return "reconnect";
    case verb::kill:
      return "kill";
    case verb::wait_close:
      return "wait in";
    case verb::show:
    case verb::set:
    case verb::kill_client:
    case verb::reload:
    case verb::shutdown:
    case verb::suspend:
    case verb::disable:
    case verb::enable:
      return "";
  }
  return "";
}

/// The answers to `what` that need nobody else.
std::optional<protocol::error_response> refusal_of(const statement& what) {
  const bool is_admin_db = what.argument == proxy::edge::console_database;
  if (is_admin_db && !deed(what.what).empty())
    return complaint(ec::admin_wrong_state, "cannot "
                                              + std::string{deed(what.what)}
                                              + " admin db: " + what.argument);
  const bool is_switch
    = what.what == verb::disable || what.what == verb::enable;
  if (is_switch && what.argument.empty())
    return complaint(ec::admin_syntax, "a database is required");
  if (is_switch || what.what == verb::suspend)
    return not_supported(std::string{name(what.what)});
  if (what.what == verb::reload && !what.argument.empty())
    return complaint(ec::admin_syntax,
                     invalid_command("RELOAD " + what.argument));
  return std::nullopt;
}

} // namespace

asio::awaitable<session::outcome> session::change(const statement& what) {
  if (auto no = refusal_of(what))
    co_return std::move(*no);
  switch (what.what) {
    case verb::pause:
      if (co_await is_paused(""))
        co_return complaint(ec::admin_wrong_state, "already suspended/paused");
      co_return co_await ask(what, actors::admin_verb::pause);
    case verb::resume:
      co_return co_await ask(what, actors::admin_verb::resume);
    case verb::reconnect:
      co_return co_await ask(what, actors::admin_verb::reconnect);
    case verb::kill:
      if (co_await is_paused(""))
        co_return complaint(ec::admin_wrong_state, "already suspended/paused");
      co_return co_await ask(what, actors::admin_verb::kill);
    case verb::reload:
      co_return co_await ask(what, actors::admin_verb::reload);
    case verb::shutdown:
      co_return co_await shut_down(what);
    case verb::kill_client:
      co_return co_await kill_client(what);
    case verb::wait_close:
      co_return co_await wait_close(what);
    case verb::show:
    case verb::set:
    case verb::suspend:
    case verb::disable:
    case verb::enable:
      break;
  }
  co_return complaint(ec::admin_syntax, invalid_command(name(what.what)));
}

/// Waits as long as it takes, or until the operator is gone or wants no more:
/// then the operation goes on alone, but nobody is held by a PAUSE of nobody's.
asio::awaitable<session::outcome> session::ask(const statement& what,
                                               actors::admin_verb verb,
                                               actors::end_wait wait) {
  const bool has_target = what.what != app::verb::shutdown;
  // What was paused before stays so, whatever becomes of this.
  bool pauses = verb == actors::admin_verb::pause;
  if (pauses)
    pauses = !(co_await is_paused(what.argument));
  auto command = actors::admin_command{
    verb, has_target ? what.argument : std::string{}, wait};
  auto ended = co_await (home_.parts.admin.run(std::move(command))
                         || until_gone() || interrupted_.wait());
  if (ended.index() == 2) {
    auto undo
      = actors::admin_command{actors::admin_verb::unpause, what.argument};
    if (pauses)
      co_await home_.parts.admin.run(std::move(undo));
    co_return protocol::make_error(ec::query_canceled);
  }
  const auto* reply = std::get_if<0>(&ended);
  if (reply == nullptr)
    co_return over{};
  if (reply->code != ec::none)
    co_return failed_reply(what, *reply);
  complete(what.what);
  co_return done{};
}

asio::awaitable<session::outcome> session::shut_down(const statement& what) {
  const auto how = upper(what.argument);
  auto wait = actors::end_wait::nothing;
  if (how == "WAIT_FOR_SERVERS")
    wait = actors::end_wait::servers;
  else if (how == "WAIT_FOR_CLIENTS")
    wait = actors::end_wait::clients;
  else if (!how.empty())
    co_return complaint(ec::admin_syntax,
                        invalid_command("SHUTDOWN " + what.argument));
  auto went = co_await ask(what, actors::admin_verb::shutdown, wait);
  if (!std::holds_alternative<done>(went) || wait != actors::end_wait::nothing)
    co_return went;
  // As PgBouncer: the end of the connection is the answer.
  co_await until_gone();
  co_return over{};
}

asio::awaitable<session::outcome> session::kill_client(const statement& what) {
  std::uint64_t number = 0;
  const auto* end = what.argument.data() + what.argument.size();
  const auto read = std::from_chars(what.argument.data(), end, number);
  if (what.argument.empty() || read.ec != std::errc{} || read.ptr != end)
    co_return complaint(ec::admin_syntax, "invalid client pointer supplied");
  auto seen
    = co_await collect(home_.parts.shards, true, home_.parts.snapshot_time_max);
  const auto who = client_id{number};
  for (const auto& shard : seen.shards) {
    for (const auto& row : shard.clients) {
      if (row.id != who)
        continue;
      home_.parts.shards.end_client(who, ec::killed_by_admin);
      complete(verb::kill_client);
      co_return done{};
    }
  }
  co_return complaint(ec::admin_unknown_target, "client not found");
}

asio::awaitable<session::outcome> session::wait_close(const statement& what) {
  auto seen
    = co_await collect(home_.parts.shards, true, home_.parts.snapshot_time_max);
  if (!is_known(seen, *home_.parts.catalog.load(), what.argument))
    co_return complaint(ec::admin_unknown_target,
                        "no such database: " + what.argument);
  auto pause = asio::steady_timer{stream_.get_executor()};
  while (is_closing(seen, what.argument) || seen.missing != 0) {
    pause.expires_after(look_again);
    auto ended = co_await (pause.async_wait(no_throw) || until_gone()
                           || interrupted_.wait());
    if (ended.index() == 1)
      co_return over{};
    if (ended.index() == 2)
      co_return protocol::make_error(ec::query_canceled);
    seen = co_await collect(home_.parts.shards, true,
                            home_.parts.snapshot_time_max);
  }
  complete(verb::wait_close);
  co_return done{};
}

asio::awaitable<void> interruption::wait() {
  co_await none_yet_.async_wait(no_throw);
}

/// Ends when the operator is gone; what it says meanwhile is kept for later.
asio::awaitable<void> session::until_gone() {
  while (stream_.buffered().size() < unread_bytes_max) {
    stream_.grant(unread_bytes_max);
    auto got = co_await stream_.read_more(unread_bytes_max);
    if (!got)
      co_return;
  }
  auto for_ever = asio::steady_timer{stream_.get_executor(),
                                     asio::steady_timer::time_point::max()};
  co_await for_ever.async_wait(no_throw);
}

/// What ADMIN knows; nothing if it takes too long to say.
asio::awaitable<std::optional<actors::admin_reply>>
session::ask_for(actors::admin_verb what) {
  auto command = actors::admin_command{what};
  auto late = asio::steady_timer{stream_.get_executor(), actors_time_max};
  auto answer = co_await (home_.parts.admin.run(std::move(command))
                          || late.async_wait(no_throw));
  auto* reply = std::get_if<0>(&answer);
  if (reply == nullptr || reply->code != ec::none)
    co_return std::nullopt;
  co_return std::move(*reply);
}

/// Just that target, "" among them; whoever paused it, and whether there is a
/// pool or not.
asio::awaitable<bool> session::is_paused(std::string target) {
  const auto reply = co_await ask_for(actors::admin_verb::show_paused);
  if (!reply)
    co_return false;
  co_return std::ranges::find(reply->paused, target) != reply->paused.end();
}

asio::awaitable<view> session::look(subject what) {
  auto& parts = home_.parts;
  auto out = view{};
  out.catalog = parts.catalog.load();
  out.version = parts.version;
  if (parts.config)
    out.config = parts.config();
  if (needs_paused(what))
    if (auto reply = co_await ask_for(actors::admin_verb::show_paused))
      out.paused = std::move(reply->paused);
  if (!needs_shards(what))
    co_return out;
  out.links = co_await collect(parts.shards, needs_links(what),
                               parts.snapshot_time_max);
  auto known = std::vector<actors::admin_pool_row>{};
  if (what == subject::pools)
    if (auto reply = co_await ask_for(actors::admin_verb::show_pools))
      known = std::move(reply->pools);
  out.pools = merge(out.links, known);
  out.totals = sum_up(out.links);
  out.averages = home_.history.averages(out.totals, clock::now());
  out.clients = parts.quotas.node_clients();
  out.servers = parts.quotas.node_servers();
  if (const auto* counters = home_.counters.load())
    out.logins = counters->logins_in_progress;
  co_return out;
}

} // namespace cenote::app
