#include "net/uring_buffers.hpp"

#include <cstring>
#include <string>

#include <sys/mman.h>

#include "base/assert.hpp"
#include "net/system_failure.hpp"

namespace cenote::net {

namespace {

/// Whole pages: the kernel wants them for the ring, and buffers nobody used
/// cost no memory.
void* pages(std::size_t size) noexcept {
  auto* memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CENOTE_ASSERT(memory != MAP_FAILED);
  return memory;
}

} // namespace

uring_buffers::uring_buffers(std::uint16_t group, unsigned count,
                             std::size_t bytes_each)
  : group_{group},
    bytes_each_{bytes_each},
    memory_bytes_{count * bytes_each},
    ring_bytes_{count * sizeof(io_uring_buf)},
    memory_{static_cast<std::byte*>(pages(memory_bytes_))},
    ring_{static_cast<io_uring_buf_ring*>(pages(ring_bytes_))} {
  CENOTE_ASSERT(count > 0 && count <= 32'768 && (count & (count - 1)) == 0);
  buffers_.reserve(count);
  for (unsigned i = 0; i < count; ++i)
    buffers_.emplace_back(*this, static_cast<std::uint16_t>(i));
}

uring_buffers::~uring_buffers() {
  ::munmap(ring_, ring_bytes_);
  ::munmap(memory_, memory_bytes_);
}

result<void> uring_buffers::enroll(io_uring& ring) {
  auto how = io_uring_buf_reg{};
  how.ring_addr = reinterpret_cast<std::uintptr_t>(ring_);
  how.ring_entries = static_cast<unsigned>(buffers_.size());
  how.bgid = group_;
  auto error = io_uring_register_buf_ring(&ring, &how, 0);
  if (error != 0)
    return system_failure(ec::engine_unavailable,
                          "io_uring_register buffer ring", -error);
  io_uring_buf_ring_init(ring_);
  for (auto& x : buffers_)
    give_back(x);
  return {};
}

void uring_buffers::give_back(uring_buffer& x) noexcept {
  auto mask = io_uring_buf_ring_mask(static_cast<unsigned>(buffers_.size()));
  auto bytes = bytes_of(x);
  io_uring_buf_ring_add(ring_, bytes.data(),
                        static_cast<unsigned>(bytes.size()), x.index_, mask, 0);
  io_uring_buf_ring_advance(ring_, 1);
}

} // namespace cenote::net
