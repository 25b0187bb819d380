// What functions do to the session: which texts may run one that changes it
// (session/watch.hpp), and when PostgreSQL is asked for their names anew.

#include <algorithm>
#include <string>
#include <utility>

#include "proxy/client_link.hpp"
#include "proxy/lane.hpp"
#include "proxy/server_link.hpp"
#include "proxy/shard.hpp"

namespace cenote::proxy {

using session::mention;
using session::trace_set;

/// A text is on its way that mentions `what`.
void client_link::note_mention(mention what) noexcept {
  if (what == mention::none)
    return;
  // Statements, too: `server_link::ask` adds them to everything else. Only
  // where the text may prepare some does it take its own question for one of
  // those.
  auto anything = trace_set::all();
  anything.remove(session::trace::statements);
  traces_.add(anything);
  runs_watched_ = true;
  // A custom setting that nobody knows of stays with its server.
  if (what == mention::changes_anything)
    too_many_settings_ = true;
}

/// A statement is bound: `found`, or the unnamed one if `name` is empty.
void client_link::note_bound_words(
  std::string_view name, const session::statement_ref* found,
  const session::text_traces* traces) noexcept {
  const auto& watch = lane_.watch();
  if (traces != nullptr && session::runs_prepared(*traces))
    note_mention(mention::changes);
  if (found != nullptr)
    return note_mention((*found)->mentions(watch));
  if (!name.empty() || !prepared_)
    return;
  // One that was too long to be kept is not there.
  const auto& text = prepared_->unnamed;
  note_mention(text.empty() ? mention::changes
                            : prepared_->unnamed_mentions.look(
                              watch, session::text_of(text)));
}

/// The transaction is over: whether it made functions or uses of them, or
/// others did meanwhile.
[[gnu::hot]] void client_link::follow_definitions(trace_set& kinds) noexcept {
  using protocol::definitions;
  auto& watch = lane_.watch();
  const auto defined = server_->mirror().defined();
  auto others = kinds;
  others.remove(session::trace::temporary);
  if (std::exchange(defines_, false) || defined == definitions::any
      || (defined == definitions::named && !others.empty()))
    lane_.definitions_changed();
  else
    lane_.look_for_definitions(false);
  if (std::exchange(watch_generation_, watch.generation())
      == watch.generation())
    return;
  kinds.add(trace_set::all());
  runs_watched_ = true;
}

/// Custom settings that the client touched, or a function may have.
std::vector<std::string> client_link::watched_settings() const {
  const auto mine = named_settings();
  std::vector<std::string> out{mine.begin(), mine.end()};
  const auto add = [&](const std::string& name) {
    if (std::find(out.begin(), out.end(), name) == out.end())
      out.push_back(name);
  };
  for (const auto& name : lane_.watch().words().settings())
    add(name);
  add("session_authorization");
  add("role");
  return out;
}

/// Without those that functions may have set and have not. What they have, the
/// client is asked for from now on.
std::vector<std::pair<std::string, std::string>>
client_link::with_own(std::vector<std::pair<std::string, std::string>> found) {
  const auto is_known = [&](const std::string& name) {
    const auto mine = named_settings();
    return std::find(mine.begin(), mine.end(), name) != mine.end();
  };
  std::erase_if(found, [&](const auto& each) {
    // One that another client had before.
    return each.second.empty() && session::is_asked_by_name(each.first)
        && !is_known(each.first);
  });
  for (const auto& [name, value] : found) {
    if (!session::is_asked_by_name(name)
        || (name == "session_authorization" && value == server_->login_user()))
      continue;
    names();
    note_setting(name);
  }
  return found;
}

/// Nothing is known of functions: whoever comes asks first, if nothing of it is
/// under way. True: it waits for the answer.
bool client_link::waits_for_watch() {
  if (!server_->begins_batch() || is_handing_over())
    return false;
  if (server_->asks_watch())
    return true;
  const auto& mirror = server_->mirror();
  if (!mirror.owes_nothing()
      || mirror.status() != protocol::transaction_status::idle
      || !lane_.watch().is_due(lane_.home().now()))
    return false;
  server_->ask_watch();
  return true;
}

void client_link::watch_answered() {
  if (stalled_) // Nothing was looked at yet.
    watch_generation_ = lane_.watch().generation();
  else if (std::exchange(cancels_later_, false))
    cancel();
}

} // namespace cenote::proxy
