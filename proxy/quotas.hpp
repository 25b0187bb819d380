#pragma once

#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/error.hpp"

namespace cenote::proxy {

class quota;
using quota_ptr = std::shared_ptr<quota>;

/// Called on the thread that gave a unit back (or raised the limit) while
/// somebody wanted one. Must not block; a `post` or an `anon_send` is right.
struct quota_hook {
  void (*call)(void* context, quota& which) noexcept = nullptr;
  /// Kept alive by the quota, so that a late unit finds it.
  std::shared_ptr<void> context;
};

/// One unit of a quota's capacity. Gives it back when it dies, on whichever
/// thread that is; keeps the quota alive, so it may outlive the tenant.
class [[nodiscard]] quota_unit {
public:
  quota_unit() noexcept = default;
  quota_unit(quota_unit&& other) noexcept;
  quota_unit& operator=(quota_unit&& other) noexcept;
  quota_unit(const quota_unit&) = delete;
  quota_unit& operator=(const quota_unit&) = delete;
  ~quota_unit();

  /// Whether it holds a unit.
  [[nodiscard]] explicit operator bool() const noexcept {
    return home_ != nullptr;
  }

  /// Whose unit it is; null if empty.
  [[nodiscard]] const quota_ptr& home() const noexcept {
    return home_;
  }

  /// Gives the unit back now. Idempotent.
  void give_back() noexcept;

private:
  friend std::optional<quota_unit> try_take(const quota_ptr&) noexcept;
  explicit quota_unit(quota_ptr home) noexcept;

  quota_ptr home_;
};

/// A capacity with a name: clients or servers of a node, host, tenant, user or
/// database. A counter and nothing more: what happens when it is full is
/// decided by an actor. Any thread, no lock.
class quota {
public:
  using count = std::uint32_t;
  static constexpr count unlimited = std::numeric_limits<count>::max();

  /// `name` is the metric's and the log's, e.g. "tenant acme clients"; `full`
  /// is what somebody is told who gets no unit. Make it with `make_quota`.
  quota(std::string name, count limit, ec full, quota_hook hook = {});
  quota(const quota&) = delete;
  quota& operator=(const quota&) = delete;

  [[nodiscard]] const std::string& name() const noexcept {
    return name_;
  }

  [[nodiscard]] ec when_full() const noexcept {
    return full_;
  }

  [[nodiscard]] count limit() const noexcept {
    return limit_.load();
  }

  [[nodiscard]] count used() const noexcept {
    return used_.load();
  }

  /// May go below `used`: then there are no new units until enough came back.
  /// A `try_take` that runs at the same time may still go by the old limit.
  void set_limit(count limit) noexcept;

  /// Says that somebody waits for a unit: from now on the hook is called when
  /// one comes back. Order: `want`, then `try_take` once more, then wait; else
  /// a unit that came back in between is never heard of. Each needs its
  /// `unwant`.
  void want() noexcept;
  void unwant() noexcept;

private:
  friend class quota_unit;
  friend class quota_units;
  friend std::optional<quota_unit> try_take(const quota_ptr&) noexcept;

  [[nodiscard]] bool take() noexcept;
  void release() noexcept;
  void tell() noexcept;

  std::string name_;
  quota_hook hook_;
  std::atomic<count> limit_;
  std::atomic<count> used_{0};
  std::atomic<count> wanted_{0};
  ec full_;
};

[[nodiscard]] quota_ptr make_quota(std::string name, quota::count limit,
                                   ec full, quota_hook hook = {});

/// One unit, or nothing if the quota is full. Never exceeds the limit, whoever
/// else takes at the same time.
[[nodiscard]] std::optional<quota_unit>
try_take(const quota_ptr& from) noexcept;

/// Quotas of which somebody needs a unit each. A handle: copies share one list,
/// which is made once for all who need the same, of whom there may be a
/// million: one pointer each, which a `shared_ptr` is not. Never changed. Any
/// thread.
class quota_list {
public:
  /// Of none.
  quota_list() noexcept = default;

  /// Null pointers stand for "no such limit" and are left out; the narrowest
  /// stands first.
  explicit quota_list(std::vector<quota_ptr> quotas);
  quota_list(const quota_list& other) noexcept;
  quota_list(quota_list&& other) noexcept;
  quota_list& operator=(quota_list other) noexcept;
  ~quota_list();

  [[nodiscard]] std::span<const quota_ptr> quotas() const noexcept;

private:
  struct body;

  body* body_ = nullptr;
};

/// One unit of each quota of a list. Gives them back when it dies, on whichever
/// thread that is; keeps the quotas alive.
class [[nodiscard]] quota_units {
public:
  quota_units() noexcept = default;
  quota_units(quota_units&& other) noexcept = default;
  quota_units& operator=(quota_units&& other) noexcept;
  quota_units(const quota_units&) = delete;
  quota_units& operator=(const quota_units&) = delete;
  ~quota_units();

  /// Whether it holds any.
  [[nodiscard]] explicit operator bool() const noexcept {
    return !of_.quotas().empty();
  }

  /// Gives the units back now. Idempotent.
  void give_back() noexcept;

  struct outcome;

  /// One unit of each, or none of any. The first quota that has none is the one
  /// reported. What is given back again on the way may have made somebody
  /// else's attempt fail for that moment; who waits by `want` is told.
  static outcome take(const quota_list& from);

private:
  quota_list of_;
};

struct [[nodiscard]] quota_units::outcome {
  quota_units units; ///< One of each.
  quota_ptr full;    ///< Or the first one that had none.

  explicit operator bool() const noexcept {
    return full == nullptr;
  }
};

} // namespace cenote::proxy
