#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include <linux/aio_abi.h>

#include "base/result.hpp"

namespace cenote::net {

/// Several sends by one system call (io_submit, which completes sends to
/// sockets that do not block before it returns). Each costs what send(2) does;
/// but whoever is woken by a send takes the processor away when the call
/// returns, and so that happens once and not after each. One thread's.
class send_batch {
public:
  static constexpr std::size_t sends_max = 64;

  /// Tries one, too. Fails with `engine_unavailable`, and says why, where the
  /// system refuses it or SIGPIPE is not ignored: these sends raise it.
  static result<std::unique_ptr<send_batch>> make();

  ~send_batch();
  send_batch(const send_batch&) = delete;
  send_batch& operator=(const send_batch&) = delete;

  /// There must be room. `socket` must be one that does not block, and is in a
  /// batch once at most: what follows a send that was cut would be sent, too.
  void add(int socket, std::span<const std::byte> bytes) noexcept;

  /// Sends what was added, in order, and is empty again. Returns what send(2)
  /// would have, or -errno, of as many of the first as were tried.
  [[nodiscard]] std::span<const std::int64_t> submit() noexcept;

private:
  struct ring;

  send_batch() noexcept;
  [[nodiscard]] result<void> set_up();
  [[nodiscard]] result<void> try_one();

  aio_context_t context_ = 0;
  ring* ring_ = nullptr; ///< The kernel's.
  std::size_t size_ = 0;
  std::array<iocb, sends_max> sends_{};
  std::array<iocb*, sends_max> order_;
  std::array<std::int64_t, sends_max> results_;
};

} // namespace cenote::net
