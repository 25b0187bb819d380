// Messages of the client that are looked into where servers change: from pieces
// to whole ones, to what becomes of each, and onto its way.

#include <utility>
#include <vector>

#include "base/limits.hpp"
#include "proxy/client_link.hpp"
#include "proxy/lane.hpp"
#include "proxy/server_link.hpp"
#include "proxy/shard.hpp"

namespace cenote::proxy {

using protocol::header_bytes;

/// A piece of a Parse, Bind, Describe or Close. False as `take`.
[[gnu::hot]] bool client_link::take_named(const protocol::piece& part,
                                          std::span<const std::byte> rest,
                                          request_run& forward) {
  named_message what{part.tag, part.body_bytes, part.bytes, part.ends(), true};
  if (!part.starts()) {
    auto& gathered = prepared_->gathered;
    gathered.insert(gathered.end(), part.bytes.begin(), part.bytes.end());
    what.bytes = gathered;
    what.is_input = false;
  } else {
    // A header that arrived cut lies in the walker.
    what.is_input = part.bytes.size() > header_bytes || part.ends();
  }
  if (prepared_ && server_->may_repeat_from(part.tag))
    server_->sent_batch().begin();
  auto outcome = pass_named(what, forward);
  // Behind an error nothing is answered up to the Sync: nobody else would say
  // that what this waits for will never be.
  if (outcome == named::waits && server_->settle_skipped())
    outcome = pass_named(what, forward);
  switch (outcome) {
    case named::passed:
    case named::dropped:
      if (server_->sent_batch().is_kept())
        server_->keep_sent(part.tag, what.bytes);
      skipping_ = outcome == named::dropped && !part.ends();
      mid_message_ = outcome == named::passed && !part.ends();
      if (gathering_)
        stop_gathering();
      return true;
    case named::more:
      if (part.starts()) {
        names();
        prepared_->gathered.assign(part.bytes.begin(), part.bytes.end());
      }
      gathering_ = true;
      mid_message_ = false;
      return true;
    case named::waits:
      forward.flush();
      hold(what.bytes);
      hold(rest);
      stop_gathering();
      stalled_ = true;
      walker_ = protocol::message_walker{limits::message_bytes_max};
      return false;
    case named::refused:
      stop_gathering();
      return false;
  }
  return false;
}

void client_link::stop_gathering() noexcept {
  if (!std::exchange(gathering_, false))
    return;
  std::vector<std::byte>{}.swap(prepared_->gathered);
}

bool client_link::may_repeat() const noexcept {
  return phase_ == session::phase::borrowing && walker_.at_boundary()
      && held_ == nullptr && !is_mid_message() && !waits_for_reset();
}

void client_link::repeat(std::vector<std::byte> batch) {
  pump({batch, nullptr}, false);
}

void client_link::go_on() {
  stalled_ = false;
  forward_held();
  if (std::exchange(cancels_later_, false))
    cancel();
}

[[gnu::hot]] client_link::named
client_link::pass_named(const named_message& what, request_run& forward) {
  if (what.body().empty() && !what.is_whole)
    return named::more;
  switch (what.tag) {
    case 'P':
      return lane_.is_session() ? pass_session_parse(what, forward)
                                : pass_parse(what, forward);
    case 'Q':
      return pass_query(what, forward);
    case 'B':
      return lane_.is_session() ? pass_session_bind(what, forward)
                                : pass_bind(what, forward);
    case 'E':
      return pass_execute(what, forward);
    case 'D':
      return pass_describe(what, forward);
    case 'F':
      return pass_function_call(what, forward);
    default:
      return pass_close(what, forward);
  }
}

client_link::named client_link::check(ec code, request_run& forward) {
  if (code == ec::none)
    return named::passed;
  forward.flush();
  refuse(code);
  return named::refused;
}

/// Bytes of the message, unchanged.
[[gnu::hot]] void client_link::put(const named_message& what,
                                   std::span<const std::byte> bytes,
                                   request_run& forward) {
  if (what.is_input)
    forward.add(bytes, what.is_whole);
  else
    forward.add_copy(bytes, what.is_whole);
}

[[gnu::hot]] client_link::named
client_link::pass_as_it_is(const named_message& what, request_run& forward) {
  const auto outcome = check(server_->expect(what.tag), forward);
  if (outcome == named::passed)
    put(what, what.bytes, forward);
  return outcome;
}

client_link::named client_link::say_instead(std::vector<std::byte> words,
                                            request_run& forward) {
  auto& out = lane_.home().scratch();
  auto outcome = check(server_->put_error(std::move(words), out), forward);
  if (outcome != named::passed)
    return outcome;
  forward.add_copy(out, true);
  return named::dropped;
}

} // namespace cenote::proxy
