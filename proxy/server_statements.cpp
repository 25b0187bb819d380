// Prepared statements on a server: which it holds, and what its answers say of
// those that are on their way.

#include <algorithm>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/limits.hpp"
#include "protocol/messages.hpp"
#include "protocol/reader.hpp"
#include "protocol/writer.hpp"
#include "proxy/client_link.hpp"
#include "proxy/lane.hpp"
#include "proxy/server_link.hpp"
#include "proxy/shard.hpp"

namespace cenote::proxy {

namespace {

using protocol::delivery;
using session::statement_change;
using session::statement_identity;

/// Names that no statement has.
constexpr std::string_view trial_name = "cenote_trial";
constexpr std::string_view missing_name = "cenote_missing";

/// An ErrorResponse longer than this keeps our names in its text.
constexpr std::size_t error_bytes_max = 64 * 1024;

void append_parse(std::string_view name, std::span<const std::byte> definition,
                  std::vector<std::byte>& out) {
  protocol::writer to{out};
  to.begin('P');
  to.string(name);
  to.byte_n(definition);
  to.end();
}

void append_close(std::string_view name, std::vector<std::byte>& out) {
  protocol::writer to{out};
  protocol::close_message{protocol::target::statement, name}.encode(to);
}

bool mentions(std::span<const std::byte> bytes,
              std::string_view what) noexcept {
  return protocol::as_text(bytes).find(what) != std::string_view::npos;
}

} // namespace

// -- towards the server -------------------------------------------------------

void server_link::note(statement_change change, session::statement_ref what,
                       std::string_view name, bool of_query) {
  // A Query ends its batch: what follows is in another.
  const auto batch = of_query ? batch_ - 1 : batch_;
  journal_.note(mirror_.next_sequence() - 1, batch, change, std::move(what),
                name);
}

void server_link::moves_text(std::string_view text,
                             std::span<const session::replacement> puts,
                             bool of_query) {
  session::each_move(text, puts, [&](std::int32_t at, std::int32_t longer_by) {
    note(statement_change::moves_text, {}, {}, of_query);
    journal_.last().at = static_cast<std::uint32_t>(at);
    journal_.last().longer_by = longer_by;
  });
}

ec server_link::put_for_query(const session::statement_ref& what,
                              std::vector<std::byte>& out) {
  if (statements_.use(what))
    return ec::none;
  if (auto code = put_statement(what, delivery::skip, out); code != ec::none)
    return code;
  protocol::writer to{out};
  protocol::sync_message{}.encode(to);
  return expect('S', delivery::skip);
}

void server_link::deallocated(session::statement& what, bool by_query) {
  if (const auto* held = statements_.find(what))
    note(statement_change::server_lost, *held, {}, by_query);
  statements_.remove(what);
}

ec server_link::put_statement(const session::statement_ref& what, delivery how,
                              std::vector<std::byte>& out) {
  if (how != delivery::forward && statements_.use(what))
    return ec::none;
  // In a failed transaction PostgreSQL refuses a Parse: what is there must not
  // be lost for that.
  if (mirror_.status() == protocol::transaction_status::failed
      && statements_.find(*what) != nullptr) {
    append_parse(trial_name, what->definition(), out);
    append_close(trial_name, out);
    if (auto code = expect('P', how); code != ec::none)
      return code;
    return expect('C', delivery::skip_answer);
  }
  auto evict = [&](session::statement_ref old) {
    append_close(old->name(), out);
    if (auto code = expect('C', delivery::skip_answer); code != ec::none)
      return code;
    note(statement_change::server_lost, old, {});
    statements_.remove(*old);
    return ec::none;
  };
  // Another edition of it, or the client's own Parse: made now, as it would be
  // without us, so that it knows the tables of today.
  if (const auto* held = statements_.find(*what)) {
    if (auto code = evict(*held); code != ec::none)
      return code;
  } else if (statements_doubted_) {
    // It may be there. If this is skipped we know no more than before.
    append_close(what->name(), out);
    if (auto code = expect('C', delivery::skip_answer); code != ec::none)
      return code;
  }
  while (statements_.size() >= lane_.settings().prepared_statements_max)
    if (auto code = evict(*statements_.coldest()); code != ec::none)
      return code;
  rows_asked_of_ = nullptr;
  append_parse(what->name(), what->definition(), out);
  if (auto code = expect('P', how); code != ec::none)
    return code;
  ++lane_.sums().server_parses;
  const session::statement_ref now{*what}; // The edition of today.
  note(statement_change::server_has, now, {});
  statements_.add(now);
  return ec::none;
}

[[gnu::hot]] void server_link::unnamed_parsed(client_id whose,
                                              std::uint32_t edition,
                                              std::vector<std::byte> before) {
  const auto was = std::exchange(unnamed_, unnamed_owner{whose, edition});
  note(statement_change::unnamed, {}, {});
  journal_.last().previous = was.whose == whose ? was.edition : 0;
  journal_.last().edition = edition;
  journal_.last().words = std::move(before);
}

void server_link::unnamed_dropped(std::uint32_t edition, std::uint32_t batch,
                                  std::vector<std::byte> before) {
  journal_.note(mirror_.next_sequence() - 1, batch,
                statement_change::unnamed_dropped);
  journal_.last().edition = edition;
  journal_.last().words = std::move(before);
}

ec server_link::put_unnamed(client_id whose, std::uint32_t edition,
                            std::span<const std::byte> definition,
                            std::vector<std::byte>& out) {
  const auto wanted = unnamed_owner{whose, edition};
  if (unnamed_ == wanted)
    return ec::none;
  if (definition.empty())
    append_close({}, out);
  else
    append_parse({}, definition, out);
  if (auto code = expect(definition.empty() ? 'C' : 'P', delivery::skip_answer);
      code != ec::none)
    return code;
  note(statement_change::unnamed_ours, {}, {});
  journal_.last().edition = edition;
  unnamed_ = wanted;
  return ec::none;
}

ec server_link::put_error(std::vector<std::byte> words,
                          std::vector<std::byte>& out) {
  protocol::writer to{out};
  to.begin('B');
  to.string({});
  to.string(missing_name);
  to.int16(2); // Formats of two parameters, and none: it fails also if SQL has
  to.int16(0); // made a statement of that name.
  to.int16(0);
  to.int16(0);
  to.int16(0);
  to.end();
  auto code = expect('B', delivery::as_error);
  note(statement_change::error_instead, {}, {});
  journal_.last().words = std::move(words);
  return code;
}

// -- what the answers say -----------------------------------------------------

[[gnu::hot]] void
server_link::settle_statements(const protocol::piece& part,
                               const protocol::reaction& what) {
  if (part.tag == '1' || part.tag == '3' || part.tag == 'C' || part.tag == 'I')
    journal_.done(what.sequence);
  else if (part.tag == 'E')
    journal_.failed(what.sequence);
  // The server did not have what we thought: now it has something else under
  // its name. It is of no use to anybody.
  if ((part.tag == '1' || part.tag == 'C')
      && journal_.is_done_wrongly(what.sequence))
    doomed = true;
  if (what.forgot_statements)
    forget_statements(what.sequence);
  journal_.settle(mirror_.settled(), [&](auto& late) {
    undo(late, part.tag == 'E' && late.sequence == what.sequence);
  });
}

bool server_link::settle_skipped() {
  return journal_.settle(mirror_.settled(),
                         [&](auto& late) { undo(late, false); });
}

/// PostgreSQL did not do it: things are as they were before.
void server_link::undo(session::statement_journal::entry& what,
                       bool has_failed) {
  switch (what.change) {
    case statement_change::server_has:
      statements_.remove(*what.what);
      break;
    case statement_change::server_lost:
      if (!statements_doubted_)
        statements_.add(what.what);
      break;
    case statement_change::name_added:
      if (client_ != nullptr)
        client_->names().remove(what.name);
      break;
    case statement_change::name_removed:
      if (client_ != nullptr)
        client_->names().add(what.name, what.what);
      break;
    case statement_change::sql_name_removed:
      if (client_ != nullptr)
        client_->restore_sql_name(what.name);
      break;
    case statement_change::unnamed_dropped:
      journal_.forget_unnamed(what.edition, what.words);
      if (client_ != nullptr)
        client_->restore_unnamed(what.edition, std::move(what.words));
      break;
    case statement_change::unnamed: // A Parse that fails drops the old one,
                                    // too.
      if (has_failed)
        what.words.clear();
      journal_.forget_unnamed(what.edition, what.words);
      if (client_ != nullptr)
        client_->restore_unnamed(what.edition, std::move(what.words));
      // It was skipped: the server has what it had.
      if (!has_failed && what.previous != 0
          && unnamed_.edition == what.edition) {
        unnamed_.edition = what.previous;
        break;
      }
      [[fallthrough]];
    case statement_change::unnamed_ours:
      if (unnamed_.edition == what.edition)
        unnamed_is_foreign();
      break;
    case statement_change::tells_rows:
      if (client_ != nullptr)
        client_->names().set_told(what.name, what.what, what.shape);
      break;
    case statement_change::asks_for_rows:
      asks_for_rows_ = false;
      break;
    case statement_change::must_fail:
    case statement_change::all_forgotten:
    case statement_change::error_instead:
    case statement_change::says_name:
    case statement_change::moves_text:
      break;
  }
}

/// DEALLOCATE ALL, DISCARD ALL: only what is prepared behind it will be there.
void server_link::forget_statements(std::uint32_t sequence) {
  statements_.clear();
  statements_doubted_ = false;
  knows_asker_ = false;
  unnamed_is_foreign();
  if (client_ != nullptr)
    client_->forgot_all(sequence);
  journal_.each([this](session::statement_journal::entry& coming) {
    if (coming.change == statement_change::server_has)
      statements_.add(coming.what);
    else if (coming.change == statement_change::server_lost)
      statements_.remove(*coming.what);
    else if (client_ == nullptr)
      return;
    else if (coming.change == statement_change::name_added)
      client_->names().add(coming.name, coming.what);
    else if (coming.change == statement_change::name_removed)
      client_->names().remove(coming.name);
  });
}

void server_link::retag(std::span<const session::retagging> what) {
  for (const auto& each : what)
    other_tags_.push_back({mirror_.next_sequence() - 1, each});
}

/// A piece of a CommandComplete. True: the client gets another, or none.
bool server_link::tells_other_tag(const protocol::piece& part,
                                  std::uint32_t sequence,
                                  byte_run<to_client>& forward) {
  if (!part.starts())
    return is_other_tag_;
  if (std::exchange(completed_of_, sequence) != sequence)
    completed_ = 0;
  const auto number = completed_++;
  // Others before it failed, or were skipped.
  std::erase_if(other_tags_, [&](const other_tag& each) {
    const auto behind = static_cast<std::int32_t>(each.sequence - sequence);
    return behind < 0 || (behind == 0 && each.what.statement < number);
  });
  is_other_tag_ = !other_tags_.empty()
               && other_tags_.front().sequence == sequence
               && other_tags_.front().what.statement == number;
  if (!is_other_tag_)
    return false;
  if (const auto tag = other_tags_.front().what.tag; !tag.empty())
    forward.add_copy(protocol::encoded(protocol::command_complete{tag}), true);
  return true;
}

/// An ErrorResponse for the client: as it is, or with the client's own names in
/// it, or another in its place.
void server_link::take_error(const protocol::piece& part,
                             const protocol::reaction& what,
                             byte_run<to_client>& forward) {
  if (what.how == delivery::as_error && !what.fatal) {
    if (!part.ends())
      return;
    if (auto* instead = journal_.find_error(what.sequence);
        instead != nullptr && !withholds(instead->words, what.sequence))
      forward.add_copy(instead->words, true);
    return;
  }
  if (client_ == nullptr
      || (!client_->has_names() && withheld_parameters_.empty()
          && !journal_.has_moved_text(what.sequence)))
    return forward.add(part);
  if (part.body_bytes > error_bytes_max) {
    say_parameters(forward);
    return forward.add(part);
  }
  gather_bytes(part);
  if (!part.ends() || withholds(gathered_, what.sequence))
    return;
  say_parameters(forward);
  const auto names_ours = mentions(gathered_, statement_identity::prefix);
  if (names_ours || journal_.has_moved_text(what.sequence)) {
    // A function may have deallocated what we put there: what is needed is
    // closed, should it be there, and parsed.
    if (names_ours && mentions(gathered_, "C26000")) {
      statements_doubted_ = true;
      statements_.clear();
    }
    client_->show_own_names(gathered_, journal_, what.sequence);
  }
  forward.add_copy(gathered_, true);
}

} // namespace cenote::proxy
