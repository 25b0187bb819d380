// What a client's work leaves behind in the session: noted from its text, asked
// of PostgreSQL when the transaction is over, then carried (settings) or pinned
// (everything else).

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "base/limits.hpp"
#include "base/log.hpp"
#include "protocol/messages.hpp"
#include "protocol/reader.hpp"
#include "protocol/writer.hpp"
#include "proxy/client_link.hpp"
#include "proxy/lane.hpp"
#include "proxy/server_link.hpp"
#include "proxy/shard.hpp"

namespace cenote::proxy {

namespace {

using session::trace;
using session::trace_set;

/// Settings of one client that are asked for by name.
constexpr std::size_t named_settings_max = 64;

/// A Bind that names a setting is looked into if it is not longer.
constexpr std::size_t bind_bytes_max = 64 * 1024;

/// A longer name is none of a setting.
constexpr std::size_t setting_bytes_max = 127;

/// What keeps a server to one client.
constexpr trace_set pinning() noexcept {
  auto out = trace_set::all();
  out.add(trace::libraries);
  out.remove(trace::settings);
  return out;
}

/// A custom setting that was reset is still there, and empty.
bool has(const std::vector<std::pair<std::string, std::string>>& settings,
         std::string_view name) noexcept {
  return std::any_of(settings.begin(), settings.end(), [&](auto& each) {
    const auto is_empty_custom
      = each.second.empty() && name.find('.') != std::string_view::npos;
    return session::is_same_setting(each.first, name) && !is_empty_custom;
  });
}

/// Role goes last: it may forbid the others. session_authorization, which takes
/// it away, comes before it.
int rank(std::string_view setting) noexcept {
  if (setting == "role")
    return 2;
  return setting == "session_authorization" ? 1 : 0;
}

/// The end of a hint.
std::string in_session_mode(trace_set kinds) {
  return " in session mode for " + std::string{session::name(kinds)} + ".";
}

/// The text parameters of a Bind, behind its names, or of a FunctionCall;
/// `what` is called with each one's number and value. False: it is malformed.
template <class What>
bool each_parameter(std::span<const std::byte> values, What what) {
  auto in = protocol::reader{values};
  const auto formats = in.int16();
  in.byte_n(2 * std::int64_t{std::max<std::int16_t>(formats, 0)});
  const auto count = in.int16();
  for (int i = 1; i <= count && in.ok(); ++i)
    if (const auto size = in.int32(); size >= 0)
      what(i, protocol::as_text(in.byte_n(size)));
  return in.ok();
}

} // namespace

// -- noting -------------------------------------------------------------------

void client_link::note_setting(std::string_view name) {
  auto& known = prepared_->named_settings;
  if (std::find(known.begin(), known.end(), name) != known.end())
    return;
  if (known.size() >= named_settings_max)
    too_many_settings_ = true;
  else
    known.emplace_back(name);
}

void client_link::note_reset() noexcept {
  if (!std::exchange(resets_settings_, true))
    extras().reset_sequence = server_->mirror().next_sequence();
  extras().reset_batch = server_->batch();
}

void client_link::note_traces(const session::text_traces& what) {
  traces_.add(what.kinds);
  defines_ = defines_ || what.defines;
  if (what.settings.empty())
    return;
  names();
  for (const auto& name : what.settings)
    note_setting(name);
}

/// Notes what a statement leaves behind that is bound now. `more`: the names of
/// its settings are in parameters that have not come yet.
client_link::named client_link::note_bound(const session::text_traces& what,
                                           const named_message& message,
                                           std::span<const std::byte> values) {
  if (!what.setting_parameters.empty()) {
    if (message.body_bytes > bind_bytes_max)
      too_many_settings_ = true;
    else if (!message.is_whole)
      return named::more;
    each_parameter(values, [&](int number, std::string_view value) {
      const auto& all = what.setting_parameters;
      if (std::find(all.begin(), all.end(), number) != all.end()
          && value.size() <= setting_bytes_max)
        note_setting(value);
    });
  }
  note_traces(what);
  if (what.forgets_statements)
    server_->note(session::statement_change::all_forgotten, {}, {});
  return named::passed;
}

/// set_config by FunctionCall names its setting; what other functions do, the
/// text of nothing tells.
client_link::named client_link::pass_function_call(const named_message& what,
                                                   request_run& forward) {
  constexpr std::int32_t set_config_oid = 2078;
  constexpr std::uint32_t first_own_oid = 16384;
  constexpr std::size_t oid_bytes = 4;
  const auto body = what.body();
  if (body.size() < oid_bytes && !what.is_whole)
    return named::more;
  const auto function = protocol::reader{body}.int32();
  if (function == set_config_oid) {
    names();
    if (what.body_bytes > bind_bytes_max)
      too_many_settings_ = true;
    else if (!what.is_whole)
      return named::more;
    else
      each_parameter(body.subspan(oid_bytes),
                     [&](int number, std::string_view value) {
                       if (number == 1 && value.size() <= setting_bytes_max)
                         note_setting(value);
                     });
  }
  if (lane_.watch().is_watching()
      && static_cast<std::uint32_t>(function) >= first_own_oid)
    note_mention(lane_.watch().words().has_any_setting()
                   ? session::mention::changes_anything
                   : session::mention::changes);
  return pass_as_it_is(what, forward);
}

/// Where no client may keep a server, what would make it keep one fails.
client_link::named client_link::refuse_pin(const session::text_traces& what,
                                           bool is_query, request_run& forward,
                                           bool& refused) {
  auto kinds = what.kinds;
  kinds.keep(pinning());
  if (lane_.shares_listens())
    kinds.remove(trace::listens);
  // All: a text that was not understood, a procedure. PostgreSQL is asked.
  refused = lane_.settings().on_pin == tenants::pin_policy::reject
         && !kinds.empty() && what.kinds != trace_set::all();
  if (!refused)
    return named::passed;
  auto outcome
    = say_instead(protocol::error_message(ec::pin_refused, {},
                                          "Connect" + in_session_mode(kinds)),
                  forward);
  return is_query ? end_query(outcome, forward) : outcome;
}

// -- asking -------------------------------------------------------------------

std::span<const std::string> client_link::named_settings() const noexcept {
  if (!prepared_)
    return {};
  return prepared_->named_settings;
}

/// The transaction is over. True: PostgreSQL is asked what it left behind.
[[gnu::hot]] bool client_link::ask_what_is_left() {
  if (!lane_.follows_sessions() || is_handing_over())
    return false;
  auto kinds = std::exchange(traces_, {});
  follow_definitions(kinds);
  const auto is_due = lane_.watch().is_due(lane_.home().now());
  kinds.remove(trace::libraries); // A LOAD that failed: the command tag tells.
  kinds.add(session::traces_of(server_->mirror().dirt()));
  if (kinds.has(trace::libraries)) { // Stays loaded as long as the server runs.
    kinds.remove(trace::libraries);
    auto pinned = pinned_;
    pinned.add(trace::libraries);
    server_->doomed = true;
    set_pinned(pinned);
  }
  if (kinds.empty()) {
    if (is_due)
      server_->ask_watch();
    return is_due;
  }
  kinds.add(pinned_);
  if (has_own_listens())
    kinds.add(trace::listens);
  kinds.remove(trace::libraries);
  // What is sent behind the question is for the next one.
  asked_about_reset_ = std::exchange(resets_settings_, false);
  if (std::exchange(runs_watched_, false))
    server_->ask(kinds, watched_settings());
  else
    server_->ask(kinds, named_settings());
  if (is_due && server_ != nullptr)
    server_->ask_watch();
  return true;
}

/// In session mode settings stay where they are, but RESET must go back to what
/// the client gave at its start.
[[gnu::hot]] bool client_link::watches_resets() const noexcept {
  return given_ != 0 && lane_.is_session() && !lane_.is_replication();
}

/// A RESET of any protocol is over. What it left set is asked, the rest of what
/// the client gave is replayed.
[[gnu::hot]] void client_link::ask_about_reset() {
  const auto& mirror = server_->mirror();
  if (!watches_resets() || (!resets_settings_ && !mirror.saw_reset()))
    return;
  asked_about_reset_ = true;
  resets_settings_ = false;
  extras().reset_batch = server_->batch() - 1;
  traces_.add(trace::settings); // The server is reset behind this client.
  server_->ask(trace::settings, named_settings());
}

/// The batch that the client is at now is behind the RESET's, and must not go
/// before it.
bool client_link::is_before_reset() const noexcept {
  const auto& mirror = server_->mirror();
  const auto in_block = mirror.owes_nothing()
                     && mirror.status() != protocol::transaction_status::idle;
  // A Query in the middle of a batch that failed is skipped with it: what is
  // behind must go on, it has the Sync.
  const auto needs_sync
    = mirror.to_come_clean() == protocol::reply_mirror::remedy::sync;
  return server_->batch() != extras_->reset_batch && !in_block && !needs_sync;
}

void client_link::learned(trace_set asked, session::left_behind found) {
  if (asked.has(trace::listens) && !found.is_cut)
    take_listens(found);
  if (found.is_cut || too_many_settings_)
    found.kinds = trace_set::all(); // Not known: nobody else gets the server.
  else if (asked.has(trace::settings))
    take_settings(with_own(std::move(found.settings)));
  if (prepared_ && asked.has(trace::statements))
    prepared_->take_sql_names(found.statements, server_->mirror().settled());
  if (std::exchange(asked_about_reset_, false))
    server_->prepare(told_, settings(), true);
  if (phase_ == session::phase::gone || lane_.is_session())
    return;
  // A cancel that came late may have struck the question: once more.
  auto unknown = trace_set::all();
  unknown.remove(pinned_);
  if (found.is_cut && !unknown.empty())
    traces_.add(asked);
  if (pinned_.has(trace::libraries))
    found.kinds.add(trace::libraries);
  set_pinned(found.kinds);
}

void client_link::set_pinned(trace_set now) {
  const auto before = std::exchange(pinned_, now);
  if (before.empty() == now.empty())
    return;
  if (now.empty())
    return lane_.unpin();
  extras().pinned_since = lane_.home().now();
  const auto fits = lane_.pin();
  log::debug("client pinned",
             {log::kv("client", id()), log::kv("reason", session::name(now))});
  if (lane_.settings().on_pin == tenants::pin_policy::reject) {
    // No text told (DO, a function): it is done already.
    auto words = protocol::make_error(ec::pin_refused);
    const auto hint = "Connect" + in_session_mode(now);
    words.severity = words.severity_plain = "FATAL";
    words.hint = hint;
    parting().words = protocol::encoded(words);
    refuse(ec::pin_refused);
  } else if (!fits) {
    parting().words = protocol::error_message(ec::too_many_pinned, {},
                                              "Raise max_pinned, or connect"
                                                + in_session_mode(now));
    refuse(ec::too_many_pinned);
  }
}

// -- settings -----------------------------------------------------------------

/// What the session has set is what this client's next server must have.
void client_link::take_settings(
  std::vector<std::pair<std::string, std::string>> found) {
  std::vector<std::pair<std::string, std::string>> others;
  for (auto& each : found) {
    const auto index = session::reported_index(each.first);
    const auto is_login_user = each.first == "session_authorization"
                            && each.second == server_->login_user();
    if (!is_login_user && each.first != session::home_setting
        && (!index || !server_->reports(*index)))
      others.push_back(each);
  }
  std::stable_sort(others.begin(), others.end(), [](auto& a, auto& b) {
    return rank(a.first) < rank(b.first);
  });
  auto& lists = lane_.home().lists();
  auto now = lists.share(others);
  if (session::same_settings(now, settings()))
    now = settings();
  server_->took(now);
  set_settings(now);
  const auto own = given();
  if (!asked_about_reset_ || !own)
    return;
  // RESET goes back to what the client gave at its start.
  auto is_changed = false;
  for (const auto& [name, value] : *own) {
    if (has(found, name))
      continue;
    std::erase_if(others, [&](auto& each) {
      return session::is_same_setting(each.first, name);
    });
    const auto index = session::reported_index(name);
    if (index && server_->reports(*index)) {
      tell(*index, value);
    } else {
      others.insert(others.begin(), {name, value});
      is_changed = true;
    }
  }
  if (is_changed)
    set_settings(lists.share(std::move(others)));
}

/// The client's value is another than PostgreSQL just told it.
void client_link::tell(std::size_t index, std::string_view value) {
  if (told_.get(index) == value)
    return;
  told_.set(index, value);
  protocol::parameter_status status;
  const auto name = std::string{session::reported_names[index]};
  const auto text = std::string{value};
  status.name = name;
  status.value = text;
  deliver_copy(protocol::encoded(status), true);
}

} // namespace cenote::proxy
