#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <unordered_map>

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/steady_timer.hpp>
#include <asio/thread_pool.hpp>

#include "base/result.hpp"
#include "base/secret.hpp"
#include "protocol/scram.hpp"

namespace cenote::proxy::edge {

/// PBKDF2 for one edge: on threads beside it, once per password, salt and
/// iteration count. All members on the edge's thread. Join it (`stop`) before
/// the edge's io_context dies.
class key_deriver {
public:
  explicit key_deriver(asio::any_io_executor edge,
                       std::size_t remembered_max = 10'000);
  ~key_deriver();
  key_deriver(const key_deriver&) = delete;
  key_deriver& operator=(const key_deriver&) = delete;

  /// From memory, or derived now; many who ask at once cost one derivation.
  /// `ran`, if given, tells whether this caller waited for one. Fails with
  /// `server_scram_iterations`, `shutting_down`.
  asio::awaitable<result<protocol::scram_keys>> keys(secret password,
                                                     std::string salt,
                                                     std::uint32_t iterations,
                                                     bool* ran = nullptr);

  /// Whether a password sent in clear text belongs to a verifier.
  asio::awaitable<result<bool>> matches(secret password,
                                        protocol::scram_verifier verifier);

  /// As much work as one derivation, for nobody: on a thread of its own, so
  /// that strangers who fail do not delay those who will not.
  asio::awaitable<void> waste_one();

  /// Forgets every password.
  void forget();

  /// Ends the threads; what is queued fails with `shutting_down`. Idempotent.
  void stop() noexcept;

  /// Derivations since the start.
  [[nodiscard]] std::uint64_t derived() const noexcept {
    return derived_;
  }

private:
  struct entry {
    std::string name; ///< Salt and iterations.
    secret password;
    protocol::scram_keys keys;
  };

  const entry* find(const std::string& name, const secret& password);
  void remember(const std::string& name, secret password,
                const protocol::scram_keys& keys);

  asio::any_io_executor edge_;
  std::size_t remembered_max_;
  std::list<entry> recent_; ///< Most recently used first.
  std::unordered_map<std::string, std::list<entry>::iterator> by_name_;
  /// Derivations under way; cancelling the timer wakes who waits for one.
  std::unordered_map<std::string, std::shared_ptr<asio::steady_timer>> pending_;
  std::uint64_t derived_ = 0;
  std::shared_ptr<std::atomic<bool>> stopped_;
  asio::thread_pool workers_;
  asio::thread_pool wasters_;
};

} // namespace cenote::proxy::edge
