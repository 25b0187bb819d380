#include "proxy/edge/login.hpp"

#include <utility>

#include "protocol/messages.hpp"
#include "protocol/writer.hpp"
#include "proxy/edge/identity.hpp"
#include "proxy/edge/startup.hpp"

namespace cenote::proxy::edge {

namespace {

net::packed_address packed(const net::address& at) noexcept {
  return at.is_unix ? net::packed_address{}
                    : net::packed_address{at.host, at.port};
}

/// Pool, quota units and seat of an authenticated client. The settings of a
/// replication connection become its pool's.
asio::awaitable<outcome<admission>>
subscribe(identity& whom, std::optional<tenants::pool_mode> mode,
          login_services& with) {
  auto startup = tenants::startup_parameters{};
  if (!whom.replication.empty()) {
    startup = std::exchange(whom.settings, {});
    startup.emplace(startup.begin(), "replication", whom.replication);
  }
  auto where = with.lookup.find(with.catalog.load(), whom.tenant, whom.user,
                                whom.database, mode, std::move(startup));
  if (!where) {
    if (where.error().code != ec::unknown_database)
      co_return rejection{where.error()};
    auto out = protocol::make_error(ec::unknown_database);
    out.message = "database \"" + whom.database + "\" does not exist";
    auto why = rejection{where.error()};
    why.server_error
      = std::make_shared<const std::vector<std::byte>>(protocol::encoded(out));
    co_return why;
  }
  auto units = quota_book::take(where->quotas);
  if (!units)
    co_return rejection{units.error()};
  auto answer = co_await with.pools.subscribe(
    std::move(where->spec), next_client_id(), std::move(*units));
  if (auto* no = std::get_if<refusal>(&answer))
    co_return rejection{std::move(*no)};
  co_return std::move(*std::get_if<admission>(&answer));
}

/// Stages 5 and 6.
asio::awaitable<outcome<arrival>>
join_pool(net::edge_stream& stream, identity whom, auth_farewell farewell,
          std::optional<tenants::pool_mode> mode, login_services& with,
          login_record& record) {
  record.stage = login_stage::subscribe;
  auto seated = co_await subscribe(whom, mode, with);
  if (auto* why = std::get_if<rejection>(&seated)) {
    why->farewell = std::move(farewell);
    co_return std::move(*why);
  }
  record.stage = login_stage::greet;
  auto& seat = *std::get_if<admission>(&seated);
  auto to = protocol::writer{farewell};
  protocol::authentication_ok{}.encode(to);
  const auto lane = seat.lane;
  auto profile = make_profile(std::move(whom));
  auto client
    = make_adoption(std::move(profile), std::move(seat), std::move(farewell));
  client.peer = packed(stream.peer());
  client.local = packed(stream.local());
  client.is_tls = stream.is_tls();
  co_return arrival{welcomed{lane, std::move(client)}};
}

} // namespace

client_adoption make_adoption(client_profile_ptr profile, admission&& seat,
                              std::vector<std::byte>&& last_words) {
  auto out = client_adoption{};
  out.seat = std::move(seat.seat);
  out.greet = std::move(seat.greet);
  out.last_words = std::move(last_words);
  out.profile = std::move(profile);
  return out;
}

client_profile_ptr make_profile(identity whom) {
  auto out = std::make_shared<client_profile>();
  out->user = std::move(whom.user);
  out->database = std::move(whom.database);
  out->application_name = std::move(whom.application_name);
  out->has_long_key = whom.has_long_key;
  out->settings = std::move(whom.settings);
  return out;
}

client_id next_client_id() noexcept {
  static std::atomic<std::uint64_t> last{0};
  return client_id{last.fetch_add(1, std::memory_order_relaxed) + 1};
}

namespace {

/// Stages 2 and 3. Nothing: `begun.whom` is set, and the login goes on.
asio::awaitable<std::optional<outcome<arrival>>>
find_out_who(net::edge_stream& stream, edge_settings_ptr settings,
             begun_login& begun, login_services& with) {
  auto first = co_await read_startup(stream, settings, begun.tls_was_refused);
  if (auto* why = std::get_if<rejection>(&first))
    co_return outcome<arrival>{std::move(*why)};
  auto& wish = *std::get_if<first_wish>(&first);
  if (auto* cancel = std::get_if<protocol::cancel_request>(&wish))
    co_return outcome<arrival>{arrival{std::move(*cancel)}};
  const auto& hello = *std::get_if<protocol::startup_message>(&wish);
  auto& record = begun.record;
  record.stage = login_stage::resolve;
  record.user = hello.find("user");
  record.database = hello.find("database");
  const auto sni
    = stream.is_tls() ? stream.tls()->server_name() : std::string{};
  auto catalog = with.catalog.load();
  auto found = resolve_identity(hello, sni, *catalog, *settings);
  if (auto* why = std::get_if<rejection>(&found))
    co_return outcome<arrival>{std::move(*why)};
  begun.whom = std::move(*std::get_if<identity>(&found));
  note_identity(record, *begun.whom);
  co_return std::nullopt;
}

} // namespace

asio::awaitable<outcome<arrival>> log_in(net::edge_stream& stream,
                                         edge_settings_ptr settings,
                                         begun_login& begun,
                                         login_services& with) {
  if (!begun.whom) {
    auto met = co_await find_out_who(stream, std::move(settings), begun, with);
    if (met)
      co_return std::move(*met);
  }
  auto& whom = *begun.whom;
  auto proven
    = co_await authenticate(stream, whom, with.auth, std::move(begun.answer));
  if (auto* why = std::get_if<rejection>(&proven))
    co_return std::move(*why);
  auto& farewell = *std::get_if<auth_farewell>(&proven);
  auto& record = begun.record;
  if (!whom.is_console)
    co_return co_await join_pool(stream, std::move(whom), std::move(farewell),
                                 begun.mode, with, record);
  record.stage = login_stage::greet;
  auto sent = co_await stream.write(std::move(farewell));
  if (!sent)
    co_return lost_client(sent.error());
  co_return arrival{console_login{std::move(whom.user), whom.may_change}};
}

} // namespace cenote::proxy::edge
