#include "net/send_batch.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>

#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/assert.hpp"
#include "net/system_failure.hpp"
#include "net/unique_fd.hpp"

namespace cenote::net {

/// What io_setup maps (struct aio_ring of Linux, which libaio reads as well):
/// results lie there and need not be asked for.
struct send_batch::ring {
  static constexpr std::uint32_t right_magic = 0xa10a10a1;

  std::uint32_t id;
  std::uint32_t count;
  std::uint32_t head; ///< We take from here.
  std::uint32_t tail; ///< The kernel puts there.
  std::uint32_t magic;
  std::uint32_t compatible;
  std::uint32_t incompatible; ///< 0, or all of this is otherwise.
  std::uint32_t header_bytes;

  [[nodiscard]] const io_event* events() const noexcept {
    return reinterpret_cast<const io_event*>(this + 1);
  }
};

namespace {

/// ThreadSanitizer does not see that what a thread does before such a send
/// happens before what others do when they have received it.
#if defined(__SANITIZE_THREAD__)
constexpr bool is_watched = true;
#else
constexpr bool is_watched = false;
#endif

bool is_sigpipe_ignored() noexcept {
  struct sigaction now {};
  return ::sigaction(SIGPIPE, nullptr, &now) == 0 && now.sa_handler == SIG_IGN;
}

failure unavailable(const char* doing, int error) {
  return system_failure(ec::engine_unavailable, doing, error);
}

} // namespace

send_batch::send_batch() noexcept {
  for (std::size_t i = 0; i < sends_max; ++i) {
    sends_[i].aio_lio_opcode = IOCB_CMD_PWRITE;
    sends_[i].aio_data = i;
    order_[i] = &sends_[i];
  }
}

send_batch::~send_batch() {
  if (context_ != 0)
    ::syscall(SYS_io_destroy, context_);
}

result<std::unique_ptr<send_batch>> send_batch::make() {
  if (is_watched)
    return failure{ec::engine_unavailable,
                   "not in a build that looks for data races"};
  if (!is_sigpipe_ignored())
    return failure{ec::engine_unavailable, "SIGPIPE is not ignored"};
  auto made = std::unique_ptr<send_batch>{new send_batch};
  if (auto ok = made->set_up(); !ok)
    return ok.error();
  if (auto ok = made->try_one(); !ok)
    return ok.error();
  return made;
}

result<void> send_batch::set_up() {
  if (::syscall(SYS_io_setup, sends_max, &context_) != 0)
    return unavailable("io_setup", errno);
  ring_ = reinterpret_cast<ring*>(context_);
  if (ring_->magic != ring::right_magic || ring_->incompatible != 0)
    return unavailable("io_setup: its results", ENOTSUP);
  return {};
}

result<void> send_batch::try_one() {
  int both[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, both)
      != 0)
    return unavailable("socketpair", errno);
  const auto from = unique_fd{both[0]};
  const auto to = unique_fd{both[1]};
  auto byte = std::byte{1};
  add(from.get(), {&byte, 1});
  errno = 0;
  const auto sent = submit();
  if (sent.size() != 1)
    return unavailable("io_submit", errno);
  if (sent.front() != 1 || ::recv(to.get(), &byte, 1, 0) != 1)
    return unavailable("io_submit: a send", ENOTSUP);
  return {};
}

void send_batch::add(int socket, std::span<const std::byte> bytes) noexcept {
  CENOTE_ASSERT(size_ < sends_max);
  auto& next = sends_[size_++];
  next.aio_fildes = static_cast<std::uint32_t>(socket);
  next.aio_buf = reinterpret_cast<std::uint64_t>(bytes.data());
  next.aio_nbytes = bytes.size();
}

std::span<const std::int64_t> send_batch::submit() noexcept {
  const auto tried = ::syscall(SYS_io_submit, context_,
                               static_cast<long>(size_), order_.data());
  size_ = 0;
  if (tried <= 0)
    return {};
  const auto done = std::span{results_}.first(static_cast<std::size_t>(tried));
  std::ranges::fill(done, -EIO); // All have a result; who had none would end.
  auto head = ring_->head;
  const auto tail
    = std::atomic_ref{ring_->tail}.load(std::memory_order_acquire);
  for (; head != tail; head = (head + 1) % ring_->count) {
    const auto& each = ring_->events()[head];
    results_[each.data] = each.res;
  }
  std::atomic_ref{ring_->head}.store(head, std::memory_order_release);
  return done;
}

} // namespace cenote::net
