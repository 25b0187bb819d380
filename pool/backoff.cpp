#include "pool/backoff.hpp"

#include <algorithm>
#include <utility>

namespace cenote::pool {

backoff::backoff(const settings& with)
  : settings_{with} {
  // nop
}

void backoff::configure(const settings& with) noexcept {
  settings_ = with;
}

void backoff::failed(login_failure why, time_point now, double chance) {
  last_ = std::move(why);
  auto wait = settings_.retry_first;
  // Stops doubling at the cap, so a year of failures cannot overflow.
  for (unsigned i = 0; i < failure_count_ && wait < settings_.retry_max; ++i)
    wait = wait > settings_.retry_max / 2 ? settings_.retry_max : wait * 2;
  if (failure_count_ < 1'000'000)
    ++failure_count_;
  const auto part
    = std::clamp(settings_.jitter, 0.0, 1.0) * std::clamp(chance, 0.0, 1.0);
  wait -= std::chrono::duration_cast<duration>(
    std::chrono::duration<double, duration::period>{
      static_cast<double>(wait.count()) * part});
  next_try_ = now + std::max(wait, duration::zero());
}

void backoff::succeeded() noexcept {
  last_.reset();
  next_try_ = {};
  failure_count_ = 0;
}

bool backoff::may_try(time_point now) const noexcept {
  return now >= next_try_;
}

time_point backoff::next_try() const noexcept {
  return next_try_;
}

const login_failure*
backoff::fail_fast(time_point now, std::size_t working_servers) const noexcept {
  if (working_servers > 0 || may_try(now))
    return nullptr;
  return last_failure();
}

const login_failure* backoff::last_failure() const noexcept {
  return last_ ? &*last_ : nullptr;
}

unsigned backoff::failure_count() const noexcept {
  return failure_count_;
}

} // namespace cenote::pool
