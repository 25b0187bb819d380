// RESET and its kin by the extended protocol: to a client they go back to what
// its startup message set. The text of a Parse becomes one that does so; what
// cannot stand in one statement is carried out behind the Execute.

#include <string>
#include <utility>

#include "base/limits.hpp"
#include "protocol/messages.hpp"
#include "protocol/reader.hpp"
#include "protocol/writer.hpp"
#include "proxy/client_link.hpp"
#include "proxy/lane.hpp"
#include "proxy/message_text.hpp"
#include "proxy/server_link.hpp"
#include "proxy/shard.hpp"
#include "session/extended_batch.hpp"

namespace cenote::proxy {

using session::statement_change;

/// What the text of a Parse must say instead; empty: nothing else.
std::vector<session::replacement>
client_link::own_text(std::span<const std::byte> definition,
                      const session::text_traces& traces) const {
  if (given_ == 0)
    return {};
  return session::own_text_of_parse(session::text_of(definition), traces,
                                    *given());
}

/// A Parse whose text has become `definition` by `puts`.
client_link::named client_link::pass_own_parse(
  std::string_view name, std::span<const std::byte> definition,
  std::span<const std::byte> said, std::span<const session::replacement> puts,
  request_run& forward) {
  const auto outcome = check(server_->expect('P'), forward);
  if (outcome != named::passed)
    return outcome;
  server_->moves_text(session::text_of(said), puts, false);
  auto& out = lane_.home().scratch();
  protocol::writer to{out};
  to.begin('P');
  to.string(name);
  to.byte_n(definition);
  to.end();
  forward.add_copy(out, true);
  return named::passed;
}

// -- portals ------------------------------------------------------------------

/// The Bind that comes now makes `portal` of a statement that leaves `what`.
/// Null: it is a portal like any other.
session::own_portal* client_link::bind_own(std::string_view portal,
                                           const session::text_traces& what) {
  session::own_portal made;
  if (lane_.renames_statements())
    made.uses = what.names;
  if (given_ != 0 && (!what.says.empty() || what.resets_anything())) {
    made.says = what.says;
    if (auto behind = session::statements_behind(what, *given()))
      made.behind = std::move(*behind);
    else
      made.resets = what.resets;
  }
  if (!made.is_special())
    return nullptr;
  made.name = portal;
  names();
  return &prepared_->portals.add(std::move(made));
}

/// A portal of that name is made anew.
void client_link::unbind(std::string_view portal) {
  const auto& mirror = server_->mirror();
  auto& all = prepared_->portals;
  // None outlives its transaction.
  if (server_->begins_batch() && mirror.owes_nothing()
      && mirror.status() == protocol::transaction_status::idle)
    all.clear();
  else
    all.drop(portal);
}

/// Only where some portal is special.
client_link::named client_link::pass_execute(const named_message& what,
                                             request_run& forward) {
  if (!what.is_whole && what.body_bytes <= limits::named_bytes_max)
    return named::more;
  auto rest = what.body();
  std::string_view portal;
  const auto* found = what.is_whole && take_text(rest, portal)
                      ? prepared_->portals.find(portal)
                      : nullptr;
  if (found != nullptr && found->resets)
    note_reset();
  const auto outcome = pass_as_it_is(what, forward);
  if (outcome != named::passed || found == nullptr)
    return outcome;
  if (const session::retagging says{0, found->says}; !says.tag.empty())
    server_->retag({&says, 1});
  if (!found->uses.empty())
    note_uses(found->uses, false);
  server_->moves_text(found->text, found->puts, false);
  prepared_->behind_execute = found->behind;
  return outcome;
}

/// RESET ALL or DISCARD ALL was carried out by Execute: it went back to the
/// server's defaults. An error of these is the client's: what it sends behind
/// them is skipped for it.
client_link::named client_link::put_behind_execute(request_run& forward) {
  constexpr auto statement = session::statement_identity::setter;
  auto& out = lane_.home().scratch();
  auto& tags = lane_.home().tag_scratch();
  session::extended_batch make{out, tags};
  for (const auto& sql : std::exchange(prepared_->behind_execute, {})) {
    make.close(statement);
    make.parse(statement, sql);
    // Not the unnamed portal: the client's may have rows left.
    make.bind(statement, statement);
    make.execute(statement);
    make.close_portal(statement);
  }
  // In session mode the client may look at its prepared statements.
  if (lane_.is_session())
    make.close(statement);
  for (char tag : tags)
    if (auto code = server_->expect(tag, protocol::delivery::skip_answer);
        code != ec::none)
      return check(code, forward);
  forward.add_copy(out, true);
  return named::passed;
}

// -- session mode -------------------------------------------------------------

/// In session mode, where names are the client's own: whether RESET may be in
/// such a message, or meant by it.
[[gnu::hot]] bool
client_link::looks_into(protocol::frontend_tag tag) const noexcept {
  const auto may_reset = tag == protocol::frontend_tag::bind
                         ? prepared_ != nullptr
                         : tag == protocol::frontend_tag::query
                             || tag == protocol::frontend_tag::parse;
  return may_reset && watches_resets();
}

client_link::named client_link::pass_session_parse(const named_message& what,
                                                   request_run& forward) {
  server_->sent_batch().drop(); // Nothing is repeated in session mode.
  const auto is_long = what.body_bytes > session::own_parse_bytes_max;
  if (!what.is_whole && !is_long)
    return named::more;
  auto definition = what.body();
  std::string_view name;
  session::text_traces traces;
  std::vector<session::replacement> puts;
  std::vector<std::byte> own;
  const auto is_read = !is_long && take_text(definition, name);
  const auto sql = session::text_of(definition);
  if (is_read && session::may_leave_traces(sql)) {
    traces = session::traces_of(sql);
    puts = own_text(definition, traces);
  }
  if (!puts.empty()) {
    own = session::definition_with(definition, puts);
    traces = session::traces_of(session::text_of(own));
  }
  const auto outcome = puts.empty()
                       ? pass_as_it_is(what, forward)
                       : pass_own_parse(name, own, definition, puts, forward);
  if (outcome != named::passed)
    return outcome;
  ++lane_.sums().client_parses;
  ++lane_.sums().server_parses;
  if (what.body().front() != std::byte{0})
    server_->note_named_statement();
  if (is_read)
    keep_session_statement(name, puts.empty() ? definition : own,
                           std::move(traces));
  return outcome;
}

/// What the statement means when it is bound, if it is a RESET. A name that
/// was closed since is of no account: PostgreSQL does not know it either.
void client_link::keep_session_statement(std::string_view name,
                                         std::span<const std::byte> definition,
                                         session::text_traces traces) {
  const auto is_special = traces.resets_anything() || !traces.says.empty();
  if (!prepared_ && !is_special)
    return;
  auto& mine = names();
  if (name.empty()) {
    std::vector<std::byte> now;
    if (is_special)
      now.assign(definition.begin(), definition.end());
    auto before = std::exchange(prepared_->unnamed, std::move(now));
    prepared_->unnamed_traces
      = is_special ? std::move(traces) : session::text_traces{};
    if (is_special || !before.empty())
      server_->unnamed_parsed(id(), ++prepared_->unnamed_edition,
                              std::move(before));
    return;
  }
  if (auto was = mine.remove(name))
    server_->note(statement_change::name_removed, std::move(was), name);
  if (!is_special || mine.size() >= limits::client_statements_max)
    return;
  auto known = lane_.statements().obtain(definition);
  mine.add(name, known);
  server_->note(statement_change::name_added, std::move(known), name);
}

client_link::named client_link::pass_session_bind(const named_message& what,
                                                  request_run& forward) {
  server_->sent_batch().drop();
  auto values = what.body();
  std::string_view portal;
  std::string_view name;
  const auto is_read = take_text(values, portal) && take_text(values, name);
  if (!is_read && !what.is_whole
      && what.bytes.size() <= limits::named_bytes_max)
    return named::more;
  if (is_read && !prepared_->portals.empty())
    unbind(portal);
  const auto outcome = pass_as_it_is(what, forward);
  if (outcome != named::passed)
    return outcome;
  ++lane_.sums().binds;
  if (!is_read)
    return outcome;
  if (name.empty())
    bind_own(portal, prepared_->unnamed_traces);
  else if (const auto* found = prepared_->named.find(name))
    bind_own(portal, (*found)->traces());
  return outcome;
}

} // namespace cenote::proxy
