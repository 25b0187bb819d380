// Texts that name prepared statements, PREPARE, EXECUTE and DEALLOCATE: where a
// name was given by protocol, the server knows its statement by ours. For a
// Query see `pass_spliced`. By the extended protocol the text gets our names
// when it is bound or described, for only then they count.

#include <string>
#include <utility>

#include "protocol/messages.hpp"
#include "protocol/reader.hpp"
#include "protocol/writer.hpp"
#include "proxy/client_link.hpp"
#include "proxy/lane.hpp"
#include "proxy/message_text.hpp"
#include "proxy/server_link.hpp"
#include "proxy/shard.hpp"

namespace cenote::proxy {

using session::name_use;
using session::statement_change;
using session::statement_identity;

/// The text names something that this client has by protocol, or what it must
/// not meet.
bool client_link::names_mine(const session::text_traces& what) const noexcept {
  if (what.names.empty() || server_->mirror().is_in_failed_block())
    return false; // PostgreSQL refuses it, whatever it says.
  for (const auto& use : what.names)
    if (prepared_->named.find(use.name) != nullptr
        || statement_identity::may_be_ours(use.name))
      return true;
  return false;
}

said_text client_link::said(std::string_view name) const noexcept {
  if (!prepared_)
    return {};
  if (name.empty())
    return {name, &prepared_->unnamed_traces, prepared_->unnamed};
  const auto* found = prepared_->named.find(name);
  if (found == nullptr)
    return {};
  return {name, &(*found)->traces(), (*found)->definition()};
}

/// What the request recorded last, of a text with `uses`, does to the client's
/// names if it is carried out.
void client_link::note_uses(std::span<const session::named_in_text> uses,
                            bool is_query) {
  auto& mine = names();
  for (const auto& use : uses) {
    const auto is_mine = mine.find(use.name) != nullptr;
    if (use.use == name_use::deallocate && is_mine) {
      auto was = mine.remove(use.name);
      server_->deallocated(*was, is_query);
      server_->note(statement_change::name_removed, std::move(was), use.name,
                    is_query);
    } else if (use.use == name_use::prepare && is_mine) {
      server_->note(statement_change::must_fail, {}, use.name, is_query);
    } else if (use.use == name_use::prepare) {
      prepared_->sql_names.push_back({session::harmless_name(use.name),
                                      server_->mirror().next_sequence() - 1});
    } else if (is_mine && !is_query) {
      remember_name(use.name);
    }
  }
}

/// Makes the unnamed statement `definition` with our names in it, and puts what
/// they name on the server. `puts`: those names.
client_link::named client_link::put_named_text(
  const session::text_traces& what, std::span<const std::byte> definition,
  std::vector<session::replacement>& puts, request_run& forward) {
  const auto& mine = prepared_->named;
  for (const auto& use : what.names) {
    const auto* known = mine.find(use.name);
    if (server_->is_open(known ? known->get() : nullptr, use.name))
      return named::waits;
  }
  if (server_->is_unnamed_open())
    return named::waits;
  auto& out = lane_.home().scratch();
  for (const auto& use : what.names) {
    const auto* known = mine.find(use.name);
    if (known == nullptr) {
      if (statement_identity::may_be_ours(use.name))
        puts.push_back(harmless_name(use));
      continue;
    }
    const auto code
      = server_->put_statement(*known, protocol::delivery::skip_answer, out);
    if (code != ec::none)
      return check(code, forward);
    puts.push_back(our_name(use, **known));
  }
  const auto text = session::definition_with(definition, puts);
  // Nobody's: whoever needs the unnamed statement next parses its own.
  server_->unnamed_is_foreign();
  const auto code
    = server_->put_unnamed(id(), prepared_->unnamed_edition, text, out);
  server_->unnamed_is_foreign();
  if (code != ec::none)
    return check(code, forward);
  forward.add_copy(out, true);
  return named::passed;
}

/// A Bind of what was `said` in such a text.
client_link::named client_link::pass_naming_bind(
  const named_message& what, const said_text& said, session::own_portal& portal,
  std::span<const std::byte> values, request_run& forward) {
  if (!said.name.empty() && server_->is_open(nullptr, said.name))
    return named::waits;
  auto outcome
    = put_named_text(*said.traces, said.definition, portal.puts, forward);
  if (outcome == named::passed)
    outcome = check(server_->expect('B'), forward);
  if (outcome != named::passed)
    return outcome;
  portal.text = session::text_of(said.definition);
  prepared_->bound.what = {};
  ++lane_.sums().binds;
  auto& out = lane_.home().scratch();
  append_header('B', what.body_bytes - said.name.size(), out);
  const auto name = protocol::as_byte_span(portal.name);
  out.insert(out.end(), name.begin(), name.end());
  out.insert(out.end(), 2, std::byte{0});
  forward.add_copy(out, what.is_whole);
  put(what, values, forward);
  return named::passed;
}

client_link::named client_link::pass_naming_describe(const said_text& said,
                                                     request_run& forward) {
  if (!said.name.empty() && server_->is_open(nullptr, said.name))
    return named::waits;
  std::vector<session::replacement> puts;
  auto outcome = put_named_text(*said.traces, said.definition, puts, forward);
  if (outcome == named::passed)
    outcome = check(server_->expect('D'), forward);
  if (outcome != named::passed)
    return outcome;
  auto& out = lane_.home().scratch();
  protocol::writer to{out};
  protocol::describe_message{protocol::target::statement, {}}.encode(to);
  forward.add_copy(out, true);
  return named::passed;
}

} // namespace cenote::proxy
