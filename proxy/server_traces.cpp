// What a transaction left behind on its server: PostgreSQL is asked, in the
// same pipeline, while the client may go on.

#include <utility>

#include "base/log.hpp"
#include "protocol/messages.hpp"
#include "proxy/client_link.hpp"
#include "proxy/lane.hpp"
#include "proxy/server_link.hpp"
#include "proxy/shard.hpp"

namespace cenote::proxy {

namespace {

/// What a function leaves behind that is asked after.
bool may_be_anything(session::trace_set kinds) noexcept {
  kinds.add(session::trace::statements);
  return kinds == session::trace_set::all();
}

} // namespace

void server_link::ask(session::trace_set kinds,
                      std::span<const std::string> named) {
  auto& out = lane_.home().scratch();
  auto& tags = lane_.home().tag_scratch();
  // In session mode the client may look at its prepared statements.
  auto how = session::asker::once;
  if (!lane_.is_session())
    // A text that prepares may have put its own under the question's name.
    how = std::exchange(knows_asker_, true)
           && !kinds.has(session::trace::statements)
          ? session::asker::known
          : session::asker::stays;
  if (may_be_anything(kinds))
    kinds = session::trace_set::all();
  session::append_question(out, tags, how, kinds, named);
  for (char tag : tags)
    if (expect_own(tag) != ec::none)
      return fail(ec::server_protocol_violation);
  own_error_.clear();
  answer_.begin();
  asked_ = kinds;
  asking_ = true;
  // What functions set cannot be asked for: nobody else may find it.
  has_traces_ = has_traces_ || lane_.watch().is_failing();
  mirror_.clear_dirt();
  ++lane_.sums().questions;
  send_copy(out);
}

void server_link::ask_watch() {
  auto& out = lane_.home().scratch();
  auto& tags = lane_.home().tag_scratch();
  session::append_watch_question(out, tags, lane_.watch().stage());
  for (char tag : tags)
    if (expect_own(tag) != ec::none)
      return fail(ec::server_protocol_violation);
  if (!asking_)
    own_error_.clear();
  watch_answer_ = std::make_unique<session::watch_reader>();
  watch_ticket_ = lane_.watch().begin(lane_.home().now());
  send_copy(out);
}

bool server_link::asks_watch() const noexcept {
  return watch_answer_ != nullptr;
}

/// ReadyForQuery behind the answer, or behind an error in its place.
void server_link::watch_answered() {
  const auto answer = std::exchange(watch_answer_, nullptr);
  const auto error = std::exchange(own_error_, {});
  auto& watch = lane_.watch();
  const auto now = lane_.home().now();
  if (error.empty()) {
    watch.answered(watch_ticket_, std::move(*answer), now);
    log::debug("functions watched",
               {log::kv("pool", tenants::to_string(lane_.key())),
                log::kv("words", watch.words().size()),
                log::kv("settings", watch.words().settings().size()),
                log::kv("all", watch.words().watches_all())});
  } else if (client_ != nullptr) { // Or it was canceled for cleaning.
    auto words = protocol::error_response::decode(
      std::span{error}.subspan(protocol::header_bytes));
    const auto is_canceled = words && words->code == "57014";
    watch.failed(watch_ticket_, now, is_canceled);
    log::warn("cannot tell which functions change sessions",
              {log::kv("pool", tenants::to_string(lane_.key())),
               log::kv("error", words ? words->message : "")});
  }
  if (client_ != nullptr)
    client_->watch_answered();
}

bool server_link::reports(std::size_t index) const noexcept {
  return reported_.knows(index);
}

const std::string& server_link::login_user() const noexcept {
  return facts_.target->user;
}

void server_link::took(session::startup_settings now) noexcept {
  startup_ = std::move(now);
}

void server_link::forget_dirt() noexcept {
  mirror_.clear_dirt();
}

/// ReadyForQuery behind the answer, or behind an error in its place.
void server_link::answered() {
  const auto failed = !own_error_.empty();
  own_error_.clear();
  if (failed)
    knows_asker_ = false;
  if (client_ == nullptr) {
    has_traces_ = true;
    return;
  }
  auto found = answer_.take();
  found.is_cut = found.is_cut || failed;
  client_->learned(asked_, std::move(found));
}

} // namespace cenote::proxy
