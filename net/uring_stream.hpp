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

  uring_stream() = default;

  std::unique_ptr<tls_session> tls;
  stream_sink* sink = nullptr;
  uring_parcel fresh;   ///< In the outbox that is being filled.
  uring_parcel leaving; ///< In the one that was submitted.
  output_queue unsent;  ///< What the kernel would not take at once.
  output_queue arrived; ///< Received and not yet delivered.
  timer_queue<uring_stream>::entry linger{*this};
  uring_stream* next_free = nullptr;
  std::uint32_t slot = 0;   ///< In the slab and in the table of files.
  std::uint32_t turn = 0;   ///< `taken` is of this turn.
  std::uint32_t taken = 0;  ///< Bytes delivered in it.
  std::uint32_t handed = 0; ///< Bytes of `leaving` shown to the kernel.
  int send_result = 0;      ///< Of `leaving`; only if it was not all.
  int send_error = 0;       ///< errno, reported by this turn or the next.
  int read_error = 0;       ///< errno, reported after `arrived`.
  unique_fd fd;
  phase at = phase::closed;
  std::uint8_t operations = 0; ///< In the kernel, their completion to come.
  bool paused = false;
  bool full = false;          ///< `send` said so; owes an `on_drained`.
  bool has_file = false;      ///< The slot of the table of files is ours.
  bool in_bulk = false;       ///< Is to receive once a turn, and much.
  bool receiving = false;     ///< A receive is in the kernel.
  bool receives_bulk = false; ///< It is one into a buffer for bulk.
  bool stopping = false;      ///< Its cancellation is.
  bool sending = false;       ///< A send of `unsent` is.
  bool watched = false;       ///< A poll for hang-ups is.
  bool watch_over = false;    ///< It has told what it can, until a resume.
  bool hung_up = false;       ///< Both directions, seen while paused.
  bool cut_short = false;     ///< `send_result` is set.
  bool in_changed_list = false;
  bool in_resumed_list = false;
  bool in_failed_list = false;
  bool write_ended = false; ///< Lingering: SHUT_WR is done.
  bool read_ended = false;  ///< The peer ended.
};

} // namespace cenote::net
