// Named prepared statements where servers change: a client's names become names
// that follow from the statement (session/statements.hpp), and what its server
// lacks is parsed in front of the message that needs it. PostgreSQL answers
// everything itself, in its place in the pipeline: what must fail is sent so
// that it fails.

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>
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

namespace cenote::proxy {

namespace {

using protocol::delivery;
using protocol::header_bytes;
using session::harmless_name;
using session::statement_change;

/// What a Describe or Close is about, as far as it is here.
enum class target_name : std::uint8_t { statement, other, more };

/// `other`: a portal, or something that PostgreSQL will say is wrong.
target_name statement_named_in(std::span<const std::byte> body,
                               std::size_t body_bytes, bool is_whole,
                               std::string_view& name) {
  if (body.empty() || body.front() != std::byte{'S'}
      || body_bytes > limits::named_bytes_max)
    return target_name::other;
  if (!is_whole)
    return target_name::more;
  auto rest = body.subspan(1);
  return take_text(rest, name) && rest.empty() ? target_name::statement
                                               : target_name::other;
}

} // namespace

// -- Parse --------------------------------------------------------------------

[[gnu::hot]] client_link::named
client_link::pass_parse(const named_message& what, request_run& forward) {
  auto definition = what.body();
  if (definition.empty())
    return pass_as_it_is(what, forward);
  if (definition.front() == std::byte{0}) {
    if (!what.is_whole && given_ != 0
        && what.body_bytes <= session::own_parse_bytes_max)
      return named::more;
    ++lane_.sums().client_parses;
    ++lane_.sums().server_parses;
    names();
    std::vector<std::byte> before;
    if (server_->may_skip())
      before = prepared_->unnamed;
    begin_unnamed(definition.subspan(1), what.is_whole);
    const auto outcome = prepared_->unnamed_traces.is_nothing()
                         ? pass_as_it_is(what, forward)
                         : pass_unnamed_parse(what, forward);
    if (outcome == named::passed)
      server_->unnamed_parsed(id(), ++prepared_->unnamed_edition,
                              std::move(before));
    return outcome;
  }
  if (what.body_bytes > limits::statement_bytes_max)
    return say_instead(
      protocol::encoded(protocol::make_error(ec::statement_too_large)),
      forward);
  if (!what.is_whole)
    return named::more;
  std::string_view name;
  if (!take_text(definition, name)) // PostgreSQL says what is wrong with it.
    return pass_as_it_is(what, forward);
  names();
  if (has_sql_name(name)) { // PostgreSQL says so.
    const auto outcome = pass_as_it_is(what, forward);
    if (outcome == named::passed)
      server_->note(statement_change::must_fail, {}, name);
    return outcome;
  }
  return pass_named_parse(name, definition, forward);
}

/// One that leaves something behind.
client_link::named client_link::pass_unnamed_parse(const named_message& what,
                                                   request_run& forward) {
  const auto& traces = prepared_->unnamed_traces;
  bool is_refused = false;
  const auto outcome = refuse_pin(traces, false, forward, is_refused);
  if (is_refused)
    return outcome;
  if (what.is_whole && what.body_bytes <= session::own_parse_bytes_max)
    if (const auto puts = own_text(prepared_->unnamed, traces); !puts.empty()) {
      auto& kept = prepared_->unnamed;
      kept = session::definition_with(kept, puts);
      prepared_->unnamed_traces = session::traces_of(session::text_of(kept));
      return pass_own_parse({}, kept, what.body().subspan(1), puts, forward);
    }
  return pass_as_it_is(what, forward);
}

client_link::named
client_link::pass_named_parse(std::string_view name,
                              std::span<const std::byte> definition,
                              request_run& forward) {
  if (server_->is_open(nullptr, name))
    return named::waits;
  auto& mine = names();
  if (auto* there = mine.find(name))
    return pass_clash(name, **there, definition, forward);
  const auto is_full
    = mine.size() >= limits::client_statements_max
   || mine.bytes() + definition.size() > limits::client_statement_bytes_max
   || lane_.statements().bytes() + definition.size()
        > limits::lane_statement_bytes_max;
  if (is_full)
    return say_instead(
      protocol::encoded(protocol::make_error(ec::too_many_statements)),
      forward);
  auto known = lane_.statements().obtain(definition);
  std::vector<session::replacement> puts;
  if (definition.size() <= session::own_parse_bytes_max
      && known->traces().resets_anything())
    puts = own_text(definition, known->traces());
  if (!puts.empty())
    known
      = lane_.statements().obtain(session::definition_with(definition, puts));
  if (server_->is_open(known.get(), {}))
    return named::waits;
  bool is_refused = false;
  if (auto outcome = refuse_pin(known->traces(), false, forward, is_refused);
      is_refused)
    return outcome;
  // Made now, as it would be without us: it knows the tables of today.
  known->renew(lane_.next_edition());
  session::statement_ref what{*known};
  auto& out = lane_.home().scratch();
  const auto outcome
    = check(server_->put_statement(what, delivery::forward, out), forward);
  if (outcome != named::passed)
    return outcome;
  ++lane_.sums().client_parses;
  forward.add_copy(out, true);
  server_->moves_text(session::text_of(definition), puts, false);
  mine.add(name, what);
  server_->note(statement_change::name_added, std::move(what), name);
  return named::passed;
}

/// The name is taken: PostgreSQL says so, of the same name on the server.
client_link::named
client_link::pass_clash(std::string_view name, const session::statement& there,
                        std::span<const std::byte> definition,
                        request_run& forward) {
  const session::statement_ref* found = nullptr;
  auto outcome = find_statement(name, found, forward);
  if (outcome != named::passed)
    return outcome;
  outcome = check(server_->expect('P'), forward);
  if (outcome != named::passed)
    return outcome;
  server_->note(statement_change::must_fail, {}, name);
  auto& out = lane_.home().scratch();
  protocol::writer to{out};
  to.begin('P');
  to.string(there.name());
  to.byte_n(definition);
  to.end();
  forward.add_copy(out, true);
  return named::passed;
}

/// What the client parses unnamed, perhaps what it parsed last time: then all
/// that is known of its text holds.
[[gnu::hot]] void
client_link::begin_unnamed(std::span<const std::byte> definition,
                           bool is_whole) {
  auto& kept = prepared_->unnamed;
  if (is_whole && kept.size() == definition.size() && !kept.empty()
      && std::memcmp(kept.data(), definition.data(), kept.size()) == 0)
    return;
  kept.clear();
  keeps_unnamed_ = true;
  keep_unnamed(definition, is_whole);
}

/// The unnamed statement may be bound in a later batch, on another server.
void client_link::keep_unnamed(std::span<const std::byte> bytes, bool is_last) {
  auto& kept = prepared_->unnamed;
  prepared_->unnamed_mentions.forget();
  if (kept.size() + bytes.size() > limits::statement_bytes_max) {
    std::vector<std::byte>{}.swap(kept); // Lives as long as its server's loan.
    keeps_unnamed_ = false;
    prepared_->unnamed_traces = {};
    prepared_->unnamed_traces.kinds = session::trace_set::all();
    return;
  }
  kept.insert(kept.end(), bytes.begin(), bytes.end());
  if (!is_last)
    return;
  keeps_unnamed_ = false;
  const auto sql = session::text_of(kept);
  if (session::may_leave_traces(sql))
    prepared_->unnamed_traces = session::traces_of(sql);
  else
    prepared_->unnamed_traces = {};
}

// -- Bind, Describe, Close ----------------------------------------------------

/// The client's statement of this name, put on its server. Null: it has none.
client_link::named
client_link::find_statement(std::string_view name,
                            const session::statement_ref*& found,
                            request_run& forward) {
  if (server_->is_open(nullptr, name))
    return named::waits;
  found = prepared_ ? prepared_->named.find(name) : nullptr;
  if (found == nullptr)
    return named::passed;
  if (server_->is_open(found->get(), {}))
    return named::waits;
  auto& out = lane_.home().scratch();
  const auto code = server_->put_statement(*found, delivery::skip_answer, out);
  const auto outcome = check(code, forward);
  if (outcome == named::passed)
    forward.add_copy(out, true);
  return outcome;
}

/// Another server, or another client's Parse, may have given `what` other rows
/// than this client was told of: PostgreSQL would refuse that.
client_link::named client_link::check_rows(std::string_view name,
                                           const session::statement_ref& what,
                                           request_run& forward) {
  const auto told = prepared_->named.told(name);
  const auto& mirror = server_->mirror();
  // Where no answer can be waited for, the Bind is skipped or refused anyway.
  if (told == 0 || told == session::no_rows || mirror.is_skipping()
      || !mirror.is_certain() || mirror.is_in_failed_block()
      || mirror.copy() != protocol::reply_mirror::copy_state::none)
    return named::passed;
  auto now = server_->shape(*what);
  if (session::is_as_told(told, now))
    return named::passed;
  if (session::is_of_portal(now) && !session::is_of_portal(told))
    now = 0; // Nothing is known of its parameters.
  if (now != 0) {
    auto words = protocol::make_error(ec::plan_changed);
    words.routine = "RevalidateCachedQuery"; // Drivers look for it.
    return say_instead(protocol::encoded(words), forward);
  }
  if (server_->asks_for_rows())
    return named::waits;
  // It was answered, and nothing is known: it has gone since. Whatever
  // PostgreSQL says now is the answer.
  if (server_->has_asked_for_rows(*what))
    return named::passed;
  auto& out = lane_.home().scratch();
  const auto outcome = check(server_->ask_for_rows(what, out), forward);
  if (outcome != named::passed)
    return outcome;
  forward.add_copy(out, true);
  return named::waits;
}

[[gnu::hot]] client_link::named
client_link::give_unnamed(request_run& forward) {
  if (server_->is_unnamed_open())
    return named::waits;
  if (prepared_ && server_->has_unnamed(id(), prepared_->unnamed_edition))
    return named::passed;
  auto& out = lane_.home().scratch();
  std::span<const std::byte> definition;
  std::uint32_t edition = 0;
  if (prepared_) {
    definition = prepared_->unnamed;
    edition = prepared_->unnamed_edition;
  }
  const auto outcome
    = check(server_->put_unnamed(id(), edition, definition, out), forward);
  if (outcome == named::passed)
    forward.add_copy(out, true);
  return outcome;
}

[[gnu::hot]] client_link::named
client_link::pass_bind(const named_message& what, request_run& forward) {
  auto values = what.body();
  std::string_view portal;
  std::string_view name;
  if (!take_text(values, portal) || !take_text(values, name)) {
    if (what.is_whole || what.bytes.size() > limits::named_bytes_max)
      return pass_as_it_is(what, forward);
    return named::more;
  }
  const auto* found
    = prepared_ && !name.empty() ? prepared_->named.find(name) : nullptr;
  if (prepared_ && !prepared_->portals.empty())
    unbind(portal);
  const auto* traces = name.empty() && prepared_ ? &prepared_->unnamed_traces
                     : found != nullptr          ? &(*found)->traces()
                                                 : nullptr;
  if (lane_.watch().is_watching())
    note_bound_words(name, found, traces);
  if (traces != nullptr && !traces->empty()) {
    if (note_bound(*traces, what, values) == named::more)
      return named::more;
    if (auto came = come_home(*traces, false, forward); came != named::passed)
      return came;
    auto* own = bind_own(portal, *traces);
    const auto is_there = !name.empty() || !prepared_->unnamed.empty();
    if (own != nullptr && is_there && names_mine(*traces))
      return pass_naming_bind(what, said(name), *own, values, forward);
  }
  auto outcome = name.empty() ? give_unnamed(forward)
                              : find_statement(name, found, forward);
  if (outcome == named::passed && found != nullptr)
    outcome = check_rows(name, *found, forward);
  if (outcome != named::passed)
    return outcome;
  ++lane_.sums().binds;
  if (name.empty()) {
    if (prepared_) // Its portal may have had that one's name.
      prepared_->bound.what = {};
    return pass_as_it_is(what, forward);
  }
  outcome = check(server_->expect('B'), forward);
  if (outcome != named::passed)
    return outcome;
  remember_name(name);
  remember_portal(portal, name, found);
  const auto shown
    = found != nullptr ? std::string{(*found)->name()} : harmless_name(name);
  auto& out = lane_.home().scratch();
  append_header('B', what.body_bytes - name.size() + shown.size(), out);
  for (auto text : {portal, std::string_view{shown}}) {
    const auto bytes = protocol::as_byte_span(text);
    out.insert(out.end(), bytes.begin(), bytes.end());
    out.push_back(std::byte{0});
  }
  forward.add_copy(out, what.is_whole);
  put(what, values, forward);
  return named::passed;
}

client_link::named client_link::pass_describe(const named_message& what,
                                              request_run& forward) {
  std::string_view name;
  const auto about
    = statement_named_in(what.body(), what.body_bytes, what.is_whole, name);
  if (about != target_name::statement)
    return about == target_name::more ? named::more
                                      : pass_other_describe(what, forward);
  if (name.empty()) {
    // (What is known of its text outlives it.)
    if (prepared_ && !prepared_->unnamed.empty()
        && names_mine(prepared_->unnamed_traces))
      return pass_naming_describe(said(name), forward);
    const auto outcome = give_unnamed(forward);
    return outcome == named::passed ? pass_as_it_is(what, forward) : outcome;
  }
  const session::statement_ref* found = nullptr;
  auto outcome = find_statement(name, found, forward);
  if (outcome != named::passed)
    return outcome;
  if (found != nullptr && names_mine((*found)->traces()))
    return pass_naming_describe(said(name), forward);
  outcome = check(server_->expect('D'), forward);
  if (outcome != named::passed)
    return outcome;
  remember_name(name);
  if (found != nullptr) {
    server_->tells_rows(*found, name, prepared_->named.told(name));
    prepared_->named.set_told(name, *found, 0);
  }
  const auto shown
    = found != nullptr ? std::string{(*found)->name()} : harmless_name(name);
  auto& out = lane_.home().scratch();
  protocol::writer to{out};
  protocol::describe_message{protocol::target::statement, shown}.encode(to);
  forward.add_copy(out, true);
  return named::passed;
}

/// Of a portal: if it tells the client of a statement's rows, it is held to
/// that, too.
client_link::named client_link::pass_other_describe(const named_message& what,
                                                    request_run& forward) {
  if (!prepared_ || !prepared_->bound.what
      || what.body_bytes > limits::named_bytes_max)
    return pass_as_it_is(what, forward);
  if (!what.is_whole)
    return named::more;
  const auto outcome = pass_as_it_is(what, forward);
  auto& bound = prepared_->bound;
  auto rest = what.body();
  std::string_view portal;
  const auto is_it
    = !rest.empty() && rest.front() == std::byte{'P'}
   && bound.server == server_->id() && bound.batch == server_->batch()
   && take_text(rest = rest.subspan(1), portal) && portal == bound.portal;
  if (outcome == named::passed && is_it)
    server_->tells_rows(bound.what, bound.name, 0, true);
  if (is_it)
    bound.what = {};
  return outcome;
}

/// Only the client's name goes: the statement stays on the server, where others
/// use it. No server knows the name, so its answer is PostgreSQL's to a name
/// that is not there: the same.
client_link::named client_link::pass_close(const named_message& what,
                                           request_run& forward) {
  std::string_view name;
  const auto about
    = statement_named_in(what.body(), what.body_bytes, what.is_whole, name);
  if (about != target_name::statement)
    return about == target_name::more ? named::more
                                      : pass_as_it_is(what, forward);
  if (name.empty()) {
    auto before = drop_unnamed();
    const auto outcome = pass_as_it_is(what, forward);
    return note_dropped(outcome, std::move(before), server_->batch());
  }
  if (server_->is_open(nullptr, name))
    return named::waits;
  const auto outcome = check(server_->expect('C'), forward);
  if (outcome != named::passed)
    return outcome;
  if (prepared_)
    if (auto was = prepared_->named.remove(name))
      server_->note(statement_change::name_removed, std::move(was), name);
  if (has_sql_name(name)) {
    std::erase_if(prepared_->sql_names, [&](auto& each) {
      return each.name == session::name_key(name);
    });
    server_->note(statement_change::sql_name_removed, {}, name);
    traces_.add(session::trace::statements);
  }
  auto& out = lane_.home().scratch();
  protocol::writer to{out};
  protocol::close_message{protocol::target::statement, harmless_name(name)}
    .encode(to);
  forward.add_copy(out, true);
  return named::passed;
}

} // namespace cenote::proxy
