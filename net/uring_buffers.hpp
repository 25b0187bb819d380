#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include <liburing.h>

#include "net/engine.hpp"

namespace cenote::net {

class uring_buffers;

/// One buffer of the ring, lent to us by the kernel with bytes in it. Goes back
/// when the last who retained it lets go.
class uring_buffer final : public buffer_lease {
public:
  uring_buffer(uring_buffers& home, std::uint16_t index) noexcept
    : home_{home},
      index_{index} {
    // nop
  }

  void retain() noexcept override {
    ++users_;
  }

  void release() noexcept override;

private:
  friend class uring_buffers;

  uring_buffers& home_;
  std::uint32_t users_ = 0;
  std::uint16_t index_;
};

/// Buffers that the kernel may receive into: a ring for many streams, so that
/// an idle one has none.
class uring_buffers {
public:
  /// `group` names them to the kernel; `count` is a power of two, at most
  /// 32,768.
  uring_buffers(std::uint16_t group, unsigned count, std::size_t bytes_each);
  uring_buffers(const uring_buffers&) = delete;
  uring_buffers& operator=(const uring_buffers&) = delete;
  ~uring_buffers();

  /// Makes them known to the kernel. Fails with `engine_unavailable`. The ring
  /// must be gone before the buffers are.
  result<void> enroll(io_uring& ring);

  [[nodiscard]] std::uint16_t group() const noexcept {
    return group_;
  }

  [[nodiscard]] std::size_t bytes_each() const noexcept {
    return bytes_each_;
  }

  [[nodiscard]] uring_buffer& at(std::size_t index) noexcept {
    return buffers_[index];
  }

  [[nodiscard]] std::span<std::byte> bytes_of(const uring_buffer& x) noexcept {
    return {memory_ + x.index_ * bytes_each_, bytes_each_};
  }

private:
  friend class uring_buffer;

  void give_back(uring_buffer& x) noexcept;

  std::uint16_t group_;
  std::size_t bytes_each_;
  std::size_t memory_bytes_;
  std::size_t ring_bytes_;
  std::byte* memory_ = nullptr;
  io_uring_buf_ring* ring_ = nullptr;
  std::vector<uring_buffer> buffers_;
};

inline void uring_buffer::release() noexcept {
  if (--users_ == 0)
    home_.give_back(*this);
}

} // namespace cenote::net
