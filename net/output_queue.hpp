#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include <sys/uio.h>

#include "base/limits.hpp"

namespace cenote::net {

/// A piece of unsent output.
struct chunk {
  chunk* next = nullptr;
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

/// The unsent bytes of one stream, in order. Holds nothing when empty. Whoever
/// owns it calls `clear` before it dies.
class output_queue {
public:
  [[nodiscard]] bool empty() const noexcept {
    return size_ == 0;
  }

  [[nodiscard]] std::size_t size() const noexcept {
    return size_;
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
  chunk* first_ = nullptr;
  chunk* last_ = nullptr;
  std::size_t size_ = 0;
};

} // namespace cenote::net
