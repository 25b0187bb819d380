#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include <sys/uio.h>

#include "base/limits.hpp"

namespace cenote::net {

/// A piece of unsent output. The first of a queue knows the queue.
struct chunk {
  chunk* next = nullptr;
  chunk* last = nullptr;        ///< Of the first: where the queue ends.
  std::size_t queued_bytes = 0; ///< Of the first: all of the queue's.
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
  std::byte data[limits::unsent_chunk_bytes];

  [[nodiscard]] std::size_t size() const noexcept {
    return end - begin;
  }
};

/// Chunks for all streams of one engine. Keeps at most
/// `limits::free_chunks_max` that nobody uses.
class chunk_pool {
public:
  chunk_pool() = default;
  chunk_pool(const chunk_pool&) = delete;
  chunk_pool& operator=(const chunk_pool&) = delete;
  ~chunk_pool();

  /// An empty chunk. Out of memory ends the program.
  [[nodiscard]] chunk* take() noexcept;

  void give_back(chunk* spent) noexcept;

private:
  chunk* free_ = nullptr;
  std::size_t free_count_ = 0;
};

/// The unsent bytes of one stream, in order. Holds nothing when empty, as most
/// are: then it is one pointer. Whoever owns it calls `clear` before it dies.
class output_queue {
public:
  [[nodiscard]] bool empty() const noexcept {
    return first_ == nullptr;
  }

  [[nodiscard]] std::size_t size() const noexcept {
    return first_ == nullptr ? 0 : first_->queued_bytes;
  }

  /// Copies `bytes` behind what is there.
  void append(chunk_pool& pool, std::span<const std::byte> bytes) noexcept;

  /// Lists the front of the queue in `into`; returns how many entries it used.
  std::size_t list(std::span<iovec> into) const noexcept;

  /// Takes the first chunk out; null when empty. It goes back to the pool.
  [[nodiscard]] chunk* take_first() noexcept;

  /// Drops `count` bytes off the front.
  void consume(chunk_pool& pool, std::size_t count) noexcept;

  void clear(chunk_pool& pool) noexcept;

private:
  /// Makes the second chunk the first one; returns the old first.
  chunk* shift() noexcept;

  chunk* first_ = nullptr; ///< Never without bytes.
};

} // namespace cenote::net
