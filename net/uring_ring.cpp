#include "net/uring_ring.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <string>

#include <sys/resource.h>

#include "base/assert.hpp"
#include "net/system_failure.hpp"

namespace cenote::net {

namespace {

failure refused(const char* what, int error) {
  return system_failure(ec::engine_unavailable, what, error);
}

} // namespace

uring_ring::~uring_ring() {
  if (is_open_)
    io_uring_queue_exit(&ring_);
}

result<void> uring_ring::open() {
  auto how = io_uring_params{};
  how.flags = IORING_SETUP_R_DISABLED | IORING_SETUP_SINGLE_ISSUER
            | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SUBMIT_ALL
            | IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP;
  how.cq_entries = completions;
  auto error = io_uring_queue_init_params(submissions, &ring_, &how);
  if (error != 0)
    return refused("io_uring_setup", -error);
  is_open_ = true;
  // It is disabled yet; but a filter of system calls would speak first.
  error
    = io_uring_enter(static_cast<unsigned>(ring_.ring_fd), 0, 0, 0, nullptr);
  if (error != 0 && error != -EBADFD)
    return refused("io_uring_enter", -error);
  constexpr unsigned needed = IORING_FEAT_NODROP | IORING_FEAT_SUBMIT_STABLE
                            | IORING_FEAT_FAST_POLL | IORING_FEAT_CQE_SKIP
                            | IORING_FEAT_LINKED_FILE;
  if ((how.features & needed) != needed)
    return failure{ec::engine_unavailable, "io_uring of an old kernel"};
  auto limit = rlimit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  files_ = static_cast<unsigned>(std::min<rlim_t>(limit.rlim_cur, files_max));
  error = io_uring_register_files_sparse(&ring_, files_);
  if (error != 0)
    return refused("io_uring_register files", -error);
  // The entries are always used in their order.
  for (unsigned i = 0; i < ring_.sq.ring_entries; ++i)
    ring_.sq.array[i] = i;
  return {};
}

void uring_ring::adopt() noexcept {
  CENOTE_ASSERT(!adopted_);
  // liburing 2.3 declares io_uring_enable_rings but does not export it.
  auto error = io_uring_register(static_cast<unsigned>(ring_.ring_fd),
                                 IORING_REGISTER_ENABLE_RINGS, nullptr, 0);
  CENOTE_ASSERT(error == 0);
  registered_ = io_uring_register_ring_fd(&ring_) == 1;
  adopted_ = true;
}

bool uring_ring::set_file(unsigned slot, int fd) noexcept {
  return io_uring_register_files_update(&ring_, slot, &fd, 1) == 1;
}

[[gnu::hot]] io_uring_sqe& uring_ring::next(io_uring_op operation) noexcept {
  auto* entry = io_uring_get_sqe(&ring_);
  if (entry == nullptr) {
    submit();
    entry = io_uring_get_sqe(&ring_);
    CENOTE_ASSERT(entry != nullptr);
  }
  std::memset(entry, 0, sizeof(*entry));
  entry->opcode = static_cast<std::uint8_t>(operation);
  return *entry;
}

/// Shows the kernel all entries. Returns how many it has not taken yet.
[[gnu::hot]] unsigned uring_ring::flush() noexcept {
  auto& queue = ring_.sq;
  auto tail = *queue.ktail + (queue.sqe_tail - queue.sqe_head);
  queue.sqe_head = queue.sqe_tail;
  io_uring_smp_store_release(queue.ktail, tail);
  return tail - io_uring_smp_load_acquire(queue.khead);
}

[[gnu::hot]] void uring_ring::hand_over(unsigned wanted,
                                        unsigned flags) noexcept {
  if (registered_)
    flags |= IORING_ENTER_REGISTERED_RING;
  for (;;) {
    auto count = flush();
    ++enters_;
    auto got = io_uring_enter2(static_cast<unsigned>(ring_.enter_ring_fd),
                               count, wanted, flags, nullptr, _NSIG / 8);
    if (got >= 0 ? static_cast<unsigned>(got) == count : count == 0) {
      // -EBADR: the kernel had no memory for a completion, which is lost.
      CENOTE_ASSERT(got != -EBADR);
      return;
    }
    // Not all was taken: short of memory, or a signal came. Again, unless it is
    // our mistake.
    CENOTE_ASSERT(got >= 0 || got == -EAGAIN || got == -EBUSY || got == -EINTR
                  || got == -ENOMEM);
    wanted = 0;
  }
}

[[gnu::hot]] void uring_ring::submit() noexcept {
  hand_over(0, 0);
}

[[gnu::hot]] void uring_ring::enter(bool sleeps) noexcept {
  hand_over(sleeps ? 1 : 0, IORING_ENTER_GETEVENTS);
}

[[gnu::hot]] bool uring_ring::pop(io_uring_cqe& into) noexcept {
  auto& queue = ring_.cq;
  auto head = *queue.khead;
  if (head == io_uring_smp_load_acquire(queue.ktail))
    return false;
  into = queue.cqes[head & queue.ring_mask];
  io_uring_smp_store_release(queue.khead, head + 1);
  return true;
}

} // namespace cenote::net
