// A plan that is out of date: what statements' rows are like is noted where
// PostgreSQL tells it, and a batch that failed for nothing else is sent once
// more. docs/prepared-statements.md.

#include <string_view>

#include "protocol/messages.hpp"
#include "protocol/reader.hpp"
#include "protocol/writer.hpp"
#include "proxy/client_link.hpp"
#include "proxy/lane.hpp"
#include "proxy/server_link.hpp"

namespace cenote::proxy {

namespace {

using protocol::delivery;
using session::statement_change;

/// A description that is longer counts as none: PostgreSQL's 1,664 columns take
/// 136 KB.
constexpr std::size_t description_bytes_max = 256 * 1024;

bool mentions(std::span<const std::byte> bytes,
              std::string_view what) noexcept {
  return protocol::as_text(bytes).find(what) != std::string_view::npos;
}

} // namespace

// -- what rows are like -------------------------------------------------------

ec server_link::ask_for_rows(const session::statement_ref& what,
                             std::vector<std::byte>& out) {
  protocol::writer to{out};
  protocol::describe_message{protocol::target::statement, what->name()}.encode(
    to);
  protocol::flush_message{}.encode(to);
  if (auto code = expect('D', delivery::skip_answer); code != ec::none)
    return code;
  note(statement_change::asks_for_rows, what, {});
  journal_.last().on_server = *statements_.find(*what);
  asks_for_rows_ = true;
  rows_asked_of_ = what.get();
  return expect('H', delivery::skip_answer);
}

void server_link::tells_rows(const session::statement_ref& what,
                             std::string_view name, session::row_shape before,
                             bool of_portal) {
  note(statement_change::tells_rows, what, name);
  journal_.last().shape = before;
  journal_.last().of_portal = of_portal;
  if (const auto* here = statements_.find(*what))
    journal_.last().on_server = *here;
}

/// A piece of ParameterDescription, RowDescription or NoData. False: the client
/// gets it later, or never. PostgreSQL finds out only behind a
/// ParameterDescription that the rows are others now.
bool server_link::note_rows(const protocol::piece& part,
                            const protocol::reaction& what,
                            byte_run<to_client>& forward) {
  auto* asked = journal_.find_describe(what.sequence);
  if (asked == nullptr)
    return true;
  const auto is_known = part.body_bytes <= description_bytes_max;
  if (is_known)
    gather_bytes(part);
  const auto waits = part.tag == 't' && is_known
                  && asked->change == statement_change::tells_rows
                  && sent_.begins_at(what.sequence);
  if (part.starts())
    say_parameters(forward);
  if (!part.ends())
    return !waits;
  if (waits)
    withheld_parameters_ = gathered_;
  if (asked->of_portal)
    rows_.begin_portal();
  rows_.take(is_known ? part.tag : 'n',
             is_known ? std::span{gathered_}.subspan(protocol::header_bytes)
                      : std::span<std::byte>{});
  if (part.tag == 't')
    return !waits;
  auto shape = rows_.shape();
  // What is known with its parameters is known better.
  if (asked->on_server
      && !(asked->of_portal && statements_.shape(*asked->on_server) != 0))
    statements_.set_shape(asked->on_server,
                          shape != 0 ? shape : session::no_rows);
  if (shape == 0 && asked->of_portal) // Not to be noted again and again.
    shape = session::no_rows;
  if (asked->change == statement_change::asks_for_rows)
    asks_for_rows_ = false;
  else if (client_ != nullptr)
    client_->names().set_told(asked->name, asked->what, shape);
  asked->done = true;
  return true;
}

/// A ParameterDescription that was kept back.
void server_link::say_parameters(byte_run<to_client>& forward) {
  if (withheld_parameters_.empty())
    return;
  forward.add_copy(withheld_parameters_, true);
  withheld_parameters_.clear();
}

// -- once more ----------------------------------------------------------------

void server_link::keep_sent(char tag, std::span<const std::byte> bytes) {
  const auto ends_otherwise = tag == 'H' || tag == 'Q' || tag == 'F';
  if (sent_.is_whole() || ends_otherwise)
    return repeat_nothing();
  sent_.add(bytes, mirror_.next_sequence() - 1);
  if (!sent_.is_kept())
    repeat_nothing();
  else if (tag == 'S')
    sent_.end();
}

/// What was sent since cannot be taken back.
void server_link::repeat_nothing() {
  sent_.drop();
  if (withheld_error_.empty() || client_ == nullptr)
    return;
  if (!withheld_parameters_.empty())
    client_->deliver_copy(withheld_parameters_, true);
  client_->deliver_copy(withheld_error_, true);
  withheld_parameters_.clear();
  withheld_error_.clear();
}

/// PostgreSQL's plan is out of date, or ours: the client gets new ones, and may
/// not have to hear of it.
bool server_link::withholds(std::span<const std::byte> error,
                            std::uint32_t sequence) {
  if (client_ == nullptr || !mentions(error, "RevalidateCachedQuery")
      || !mentions(error, "C0A000"))
    return false;
  client_->renew_statements();
  if (!sent_.begins_at(sequence)
      || mirror_.status() != protocol::transaction_status::idle)
    return false;
  withheld_error_.assign(error.begin(), error.end());
  return true;
}

/// The batch that failed is over. False: the client was told why.
bool server_link::repeats_instead(byte_run<to_client>& forward) {
  const auto repeats = mirror_.owes_nothing()
                    && mirror_.status() == protocol::transaction_status::idle
                    && sent_.tells_rows() && client_->may_repeat();
  if (repeats) {
    repeat_due_ = true;
    repeating_ = true;
    ++lane_.sums().repeated_batches;
  } else {
    say_parameters(forward);
    forward.add_copy(withheld_error_, true);
    sent_.drop();
  }
  withheld_parameters_.clear();
  withheld_error_.clear();
  return repeats;
}

} // namespace cenote::proxy
