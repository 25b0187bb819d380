#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/error.hpp"
#include "protocol/message_walker.hpp"
#include "protocol/reply_states.hpp"
#include "protocol/server_dirt.hpp"
#include "protocol/severity_reader.hpp"
#include "protocol/tags.hpp"

namespace cenote::protocol {

/// What becomes of a reply: to the client who asked, or swallowed because
/// cenote asked, or made into what the client would have been told.
enum class delivery : std::uint8_t {
  forward,
  skip,
  /// Swallowed, but an ErrorResponse is the client's: cenote asked for what the
  /// client's next message needs. Not a NoticeResponse: the client was told
  /// when it asked itself.
  skip_answer,
  /// Swallowed, and its ErrorResponse, but a NoticeResponse is the client's:
  /// PostgreSQL says it in cenote's request instead of the client's own.
  skip_but_notices,
  /// The request was made to fail; the caller has the ErrorResponse that the
  /// client is shown instead.
  as_error,
};

/// Who asked. Several clients may one day be answered by one server in turn, so
/// every outstanding reply names its owner. 0 is cenote itself.
using owner_id = std::uint32_t;

/// The transaction status of ReadyForQuery.
enum class transaction_status : char {
  idle = 'I',
  in_block = 'T',
  failed = 'E'
};

/// Messages that PostgreSQL may send at any time, whatever was asked.
enum class async_message : std::uint8_t {
  none,
  notice,       ///< `how` and `owner` are those of the reply now due.
  notification, ///< `how` is always `forward`: the caller decides to whom.
  parameter,    ///< As a notice; the caller may want to read it in any case.
};

/// What a reply means for the loan, per piece.
struct reaction {
  delivery how = delivery::forward;
  owner_id owner = 0;
  std::uint32_t sequence = 0; ///< Of the request that is answered.
  bool ready = false;         ///< This piece completes a ReadyForQuery.
  bool violation = false;     ///< The server said what it must not say now.
  bool fatal = false; ///< This piece completes an ErrorResponse of severity
                      ///< FATAL or PANIC: the server closes after it.
  /// This piece completes a DEALLOCATE ALL or a DISCARD ALL: no statement that
  /// was prepared before it is left.
  bool forgot_statements = false;
  async_message async = async_message::none;
};

/// Models what one PostgreSQL server still owes. Fed with every message sent to
/// it and every piece received from it; decides per message, never per TCP
/// segment. Pure; its queue is a ring that grows to `outstanding_max` and is
/// reused: no allocation in steady state. See docs/mirror.md for the table
/// states x messages.
///
/// The messages must be well formed: a Flush, Sync or Terminate has no body.
/// (PostgreSQL answers a Flush that has one with an error.)
class reply_mirror {
public:
  explicit reply_mirror(std::size_t outstanding_max);

  /// Records a client message that is passed to the server, by its tag. To be
  /// called when its first piece is passed on. `too_many_outstanding`: the
  /// queue is full, nothing was recorded. Tags that a client must not send are
  /// `protocol_violation`.
  [[nodiscard]] ec sent(char tag, delivery how, owner_id owner) noexcept {
    const auto what = request{owner, frontend_tag_of(tag), how};
    const auto at = due_of(what.tag);
    if (at == due::nothing || position_count_ != 1 || is_over())
      return sent_other(what);
    auto& only = positions_.front();
    if (only.at != due::nothing) {
      const auto used = tail_ - only.next;
      if (used > ring_mask_ || used + 1 >= outstanding_max_)
        return push(what);
      queued_at(tail_++) = what;
      return ec::none;
    }
    // The server has come to the end of the queue: no need to go through it.
    only.next = ++tail_;
    if (!only.skipping || what.tag == frontend_tag::sync)
      begin(only, what, at);
    return ec::none;
  }

  /// Takes the next piece from the server, and says what to do with it.
  reaction take(const piece& part) noexcept {
    if (is_flow(part))
      return answer_;
    if (part.which == part::whole && position_count_ == 1 && !in_message_
        && !over_)
      return take_whole(part);
    return take_other(part);
  }

  /// Takes the next piece if all there is to do about it is to forward it,
  /// which is so for nearly all that a server says. False: nothing was done,
  /// `take` has to be asked.
  [[nodiscard]] bool take_plain(const piece& part) noexcept;

  /// No reply is outstanding, no message is half received, no extended-protocol
  /// batch is open (sent since the last Sync), no COPY is under way. False for
  /// ever after a FATAL error, a violation or a Terminate.
  [[nodiscard]] bool owes_nothing() const noexcept {
    const auto& only = positions_.front();
    return only.at == due::nothing && position_count_ == 1 && !only.skipping
        && !only.batch_open && !in_message_ && !is_over();
  }

  /// Nothing but the end of the block is carried out. Not told while anything
  /// is outstanding: that may be its end.
  [[nodiscard]] bool is_in_failed_block() const noexcept {
    return status_ == transaction_status::failed && owes_nothing();
  }

  /// The status of the last ReadyForQuery.
  [[nodiscard]] transaction_status status() const noexcept {
    return status_;
  }

  enum class copy_state : std::uint8_t { none, in, out, both };
  [[nodiscard]] copy_state copy() const noexcept;

  /// What must be sent so that the server comes to ReadyForQuery by itself, for
  /// the recovery of a server whose client vanished. Each is to be recorded by
  /// `sent()`; ask again after each piece received until `owes_nothing()`.
  enum class remedy : std::uint8_t {
    wait,      ///< Nothing: an answer is on its way.
    copy_fail, ///< CopyFail ('f').
    copy_done, ///< CopyDone ('c'); COPY BOTH only, where CopyFail is fatal.
    sync,      ///< Sync ('S').
    probe,     ///< A simple Query with an empty string ('Q', "\0"): whether
               ///< PostgreSQL swallowed a Sync in a COPY that failed cannot be
               ///< known before something distinguishable is answered.
  };
  [[nodiscard]] remedy to_come_clean() const noexcept;

  /// Replies not yet received; an upper bound while PostgreSQL's position is
  /// uncertain.
  [[nodiscard]] std::size_t outstanding() const noexcept;

  /// The sequence number that the next recorded request gets. Wraps around.
  [[nodiscard]] std::uint32_t next_sequence() const noexcept {
    return tail_;
  }

  /// Every request before this sequence number is answered, or was dropped
  /// because one before it failed.
  [[nodiscard]] std::uint32_t settled() const noexcept {
    const auto& only = positions_.front();
    if (position_count_ == 1)
      return only.at == due::nothing ? only.next : only.next - 1;
    return settled_of_many();
  }

  /// An error has arrived, and PostgreSQL skips what is sent now up to a Sync
  /// that was not sent yet.
  [[nodiscard]] bool is_skipping() const noexcept {
    const auto& only = positions_.front();
    return position_count_ == 1 && only.at == due::nothing && only.skipping;
  }

  /// False after a COPY that failed with a Sync sent into it, until an answer
  /// tells whether PostgreSQL swallowed it. Meanwhile `owner` and `how` are the
  /// likeliest.
  [[nodiscard]] bool is_certain() const noexcept {
    return position_count_ == 1;
  }

  /// Session state that the answers since the last `clear_dirt()` left behind.
  [[nodiscard]] dirt_set dirt() const noexcept {
    return dirt_.seen();
  }

  /// A RESET or DISCARD ALL was answered since then.
  [[nodiscard]] bool saw_reset() const noexcept {
    return dirt_.saw_reset();
  }

  /// What the same answers defined anew.
  [[nodiscard]] definitions defined() const noexcept {
    return dirt_.defined();
  }

  void clear_dirt() noexcept {
    dirt_.clear();
  }

  /// The Parse just recorded by `sent()` names its statement.
  void note_named_statement() noexcept;

  /// A Terminate was passed on, or a FATAL error or a violation was seen.
  [[nodiscard]] bool is_over() const noexcept {
    return over_ || closing_;
  }

private:
  struct request {
    owner_id owner = 0;
    frontend_tag tag = frontend_tag::other;
    delivery how = delivery::forward;
  };

  /// Where the server may be: at which request, in what state, and where in the
  /// queue it goes on.
  struct position {
    std::uint32_t next = 0; ///< Sequence number of the request after this one.
    owner_id owner = 0;
    delivery how = delivery::forward;
    due at = due::nothing;
    bool skipping = false;   ///< After an error: ignores all until Sync.
    bool batch_open = false; ///< Extended messages were done since the Sync.

    friend bool operator==(const position&, const position&) = default;
  };

  /// Syncs pipelined behind one COPY FROM STDIN, before its CopyDone, of which
  /// PostgreSQL may have swallowed any number when the COPY failed. Drivers
  /// send one; whoever sends more than this loses the server when the COPY
  /// fails.
  static constexpr std::size_t positions_max = 16;
  static constexpr std::size_t inline_requests = 16;
  static constexpr std::uint16_t no_flow = 0x100; ///< No tag byte.

  /// Rows and COPY data are nearly all that a busy server says. (DataRow has at
  /// least two bytes; shorter ones are judged elsewhere.)
  [[nodiscard]] bool is_flow(const piece& part) const noexcept {
    return static_cast<unsigned char>(part.tag) == flow_tag_
        && part.which == part::whole && part.body_bytes >= 2;
  }

  [[nodiscard]] ec sent_other(const request& what) noexcept;
  [[nodiscard]] reaction take_whole(const piece& part) noexcept;
  [[nodiscard]] reaction take_other(const piece& part) noexcept;
  [[nodiscard]] reaction violate() noexcept;
  [[nodiscard]] bool begin_message(std::uint32_t body_bytes) noexcept;
  void end_message(const piece& part, reaction& out) noexcept;
  void end_error(reaction& out) noexcept;

  [[nodiscard]] const position* first_due() const noexcept;
  void answer_for(const position& from) noexcept;
  [[nodiscard]] bool step_all(backend_tag tag) noexcept;
  [[nodiscard]] bool step(position& from, backend_tag tag) const noexcept;
  void advance(position& from, due next) const noexcept;
  void fail(const position& from) noexcept;
  [[nodiscard]] std::uint32_t
  first_but_sync(const position& from) const noexcept;

  /// CopyDone and CopyFail have no answer of their own, but where they stand
  /// between the others says where a COPY FROM STDIN ends.
  [[nodiscard]] static bool ends_copy(frontend_tag what) noexcept {
    return what == frontend_tag::copy_done || what == frontend_tag::copy_fail;
  }

  [[nodiscard]] static command_rows rows_of(due at) noexcept {
    if (at == due::query_rows || at == due::execute_rows)
      return command_rows::seen;
    return at == due::execute ? command_rows::not_seen : command_rows::none;
  }

  static void begin(position& at, const request& what, due with) noexcept;
  void load_next(position& into) const noexcept;
  void add(const position& one) noexcept;
  void settle() noexcept;
  void flow(const position& from) noexcept;
  [[nodiscard]] std::uint32_t settled_of_many() const noexcept;

  [[nodiscard]] ec push(const request& what) noexcept;
  [[nodiscard]] bool grow(std::size_t used) noexcept;
  [[nodiscard]] std::size_t queued() const noexcept;
  [[nodiscard]] request& queued_at(std::uint32_t sequence) noexcept {
    return many_.empty() ? few_[sequence & ring_mask_]
                         : many_[sequence & ring_mask_];
  }

  [[nodiscard]] const request&
  queued_at(std::uint32_t sequence) const noexcept {
    return many_.empty() ? few_[sequence & ring_mask_]
                         : many_[sequence & ring_mask_];
  }

  [[nodiscard]] remedy remedy_for(const position& of) const noexcept;

  std::size_t outstanding_max_;

  // A ring of the requests that are not begun yet; its size is a power of two.
  std::array<request, inline_requests> few_{};
  std::vector<request> many_; ///< Instead of `few_`, once it was too small.
  std::uint32_t ring_mask_ = inline_requests - 1;
  std::uint32_t tail_ = 0; ///< Sequence number of the next request recorded.

  // Nearly always one. The likeliest comes first: it says who is answered.
  std::array<position, positions_max> positions_{};
  std::uint8_t position_count_ = 1;
  bool too_uncertain_ = false;

  // The message that is being received.
  bool in_message_ = false;
  bool unasked_ = false; ///< An error that began when nothing was due.
  char message_tag_ = 0;
  backend_tag message_ = backend_tag::other;
  command_rows rows_ = command_rows::none;
  std::uint32_t error_tail_ = 0; ///< `tail_` when the error began.

  /// DataRow or CopyData when more of them may come.
  std::uint16_t flow_tag_ = no_flow;
  reaction answer_; ///< For a piece that has no consequences.
  bool closing_ = false;
  bool over_ = false;
  transaction_status status_ = transaction_status::idle;
  severity_reader severity_;
  server_dirt dirt_;
};

inline void reply_mirror::begin(position& at, const request& what,
                                due with) noexcept {
  at.skipping = false;
  at.at = with;
  at.owner = what.owner;
  at.how = what.how;
}

/// A message that is here as a whole, from a server of which it is certain
/// where it is: nearly all but rows. What has consequences beyond its place in
/// the answer is for `take_other`.
[[gnu::hot]] inline reaction
reply_mirror::take_whole(const piece& part) noexcept {
  auto& only = positions_.front();
  const auto said = backend_tag_of(part.tag);
  const auto next = after(only.at, said);
  if (next == due::impossible || is_copy_in(only.at)
      || !body_fits(said, part.body_bytes))
    return take_other(part);
  flow_tag_ = no_flow;
  reaction out;
  out.how = only.how;
  out.owner = only.owner;
  out.sequence = only.next - 1;
  if (said == backend_tag::ready_for_query) {
    const auto status = static_cast<char>(part.bytes.back());
    if (status != 'I' && status != 'T' && status != 'E')
      return take_other(part);
    status_ = static_cast<transaction_status>(status);
    out.ready = true;
  }
  const auto before = only.at;
  advance(only, next);
  if (said == backend_tag::command_complete)
    out.forgot_statements
      = dirt_.take_tag(part, rows_of(before), only.next == tail_);
  else if (said == backend_tag::function_call_response)
    dirt_.add(dirt::opaque);
  flow(only);
  return out;
}

// Inlined by order: it has one caller, which would spend as much on the call.
[[gnu::always_inline]] inline bool
reply_mirror::take_plain(const piece& part) noexcept {
  if (is_flow(part))
    return answer_.how == delivery::forward;
  auto& only = positions_.front();
  if (part.which != part::whole || position_count_ != 1 || in_message_ || over_
      || only.how != delivery::forward)
    return false;
  const auto said = backend_tag_of(part.tag);
  const auto next = after(only.at, said);
  if (next == due::impossible || is_copy_in(only.at)
      || said == backend_tag::ready_for_query
      || said == backend_tag::function_call_response
      || !body_fits(said, part.body_bytes))
    return false;
  if (said == backend_tag::command_complete
      && !server_dirt::is_harmless(part, rows_of(only.at)))
    return false;
  flow_tag_ = no_flow;
  advance(only, next);
  flow(only);
  return true;
}

/// What was due was said.
inline void reply_mirror::advance(position& from, due next) const noexcept {
  if (next != due::nothing) {
    from.at = next;
    return;
  }
  from.batch_open = !ends_with_ready(from.at);
  load_next(from);
}

inline void reply_mirror::load_next(position& into) const noexcept {
  while (into.next != tail_) {
    const auto& what = queued_at(into.next++);
    if (ends_copy(what.tag))
      continue; // Outside a COPY it means nothing.
    if (into.skipping && what.tag != frontend_tag::sync)
      continue;
    return begin(into, what, due_of(what.tag));
  }
  into.at = due::nothing;
  into.owner = 0;
  into.how = delivery::forward;
}

inline void reply_mirror::settle() noexcept {
  if (!over_ && position_count_ == 1)
    flow(positions_.front());
}

/// Rows may come, and nobody has to think about each.
inline void reply_mirror::flow(const position& from) noexcept {
  const auto tag = states::flows[static_cast<std::size_t>(from.at)];
  if (tag == 0)
    return;
  flow_tag_ = static_cast<unsigned char>(tag);
  answer_ = {};
  answer_for(from);
}

inline void reply_mirror::answer_for(const position& from) noexcept {
  answer_.how = from.how;
  answer_.owner = from.owner;
  answer_.sequence = from.next - 1;
}

} // namespace cenote::protocol
