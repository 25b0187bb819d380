#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include <liburing.h>
#include <sys/mman.h>

#include "local_tcp.hpp"

namespace bare {

/// As cenote opens its own, with a table of `files` descriptors.
inline void open(io_uring& ring, unsigned entries, unsigned files) {
  io_uring_params how{};
  how.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN
            | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE;
  how.cq_entries = 4 * entries;
  auto error = io_uring_queue_init_params(entries, &ring, &how);
  if (error == 0)
    error = io_uring_register_files_sparse(&ring, files);
  if (error != 0)
    fail("io_uring", -error);
  if (io_uring_register_ring_fd(&ring) != 1)
    fail("io_uring");
}

/// When the queue is full, what is in it is submitted early.
inline io_uring_sqe* entry(io_uring& ring) {
  auto* out = io_uring_get_sqe(&ring);
  if (out == nullptr) {
    io_uring_submit(&ring);
    out = io_uring_get_sqe(&ring);
  }
  return out;
}

/// `took` each completion that is there.
template <class Took>
void take_all(io_uring& ring, Took took) {
  io_uring_cqe* each = nullptr;
  unsigned head = 0;
  unsigned count = 0;
  io_uring_for_each_cqe(&ring, head, each) {
    ++count;
    took(*each);
  }
  io_uring_cq_advance(&ring, count);
}

/// What both programs with io_uring receive into: group 0 of a ring's buffers.
class buffer_ring {
public:
  static constexpr unsigned bytes_each = 8 * 1024;

  /// `count` is a power of two.
  explicit buffer_ring(unsigned count)
    : count_{count},
      memory_(std::size_t{count} * bytes_each) {}

  /// Gives the kernel all of them.
  void enroll(io_uring& ring) {
    const auto bytes = count_ * sizeof(io_uring_buf);
    auto* shared = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
      fail("mmap");
    given_ = static_cast<io_uring_buf_ring*>(shared);
    io_uring_buf_reg how{};
    how.ring_addr = reinterpret_cast<std::uintptr_t>(shared);
    how.ring_entries = count_;
    if (const auto error = io_uring_register_buf_ring(&ring, &how, 0);
        error != 0)
      fail("buffers", -error);
    io_uring_buf_ring_init(given_);
    for (unsigned i = 0; i < count_; ++i)
      give_back(i);
  }

  void give_back(unsigned buffer) {
    io_uring_buf_ring_add(given_, at(buffer), bytes_each,
                          static_cast<unsigned short>(buffer),
                          io_uring_buf_ring_mask(count_), 0);
    io_uring_buf_ring_advance(given_, 1);
  }

  [[nodiscard]] char* at(unsigned buffer) {
    return memory_.data() + std::size_t{buffer} * bytes_each;
  }

private:
  unsigned count_;
  std::vector<char> memory_;
  io_uring_buf_ring* given_ = nullptr;
};

} // namespace bare
