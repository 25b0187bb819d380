// A simple query where servers change: its text is looked at where it asks for
// that, our names are put into it, what goes back to a default goes back to the
// client's.

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/limits.hpp"
#include "protocol/messages.hpp"
#include "protocol/writer.hpp"
#include "proxy/client_link.hpp"
#include "proxy/lane.hpp"
#include "proxy/server_link.hpp"
#include "proxy/shard.hpp"
#include "session/extended_batch.hpp"

namespace cenote::proxy {

using protocol::delivery;
using session::statement_identity;
using session::trace_set;

namespace {

/// PostgreSQL's words.
std::vector<std::byte> exists_already(std::string_view name) {
  auto words = protocol::make_error(ec::statement_exists);
  const auto text
    = "prepared statement \"" + std::string{name} + "\" already exists";
  words.message = text;
  return protocol::encoded(words);
}

/// Of long names in `sql` that get ours in their place PostgreSQL would have
/// said that they are cut. Its scanner says it here, in a batch of its own;
/// whether the client wants to hear it is PostgreSQL's affair.
ec put_cut_names(std::string_view sql,
                 std::span<const session::named_in_text> uses,
                 const session::client_statements& mine, server_link& server,
                 std::vector<std::byte>& out) {
  if (!server.begins_batch())
    return ec::none; // They stay in the text.
  std::string tags;
  session::extended_batch make{out, tags};
  for (const auto& use : uses) {
    const auto said = sql.substr(use.at, use.size);
    if (session::name_key(said).size() == said.size()
        || mine.find(use.name) == nullptr)
      continue;
    make.parse({}, "deallocate " + std::string{said});
    make.sync();
    server.unnamed_is_foreign();
  }
  for (const char tag : tags)
    if (auto code = server.expect(tag, tag == 'P' ? delivery::skip_but_notices
                                                  : delivery::skip);
        code != ec::none)
      return code;
  return ec::none;
}

} // namespace

/// A simple query, whole, that leaves nothing behind, of a client that has
/// prepared nothing: the way of most goes past all that follows here.
[[gnu::hot]] bool
client_link::is_plain_query(const protocol::piece& part) const noexcept {
  return part.tag == 'Q' && part.which == protocol::part::whole && !prepared_
      && lane_.renames_statements() && !lane_.watch().is_watching()
      && !session::may_leave_traces(
           session::text_of(part.bytes.subspan(protocol::header_bytes)));
}

/// A simple query: its text is looked at where it asks for that.
[[gnu::hot]] client_link::named
client_link::pass_query(const named_message& what, request_run& forward) {
  if (!what.is_whole && what.body_bytes <= limits::look_bytes_max)
    return named::more;
  session::text_traces found;
  if (!what.is_whole) { // Too long to be looked at.
    found.kinds = trace_set::all();
    if (lane_.watch().is_watching())
      note_mention(session::mention::changes);
  } else {
    const auto sql = session::text_of(what.body());
    if (lane_.watch().is_watching())
      note_mention(lane_.watch().look_at(sql));
    if (!watches_resets() && !session::may_leave_traces(sql))
      return pass_plain_query(what, forward);
    found = session::traces_of(sql);
  }
  session::own_defaults own;
  if (given_ != 0 && found.resets_anything()) {
    own = session::with_own_defaults(found, *given());
    found.resets = found.resets && !own.is_complete;
  }
  if (watches_resets()) {
    if (found.resets)
      note_reset();
    found.names.clear();
    return own.puts.empty() ? pass_as_it_is(what, forward)
                            : pass_spliced(what, found, own, forward);
  }
  bool is_refused = false;
  auto outcome = refuse_pin(found, true, forward, is_refused);
  if (is_refused)
    return outcome;
  outcome = come_home(found, true, forward);
  if (outcome != named::passed)
    return outcome;
  auto before = drop_unnamed();
  if (found.resets && given_ != 0)
    note_reset();
  if (!found.empty())
    note_traces(found);
  if (lane_.watch().is_watching() && session::runs_prepared(found))
    note_mention(session::mention::changes);
  outcome = found.names.empty() && own.puts.empty()
            ? pass_as_it_is(what, forward)
            : pass_spliced(what, found, own, forward);
  if (outcome == named::passed && found.forgets_statements)
    server_->note(session::statement_change::all_forgotten, {}, {}, true);
  return note_dropped(outcome, std::move(before), server_->batch() - 1);
}

/// One that leaves nothing behind, and drops the unnamed statement.
[[gnu::hot]] client_link::named
client_link::pass_plain_query(const named_message& what, request_run& forward) {
  auto before = drop_unnamed();
  const auto outcome = pass_as_it_is(what, forward);
  return note_dropped(outcome, std::move(before), server_->batch() - 1);
}

/// PREPARE, EXECUTE and DEALLOCATE of names that the client gave by protocol:
/// our names are put in their places. What goes back to a default goes back to
/// the client's.
client_link::named client_link::pass_spliced(const named_message& what,
                                             const session::text_traces& found,
                                             session::own_defaults& own,
                                             request_run& forward) {
  using session::name_use;
  auto& mine = names();
  auto& out = lane_.home().scratch();
  // Alone a PREPARE of a taken name fails on the server, after whatever else is
  // wrong with it.
  const auto is_alone = found.names.size() == 1 && !found.forgets_statements
                     && server_->begins_batch();
  const auto has_failed = server_->mirror().is_in_failed_block();
  const session::named_in_text* clash = nullptr;
  for (const auto& use : found.names) {
    const auto* known = mine.find(use.name);
    if (server_->is_open(known ? known->get() : nullptr, use.name))
      return named::waits;
    if (known == nullptr || use.use != name_use::prepare)
      continue;
    if (has_failed)
      return pass_as_it_is(what, forward); // PostgreSQL refuses it.
    if (!is_alone) {
      clash = &use;
      break;
    }
  }
  const auto sql = session::text_of(what.body());
  if (auto code = put_cut_names(sql, found.names, mine, *server_, out);
      code != ec::none)
    return check(code, forward);
  if (clash != nullptr) {
    forward.add_copy(out, true);
    return say_query_fails(exists_already(clash->name), forward);
  }
  auto& puts = own.puts;
  for (const auto& use : found.names) {
    auto* known = mine.find(use.name);
    if (known == nullptr && statement_identity::may_be_ours(use.name))
      puts.push_back(harmless_name(use));
    // In the middle of a batch nothing can be put in front of a Query.
    if (known == nullptr || !server_->begins_batch())
      continue;
    if (auto code = server_->put_for_query(*known, out); code != ec::none)
      return check(code, forward);
    puts.push_back(our_name(use, **known));
  }
  std::sort(puts.begin(), puts.end(),
            [](auto& a, auto& b) { return a.at < b.at; });
  forward.add_copy(out, true);
  if (auto code = server_->expect('Q'); code != ec::none)
    return check(code, forward);
  note_uses(found.names, true);
  const auto text = session::put_into(sql, puts);
  server_->moves_text(sql, puts, true);
  server_->retag(own.retags);
  auto& query = lane_.home().scratch();
  protocol::writer to{query};
  protocol::query_message{text}.encode(to);
  forward.add_copy(query, true);
  return named::passed;
}

client_link::named client_link::say_query_fails(std::vector<std::byte> words,
                                                request_run& forward) {
  return end_query(say_instead(std::move(words), forward), forward);
}

/// Behind what was said instead of a Query: its ReadyForQuery.
client_link::named client_link::end_query(named outcome, request_run& forward) {
  if (outcome != named::dropped)
    return outcome;
  outcome = check(server_->expect('S'), forward);
  if (outcome != named::passed)
    return outcome;
  forward.add_copy(protocol::encoded(protocol::sync_message{}), true);
  return named::dropped;
}

} // namespace cenote::proxy
