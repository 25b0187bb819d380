#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <sys/uio.h>

#include "net/output_queue.hpp"
#include "net/uring_buffers.hpp"

namespace cenote::net {

struct uring_stream;

/// What one stream has in an outbox, in order.
struct uring_parcel {
  static constexpr std::uint32_t none = UINT32_MAX;

  std::uint32_t first = none; ///< Piece of the outbox.
  std::uint32_t last = none;
  std::uint32_t size = 0; ///< Bytes. What `send` says is full is far below.
};

/// A parcel that was submitted.
struct uring_departure {
  std::uint32_t first = uring_parcel::none;
  std::uint32_t size = 0; ///< Bytes.
  /// Bytes shown to the kernel; if it did not take all of them, how many it
  /// took, or -errno.
  std::int32_t handed = 0;
};

/// Bytes of all streams that leave with one submission: received buffers as
/// they are, and copies of everything else. Empty again when the kernel has
/// taken or refused them, which it does before the submission returns. Keeps
/// its memory up to `spare_bytes_max`.
class uring_outbox {
public:
  static constexpr std::size_t spare_bytes_max = 4 << 20;

  uring_outbox();

  /// Appends bytes of a received buffer and holds it.
  void add(uring_parcel& to, uring_buffer& of,
           std::span<const std::byte> bytes) noexcept;

  /// Appends a copy.
  void add(uring_parcel& to, std::span<const std::byte> bytes) noexcept;

  /// Where TLS appends what it encrypts; `add_written` then takes what was
  /// appended since `written` was the size.
  [[nodiscard]] std::vector<std::byte>& copies() noexcept {
    return copies_;
  }

  void add_written(uring_parcel& to, std::size_t written) noexcept;

  /// Lists a parcel for the kernel from its `first` piece on. Returns how many
  /// entries of `into` it used; `more` tells whether that was not all.
  std::size_t list(std::uint32_t first, std::span<iovec> into,
                   bool& more) const noexcept;

  /// Copies what the kernel did not take, all but the first `taken` bytes, to
  /// where it may wait.
  void move_rest(std::uint32_t first, std::size_t taken, chunk_pool& pool,
                 output_queue& to) const noexcept;

  /// Lets go of the received buffers of a parcel, which is empty then.
  void drop(uring_parcel& which) noexcept;
  void drop(uring_departure& which) noexcept;

  /// Forgets everything. All parcels were dropped.
  void clear() noexcept;

  /// Streams that have a parcel here.
  std::vector<uring_stream*> streams;

private:
  struct piece {
    uring_buffer* buffer;  ///< Null: in `copies_`.
    const std::byte* data; ///< In the buffer.
    std::size_t offset;    ///< In `copies_`.
    std::size_t size;
    std::uint32_t next;
  };

  piece& append(uring_parcel& to, std::size_t size) noexcept;
  void release_buffers(std::uint32_t first) noexcept;

  [[nodiscard]] std::span<const std::byte>
  bytes_of(const piece& x) const noexcept {
    return {x.buffer != nullptr ? x.data : copies_.data() + x.offset, x.size};
  }

  std::vector<piece> pieces_;
  std::vector<std::byte> copies_;
};

} // namespace cenote::net
