#pragma once

#include <cstdint>

#include "protocol/reply_mirror.hpp"

namespace cenote::session {

/// What is known of a server that nobody may use until it is clean.
struct stained {
  bool owes = false;        ///< Replies are outstanding.
  bool cut_message = false; ///< A client message was sent in part.
  bool no_cancel = false;   ///< What is owed now must not be canceled.
  bool dirty = false;       ///< Session state is left behind.
  bool goodbye = false;     ///< The client said Terminate: let its work finish.
  protocol::reply_mirror::remedy remedy = protocol::reply_mirror::remedy::wait;
  protocol::transaction_status status = protocol::transaction_status::idle;
};

/// The next step towards a clean server.
enum class cleaning_step : std::uint8_t {
  wait,     ///< Replies are on their way.
  cancel,   ///< Order a cancel, then wait.
  remedy,   ///< Send what the mirror's `to_come_clean` says.
  rollback, ///< Send ROLLBACK.
  reset,    ///< Send the reset query (DISCARD ALL).
  clean,    ///< Verified: idle, nothing owed, nothing left behind.
  close,    ///< It cannot be saved.
};

/// Pure. Called after every change until it says `clean` or `close`; each step
/// is taken once per answer, so it comes to an end with the server's own
/// replies (and the caller's deadline).
[[nodiscard]] constexpr cleaning_step
next_cleaning_step(const stained& at) noexcept {
  using protocol::transaction_status;
  using remedy = protocol::reply_mirror::remedy;
  // The rest of the message would have to be invented.
  if (at.cut_message)
    return cleaning_step::close;
  if (at.remedy != remedy::wait)
    return cleaning_step::remedy;
  if (at.owes) {
    if (at.no_cancel || at.goodbye)
      return cleaning_step::wait;
    return cleaning_step::cancel;
  }
  if (at.status != transaction_status::idle)
    return cleaning_step::rollback;
  if (at.dirty)
    return cleaning_step::reset;
  return cleaning_step::clean;
}

} // namespace cenote::session
