#include "proxy/quotas.hpp"

#include <utility>

#include "base/assert.hpp"

namespace cenote::proxy {

// -- quota_unit ---------------------------------------------------------------

quota_unit::quota_unit(quota_ptr home) noexcept
  : home_{std::move(home)} {
  // nop
}

quota_unit::quota_unit(quota_unit&& other) noexcept
  : home_{std::exchange(other.home_, nullptr)} {
  // nop
}

quota_unit& quota_unit::operator=(quota_unit&& other) noexcept {
  if (this != &other) {
    give_back();
    home_ = std::exchange(other.home_, nullptr);
  }
  return *this;
}

quota_unit::~quota_unit() {
  give_back();
}

void quota_unit::give_back() noexcept {
  if (auto home = std::exchange(home_, nullptr))
    home->release();
}

// -- quota --------------------------------------------------------------------

quota::quota(std::string name, count limit, ec full, quota_hook hook)
  : name_{std::move(name)},
    hook_{std::move(hook)},
    limit_{limit},
    full_{full} {
  // nop
}

void quota::set_limit(count limit) noexcept {
  if (limit_.exchange(limit) < limit)
    tell();
}

void quota::want() noexcept {
  wanted_.fetch_add(1);
}

void quota::unwant() noexcept {
  const auto before = wanted_.fetch_sub(1);
  CENOTE_ASSERT(before > 0);
}

void quota::release() noexcept {
  const auto before = used_.fetch_sub(1);
  CENOTE_ASSERT(before > 0);
  tell();
}

void quota::tell() noexcept {
  // Sequentially consistent like the counts: either this load sees a `want`, or
  // the one who wants sees the unit in the `try_take` that follows it.
  if (wanted_.load() > 0 && hook_.call != nullptr)
    hook_.call(hook_.context.get(), *this);
}

// -- taking -------------------------------------------------------------------

quota_ptr make_quota(std::string name, quota::count limit, ec full,
                     quota_hook hook) {
  return std::make_shared<quota>(std::move(name), limit, full, std::move(hook));
}

std::optional<quota_unit> try_take(const quota_ptr& from) noexcept {
  auto used = from->used_.load();
  do {
    if (used >= from->limit_.load())
      return std::nullopt;
  } while (!from->used_.compare_exchange_weak(used, used + 1));
  return quota_unit{from};
}

quota_units take_all(std::span<const quota_ptr> from) {
  auto taken = quota_units{};
  taken.units.reserve(from.size());
  for (const auto& each : from) {
    if (each == nullptr)
      continue;
    auto unit = try_take(each);
    if (!unit) {
      taken.full = each;
      taken.units.clear();
      return taken;
    }
    taken.units.push_back(std::move(*unit));
  }
  return taken;
}

} // namespace cenote::proxy
