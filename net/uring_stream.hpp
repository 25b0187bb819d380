#pragma once

#include <cstdint>
#include <memory>

#include "net/engine.hpp"
#include "net/output_queue.hpp"
#include "net/timer_queue.hpp"
#include "net/tls.hpp"
#include "net/uring_outbox.hpp"

namespace cenote::net {

/// A stream of the io_uring engine. Lives in a slab; its slot is used again
/// when it has ended and the kernel has completed its last operation, so that
/// no completion can ever meet a later stream.
struct alignas(16) uring_stream final : stream {
  enum class phase : std::uint8_t {
    closed,    ///< Free.
    open,      ///< The sink's.
    lingering, ///< `close_when_sent`: the engine's own.
    ending,    ///< Over; waits for its operations.
  };

  using linger_time = timer_queue<uring_stream>::entry;

  uring_stream() = default;

  std::unique_ptr<tls_session> tls;
  /// `at` says which of them it is.
  union {
    uring_stream* next = nullptr; ///< Closed: of the free ones.
    stream_sink* sink;            ///< Open: who hears.
    linger_time* linger;          ///< Lingering: how long. Owned.
  };
  output_queue unsent;     ///< What the kernel would not take at once.
  output_queue arrived;    ///< Received and not yet delivered.
  uring_parcel fresh;      ///< In the outbox that is being filled.
  uring_departure leaving; ///< In the one that was submitted.
  std::uint32_t slot = 0;  ///< In the slab and in the table of files.
  std::uint32_t turn = 0;  ///< `taken` is of this turn.
  std::uint32_t taken = 0; ///< Bytes delivered in it.
  unique_fd fd;
  std::int16_t send_error = 0; ///< errno, reported by this turn or the next.
  std::int16_t read_error = 0; ///< errno, reported after `arrived`.
  std::uint8_t operations = 0; ///< In the kernel, their completion to come.
  phase at : 2 = phase::closed;
  bool paused : 1 = false;
  bool full : 1 = false;          ///< `send` said so; owes an `on_drained`.
  bool has_file : 1 = false;      ///< The slot of the table of files is ours.
  bool in_bulk : 1 = false;       ///< Is to receive once a turn, and much.
  bool receiving : 1 = false;     ///< A receive is in the kernel.
  bool receives_bulk : 1 = false; ///< It is one into a buffer for bulk.
  bool stopping : 1 = false;      ///< Its cancellation is.
  bool sending : 1 = false;       ///< A send of `unsent` is.
  bool watched : 1 = false;       ///< A poll for hang-ups is.
  bool watch_over : 1 = false;    ///< It has told what it can, until a resume.
  bool hung_up : 1 = false;       ///< Both directions, seen while paused.
  bool in_changed_list : 1 = false;
  bool in_resumed_list : 1 = false;
  bool in_failed_list : 1 = false;
  bool write_ended : 1 = false; ///< SHUT_WR is done.
  bool read_ended : 1 = false;  ///< The peer ended.
  bool hushed : 1 = false;      ///< Ending: SHUT_RD is done.
};

static_assert(sizeof(uring_stream) == 80, "one for each client");

} // namespace cenote::net
