#include "proxy/edge/watch.hpp"

namespace cenote::proxy::edge {

void watch_list::end_all(ec why) {
  over_ = why;
  timer_.cancel();
  // Who ends may begin something, or take others along.
  for (const auto& each : std::unordered_set<watch*>{members_})
    if (members_.contains(each))
      each->end(why);
}

void watch_list::wait_until(time_point deadline) {
  if (deadline >= awaited_)
    return;
  awaited_ = deadline;
  timer_.expires_at(deadline);
  timer_.async_wait([this](const asio::error_code& cancelled) {
    if (cancelled)
      return; // Moved; or the list is gone.
    awaited_ = never;
    look();
  });
}

void watch_list::look() {
  const auto now = clock::now();
  while (auto* late = deadlines_.pop_due(now))
    late->end(late->why_);
  wait_until(deadlines_.next());
}

watch::watch(watch_list& home, asio::cancellation_signal& stop,
             duration time_max, ec when_late)
  : home_{home},
    stop_{stop},
    deadline_{*this},
    why_{when_late} {
  home_.members_.insert(this);
  if (home_.over_ != ec::none) {
    end(home_.over_);
  } else if (time_max.count() > 0) {
    const auto deadline = clock::now() + time_max;
    home_.deadlines_.arm(deadline_, deadline);
    home_.wait_until(deadline);
  }
}

void watch::end(ec why) {
  if (is_over_)
    return;
  is_over_ = true;
  why_ = why;
  stop_.emit(asio::cancellation_type::all);
}

} // namespace cenote::proxy::edge
