// A BEGIN that comes alone takes no server: it is answered here, and begins the
// block on the server that the next message gets (docs/lazy-begin.md).

#include <cstddef>
#include <string_view>
#include <utility>

#include "protocol/messages.hpp"
#include "protocol/reader.hpp"
#include "protocol/tags.hpp"
#include "protocol/writer.hpp"
#include "proxy/client_link.hpp"
#include "proxy/lane.hpp"
#include "proxy/server_link.hpp"
#include "proxy/shard.hpp"
#include "session/begin_look.hpp"

namespace cenote::proxy {

namespace {

using protocol::frontend_tag;
using protocol::transaction_status;
using session::event;

/// The text of a BEGIN that is held; the longest that makes sense has 90 bytes.
constexpr std::size_t held_begin_bytes_max = 256;

/// The text of a Query that is here as a whole; empty if it is none.
std::string_view whole_query(const protocol::piece& part) noexcept {
  if (part.tag != 'Q' || part.which != protocol::part::whole)
    return {};
  const auto body
    = protocol::as_text(part.bytes.subspan(protocol::header_bytes));
  return body.ends_with('\0') ? body.substr(0, body.size() - 1)
                              : std::string_view{};
}

} // namespace

transaction_status client_link::held_status() const noexcept {
  switch (held_block_) {
    case held_block::none:
      return transaction_status::idle;
    case held_block::begun:
      return transaction_status::in_block;
    case held_block::failed:
      return transaction_status::failed;
  }
  return transaction_status::idle;
}

/// ReadyForQuery of a client that has no server.
void client_link::say_ready() {
  auto& out = lane_.home().scratch();
  protocol::writer to{out};
  protocol::ready_for_query{held_status()}.encode(to);
  deliver_copy(out, true);
  if (full_)
    lane_.home().io().pause(*stream_);
}

/// The answer to a Query that needs no server.
void client_link::say_complete(std::string_view command) {
  auto& out = lane_.home().scratch();
  protocol::writer to{out};
  protocol::command_complete{command}.encode(to);
  deliver_copy(out, true);
  say_ready();
  request_at_ = lane_.home().now();
  reply_complete(static_cast<char>(held_status()));
}

/// A simple query drops the unnamed statement, which a server that did not see
/// the query may still have.
void client_link::lose_unnamed() noexcept {
  if (!prepared_)
    return;
  prepared_->unnamed.clear();
  ++prepared_->unnamed_edition;
}

/// True: it was a BEGIN, and is held. One with something behind it gains
/// nothing.
[[gnu::hot]] bool client_link::hold_begin(const protocol::piece& part,
                                          std::span<const std::byte> rest) {
  const auto& with = lane_.settings();
  if (!with.lazy_begin || with.mode != tenants::pool_mode::transaction
      || lane_.is_replication() || lane_.ending() || !rest.empty())
    return false;
  const auto sql = whole_query(part);
  if (sql.size() > held_begin_bytes_max)
    return false;
  const auto kind = session::lone_begin(sql);
  if (!kind)
    return false;
  begin_ = lane_.home().take_kept();
  begin_->bytes.assign(part.bytes.begin(), part.bytes.end());
  begin_->since = since_ = lane_.home().now();
  held_block_ = held_block::begun;
  lose_unnamed();
  say_complete(*kind == session::begin_kind::begin ? "BEGIN"
                                                   : "START TRANSACTION");
  return true;
}

/// Without a server. True: nobody else has to see this message.
[[gnu::hot]] bool client_link::take_in_block(const protocol::piece& part,
                                             std::span<const std::byte> rest) {
  if (!is_in_held_block())
    return hold_begin(part, rest);
  if (protocol::frontend_tag_of(part.tag) == frontend_tag::sync) {
    say_ready();
    request_at_ = lane_.home().now();
    reply_complete(static_cast<char>(held_status()));
    return true;
  }
  const auto kind = session::lone_end(whole_query(part));
  if (!kind)
    return false;
  const auto commits
    = *kind == session::end_kind::commit && held_block_ == held_block::begun;
  leave_held_block();
  lose_unnamed();
  say_complete(commits ? "COMMIT" : "ROLLBACK");
  tell_notifications();
  return true;
}

/// It has ended, or a server knows of it.
void client_link::leave_held_block() noexcept {
  held_block_ = held_block::none;
  lane_.home().give_kept(std::move(begin_));
}

/// The server has the client's settings. Its block comes next, if it is in one:
/// nothing else goes before that has begun, or it would commit on its own.
[[gnu::hot]] void client_link::enter_block() {
  if (!is_in_held_block())
    return apply(event::prepared);
  server_->begin(begin_->bytes, held_block_ == held_block::failed);
}

void client_link::begun(std::vector<std::byte> error) {
  if (error.empty()) {
    leave_held_block();
    return apply(event::prepared);
  }
  // The client was told that it is in a block: for it, the message behind has
  // failed, and the block with it. The server goes back.
  held_block_ = held_block::failed;
  auto held = std::exchange(held_, nullptr);
  apply(event::prepared);
  if (lane_.ending())
    return refuse(*lane_.ending());
  apply(event::released);
  held_ = std::move(held);
  answer_held(error);
}

} // namespace cenote::proxy
