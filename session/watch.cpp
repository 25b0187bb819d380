#include "session/watch.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace cenote::session {

namespace {

using std::chrono::seconds;

/// How long an answer may be under way before somebody else asks.
constexpr duration patience = seconds{30};

/// Asking takes at most one part in so many of a server's time.
constexpr int share = 100;

/// After a failure, doubled each time.
constexpr duration retry_min = seconds{1};
constexpr std::uint32_t doublings_max = 6;

/// A statement_timeout looks like a cancel.
constexpr std::uint32_t repeats_max = 3;

constexpr time_point at_once = time_point::min();

} // namespace

void watch::configure(duration interval) noexcept {
  const auto was_on = is_on();
  interval_ = interval;
  if (was_on == is_on()) {
    if (is_on() && failures_ == 0 && !is_unknown_)
      due_at_ = std::min(due_at_, asked_at_ + interval_);
    return;
  }
  words_ = {};
  wants_all_ = false;
  is_unknown_ = is_on();
  due_at_ = is_on() ? at_once : never;
  ++generation_;
  set_watching();
}

void watch::changed() noexcept {
  if (!is_on())
    return;
  ++changes_;
  ++generation_;
  is_unknown_ = true;
  if (failures_ == 0)
    due_at_ = at_once;
  set_watching();
}

watch::ticket watch::begin(time_point now) noexcept {
  asked_at_ = now;
  // While nothing is known everybody asks: who is asked after needs it.
  if (!is_unknown_)
    due_at_ = now + patience;
  return changes_;
}

void watch::answered(ticket which, watch_reader answer, time_point now) {
  if (!is_on() || which != changes_)
    return;
  failures_ = repeats_ = 0;
  if (answer.has_more()) {
    wants_all_ = true;
    due_at_ = at_once;
    return;
  }
  auto found = answer.take();
  // Who was asked after meanwhile was not asked for these settings.
  if (!found.empty() && (is_unknown_ || !(found == words_)))
    ++generation_;
  words_ = std::move(found);
  is_unknown_ = false;
  wants_all_ = !words_.empty();
  due_at_ = now + std::max(interval_, share * (now - asked_at_));
  set_watching();
}

void watch::failed(ticket which, time_point now, bool is_canceled) noexcept {
  if (!is_on() || which != changes_)
    return;
  if (is_canceled && repeats_ < repeats_max) {
    ++repeats_;
    due_at_ = at_once;
    return;
  }
  is_unknown_ = true;
  ++generation_;
  due_at_ = now + retry_min * (1 << std::min(failures_, doublings_max));
  ++failures_;
  set_watching();
}

} // namespace cenote::session
