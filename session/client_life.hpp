#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>

/// The life of a logged-in client on its shard, without a socket: phases, what
/// can happen, and what is to be done about it. The whole matrix is a table in
/// docs/client-life.md and a test.
namespace cenote::session {

enum class phase : std::uint8_t {
  idle,      ///< Holds no server and waits for none.
  waiting,   ///< In the lane's queue; its bytes are held.
  preparing, ///< Has a server that is being given the client's settings.
  borrowing, ///< Has a server; bytes flow.
  gone,      ///< Nothing happens any more.
};

enum class event : std::uint8_t {
  request,     ///< A message that needs a server arrived.
  lent,        ///< The lane lends a server.
  prepared,    ///< The server has the client's settings.
  released,    ///< The mirror says: the loan is over.
  cancel,      ///< A CancelRequest with this client's key.
  hung_up,     ///< The socket ended or failed.
  goodbye,     ///< Terminate.
  refuse,      ///< The client is to be ended: time-out, drain, kill, protocol.
  server_lost, ///< The lent server died.
};

enum class effect : std::uint8_t {
  ask_server, ///< Check a server out, or queue.
  leave_queue,
  prepare_server, ///< Replay settings; ends in `prepared`, maybe at once.
  forward_held,   ///< Bytes held since the request.
  release_server, ///< Back to the lane.
  recover_server, ///< Cancel, drain, ROLLBACK, verify; then back to the lane.
  cancel_server,
  answer_canceled, ///< 57014 in place of the reply that will not come.
  refuse_client,   ///< FATAL, then close.
  close_client,
};

inline constexpr std::size_t phase_count = 5;
inline constexpr std::size_t event_count = 9;

/// Where the client is next and what is done on the way, in this order. An
/// effect that can raise an event comes last.
struct step {
  phase next = phase::gone;
  bool expected = true; ///< False: this event cannot come in this phase.
  std::uint8_t count = 0;
  std::array<effect, 2> effects{};

  [[nodiscard]] std::span<const effect> todo() const noexcept {
    return {effects.data(), count};
  }
};

/// The transition. Total; pure.
[[nodiscard]] const step& next(phase at, event what) noexcept;

} // namespace cenote::session
