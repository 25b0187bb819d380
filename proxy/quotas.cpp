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

bool quota::take() noexcept {
  auto used = used_.load();
  do {
    if (used >= limit_.load())
      return false;
  } while (!used_.compare_exchange_weak(used, used + 1));
  return true;
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
  if (!from->take())
    return std::nullopt;
  return quota_unit{from};
}

// -- many at once -------------------------------------------------------------

struct quota_list::body {
  std::vector<quota_ptr> quotas;
  std::atomic<std::uint32_t> owners{1};
};

quota_list::quota_list(std::vector<quota_ptr> quotas) {
  std::erase(quotas, nullptr);
  body_ = new body{std::move(quotas)};
}

quota_list::quota_list(const quota_list& other) noexcept
  : body_{other.body_} {
  if (body_ != nullptr)
    body_->owners.fetch_add(1, std::memory_order_relaxed);
}

quota_list::quota_list(quota_list&& other) noexcept
  : body_{std::exchange(other.body_, nullptr)} {
  // nop
}

quota_list& quota_list::operator=(quota_list other) noexcept {
  std::swap(body_, other.body_);
  return *this;
}

quota_list::~quota_list() {
  if (body_ != nullptr
      && body_->owners.fetch_sub(1, std::memory_order_acq_rel) == 1)
    delete body_;
}

std::span<const quota_ptr> quota_list::quotas() const noexcept {
  return body_ == nullptr ? std::span<const quota_ptr>{}
                          : std::span<const quota_ptr>{body_->quotas};
}

quota_units& quota_units::operator=(quota_units&& other) noexcept {
  if (this != &other) {
    give_back();
    of_ = std::move(other.of_);
  }
  return *this;
}

quota_units::~quota_units() {
  give_back();
}

void quota_units::give_back() noexcept {
  const auto of = std::move(of_);
  for (const auto& each : of.quotas())
    each->release();
}

quota_units::outcome quota_units::take(const quota_list& from) {
  auto out = quota_units::outcome{};
  const auto wanted = from.quotas();
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (wanted[i]->take())
      continue;
    out.full = wanted[i];
    while (i-- > 0)
      wanted[i]->release();
    return out;
  }
  out.units.of_ = from;
  return out;
}

} // namespace cenote::proxy
