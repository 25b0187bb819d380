#pragma once

#include "base/limits.hpp"
#include "net/engine.hpp"

namespace cenote::net {

/// The buffers that an io_uring engine receives into, for all its streams.
/// Counts are powers of two, at most 32,768.
struct uring_tuning {
  unsigned buffer_count = 512;
  std::size_t buffer_bytes = 8 * 1024;
  unsigned bulk_buffer_count = 16;
  std::size_t bulk_buffer_bytes = limits::receive_bytes_max; ///< And no more.
  /// A stream that receives as much in one turn is in bulk.
  std::size_t bulk_from_bytes = limits::receive_bytes_max;
};

/// Makes the io_uring engine, on any thread; it belongs to the thread that uses
/// it first. Wants Linux 6.1. Fails with `engine_unavailable`, and says what
/// was refused.
result<std::unique_ptr<engine>>
make_uring_engine(const socket_options& options = {},
                  const uring_tuning& tuning = {});

/// Moves bytes through an io_uring engine of its own, the way a shard would, to
/// learn whether this kernel does what the engine needs. Takes milliseconds.
/// Fails with `engine_unavailable`.
result<void> probe_uring();

} // namespace cenote::net
