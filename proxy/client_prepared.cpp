// What a client has prepared, where servers change: its own names.

#include <algorithm>
#include <charconv>
#include <string>
#include <string_view>
#include <utility>

#include "protocol/messages.hpp"
#include "protocol/reader.hpp"
#include "protocol/writer.hpp"
#include "proxy/client_link.hpp"
#include "proxy/lane.hpp"
#include "proxy/server_link.hpp"

namespace cenote::proxy {

using session::name_key;
using session::statement_identity;

[[gnu::hot]] session::client_statements& client_link::names() {
  if (!prepared_)
    prepared_ = std::make_unique<prepared_state>();
  return prepared_->named;
}

/// SQL PREPARE gave it, on the server that is kept for it.
bool client_link::has_sql_name(std::string_view name) const noexcept {
  if (!prepared_)
    return false;
  const auto& all = prepared_->sql_names;
  return std::any_of(all.begin(), all.end(),
                     [&](auto& each) { return each.name == name_key(name); });
}

void client_link::restore_sql_name(std::string_view name) {
  names();
  prepared_->sql_names.push_back(
    {std::string{name}, server_->mirror().settled() - 1});
}

/// What was prepared before the request of this sequence is gone.
void prepared_state::forget_sql_names(std::uint32_t sequence) noexcept {
  std::erase_if(sql_names, [&](auto& each) {
    return static_cast<std::int32_t>(each.since - sequence) < 0;
  });
}

/// PostgreSQL told them before the request of this sequence.
void prepared_state::take_sql_names(std::vector<std::string>& names,
                                    std::uint32_t sequence) {
  forget_sql_names(sequence);
  for (auto& each : names)
    sql_names.push_back({std::move(each), sequence - 1});
}

/// DEALLOCATE ALL was the request of this sequence.
void client_link::forgot_all(std::uint32_t sequence) noexcept {
  names().clear();
  prepared_->forget_sql_names(sequence);
  if (std::exchange(discards_, false) && listens() != nullptr)
    listens()->discarded();
}

void client_link::forget_unnamed() noexcept {
  if (prepared_)
    prepared_->unnamed.clear();
}

/// A Query or Close drops the unnamed statement; not so if it is skipped with
/// the batch that it is in: then what was there is returned, if anything was.
[[gnu::hot]] std::optional<std::vector<std::byte>> client_link::drop_unnamed() {
  std::optional<std::vector<std::byte>> before;
  if (server_->may_skip() && prepared_)
    before = std::exchange(prepared_->unnamed, {});
  server_->unnamed_is_foreign();
  forget_unnamed();
  return before;
}

/// The request recorded last, of `batch`, drops it if it was passed on.
[[gnu::hot]] client_link::named
client_link::note_dropped(named outcome,
                          std::optional<std::vector<std::byte>> before,
                          std::uint32_t batch) {
  if (!prepared_)
    return outcome;
  if (outcome != named::passed) {
    if (before)
      prepared_->unnamed = std::move(*before);
    return outcome;
  }
  // What was parsed before and is undone yet must not come back.
  ++prepared_->unnamed_edition;
  // Also if there was nothing: because of a Query before it, perhaps, that is
  // skipped, too.
  if (before)
    server_->unnamed_dropped(prepared_->unnamed_edition, batch,
                             std::move(*before));
  return outcome;
}

void client_link::restore_unnamed(std::uint32_t edition,
                                  std::vector<std::byte> before) {
  if (!prepared_ || prepared_->unnamed_edition != edition)
    return; // There is a later one.
  prepared_->unnamed = std::move(before);
  prepared_->unnamed_edition = edition - 1; // One more may be undone.
  prepared_->unnamed_mentions.forget();
  prepared_->unnamed_traces
    = session::traces_of(session::text_of(prepared_->unnamed));
}

void client_link::renew_statements() noexcept {
  prepared_->named.renew(lane_.next_edition());
}

/// If the request recorded last fails: the name it is about.
void client_link::remember_name(std::string_view name) {
  const auto is_cut = name_key(name).size() < name.size();
  if (prepared_ && (is_cut || prepared_->named.has_twins()))
    server_->note(session::statement_change::says_name, {}, name);
}

/// The Bind recorded last made `portal` of the client's `name`.
void client_link::remember_portal(std::string_view portal,
                                  std::string_view name,
                                  const session::statement_ref* what) {
  if (!prepared_)
    return;
  auto& bound = prepared_->bound;
  if (what == nullptr || prepared_->named.told(name) != 0
      || !session::keeps_its_rows(session::text_of((*what)->definition()))) {
    bound.what = {};
    return;
  }
  bound.what = *what;
  bound.name = name;
  bound.portal = portal;
  bound.server = server_->id();
  bound.batch = server_->batch();
}

namespace {

/// In the text of an ErrorResponse: field P, if the error is about a text that
/// was changed on its way.
void show_own_position(std::string& error,
                       const session::statement_journal& journal,
                       std::uint32_t sequence) {
  if (!journal.has_moved_text(sequence))
    return;
  for (auto at = protocol::header_bytes; at < error.size() && error[at] != 0;) {
    const auto end = std::min(error.find('\0', at), error.size());
    const auto value = error.substr(at + 1, end - at - 1);
    std::int32_t position = 0;
    std::from_chars(value.data(), value.data() + value.size(), position);
    if (error[at] == 'P') {
      error.replace(at + 1, value.size(),
                    std::to_string(journal.own_position(sequence, position)));
      return;
    }
    at = end + 1;
  }
}

} // namespace

void client_link::show_own_names(std::vector<std::byte>& error,
                                 const session::statement_journal& journal,
                                 std::uint32_t sequence) const {
  constexpr auto name_bytes
    = statement_identity::prefix.size() + statement_identity::digits;
  const auto own_name = [&](std::string_view on_server) {
    const auto said = journal.name_at(sequence);
    if (const auto* what = prepared_->named.find(said);
        what != nullptr && (*what)->name() == on_server)
      return said;
    return prepared_->named.name_of(on_server, [&](std::string_view name) {
      return journal.is_added_after(sequence, name);
    });
  };
  const auto text = protocol::as_text(error);
  std::string shown;
  std::size_t from = 0;
  for (;;) {
    const auto at = text.find(statement_identity::prefix, from);
    if (at == std::string_view::npos || text.size() - at < name_bytes)
      break;
    const auto on_server = text.substr(at, name_bytes);
    const auto own = own_name(on_server);
    shown += text.substr(from, at - from);
    shown += own.empty() ? on_server : own;
    from = at + name_bytes;
  }
  shown += text.substr(from);
  show_own_position(shown, journal, sequence);
  std::vector<std::byte> made;
  protocol::writer to{made};
  to.begin('E');
  to.byte_n(std::string_view{shown}.substr(protocol::header_bytes));
  to.end();
  error = std::move(made);
}

} // namespace cenote::proxy
