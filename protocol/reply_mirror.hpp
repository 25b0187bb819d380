#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/error.hpp"
#include "protocol/message_walker.hpp"

namespace cenote::protocol {

/// What becomes of a reply: to the client who asked, or swallowed because cenote asked.
enum class delivery : std::uint8_t { forward, skip };

/// Who asked. Several clients may one day be answered by one server in turn, so
/// every outstanding reply names its owner. 0 is cenote itself.
using owner_id = std::uint32_t;

/// The transaction status of ReadyForQuery.
enum class transaction_status : char { idle = 'I', in_block = 'T', failed = 'E' };

/// What a reply means for the loan, per piece.
struct reaction {
  delivery how = delivery::forward;
  owner_id owner = 0;
  bool ready = false;     ///< This piece completes a ReadyForQuery.
  bool violation = false; ///< The server said what it must not say now.
};

/// Models what one PostgreSQL server still owes. Fed with every message sent to it and
/// every piece received from it; decides per message, never per TCP segment. Pure;
/// its queue is a ring that grows to `outstanding_max` and is reused: no allocation in steady
/// state. See docs/mirror.md for the table states x messages.
class reply_mirror {
public:
  explicit reply_mirror(std::size_t outstanding_max);

  /// Records a client message that is passed to the server, by its tag. To be called when its
  /// first piece is passed on. `too_many_outstanding`: the queue is full, nothing
  /// was recorded. Tags that a client must not send are `protocol_violation`.
  [[nodiscard]] ec sent(char tag, delivery how, owner_id owner) noexcept;

  /// Takes the next piece from the server, and says what to do with it.
  reaction take(const piece& part) noexcept;

  /// No reply is outstanding, no message is half received, no extended-protocol batch is open (sent
  /// since the last Sync), no COPY is under way.
  [[nodiscard]] bool owes_nothing() const noexcept;

  /// The status of the last ReadyForQuery.
  [[nodiscard]] transaction_status status() const noexcept;

  enum class copy_state : std::uint8_t { none, in, out, both };
  [[nodiscard]] copy_state copy() const noexcept;

  /// What must be sent so that the server comes to ReadyForQuery by itself, for the
  /// recovery of a server whose client vanished: CopyFail, Sync, or nothing but waiting.
  enum class remedy : std::uint8_t { wait, copy_fail, sync };
  [[nodiscard]] remedy to_come_clean() const noexcept;

  [[nodiscard]] std::size_t outstanding() const noexcept;

private:
  // The owner of this file fills this in.
};

} // namespace cenote::protocol
