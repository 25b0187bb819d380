#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "base/error.hpp"

namespace cenote::pool {

/// Why a server login failed, in the server's own words where it had any.
struct login_failure {
  ec code = ec::none;
  std::string sqlstate; ///< Empty: the server sent none; use `describe(code)`.
  std::string message;  ///< Likewise.
};

/// When a pool may try the next server login, and what clients are told until
/// then. PgBouncer's `server_login_retry`, growing while the failures go on.
class backoff {
public:
  struct settings {
    /// After the first failure; 0 = try again at once, every time.
    duration retry_first = std::chrono::seconds{15};
    /// Doubles with each failure up to this; below `retry_first` it has no
    /// effect (equal: a fixed interval, as PgBouncer's).
    duration retry_max = std::chrono::seconds{15};
    /// Part of the interval that chance may take away, 0 to 1: pools that
    /// failed together do not come back together.
    double jitter = 0.0;
  };

  explicit backoff(const settings& with);

  /// Holds from the next failure on.
  void configure(const settings& with) noexcept;

  /// A login failed. `chance` is a random number of the caller, 0 to 1.
  void failed(login_failure why, time_point now, double chance);

  /// A login succeeded: everything is forgiven.
  void succeeded() noexcept;

  [[nodiscard]] bool may_try(time_point now) const noexcept;

  /// When `may_try` becomes true; the clock's epoch without a failure.
  [[nodiscard]] time_point next_try() const noexcept;

  /// What a client that comes now is told instead of waiting: the last failure,
  /// while no login may be tried and the pool has no working server. Null: let
  /// it wait. Valid until the next call that changes something.
  [[nodiscard]] const login_failure*
  fail_fast(time_point now, std::size_t working_servers) const noexcept;

  /// The failure since the last success, for SHOW and the log; null without.
  [[nodiscard]] const login_failure* last_failure() const noexcept;

  /// Failures in a row.
  [[nodiscard]] unsigned failure_count() const noexcept;

private:
  settings settings_;
  std::optional<login_failure> last_;
  time_point next_try_{};
  unsigned failure_count_ = 0;
};

} // namespace cenote::pool
