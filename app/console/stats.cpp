#include "app/console/stats.hpp"

#include <chrono>

namespace cenote::app {

namespace {

std::uint64_t rise(std::uint64_t now, std::uint64_t before) noexcept {
  return now >= before ? now - before : now;
}

std::uint64_t per(std::uint64_t sum, std::uint64_t count) noexcept {
  return count == 0 ? 0 : sum / count;
}

} // namespace

stats_sums sum_up(const collected& from) {
  auto out = stats_sums{};
  for (const auto& shard : from.shards) {
    for (const auto& lane : shard.lanes)
      out[{lane.pool.database, lane.pool.tenant}] += lane.sums;
    for (const auto& gone : shard.ended)
      out[{gone.database, gone.tenant}] += gone.sums;
  }
  return out;
}

traffic average(const traffic& now, const traffic& before, duration between) {
  auto out = traffic{};
  const auto seconds = std::chrono::duration<double>(between).count();
  if (seconds <= 0)
    return out;
  for (auto field : traffic_fields)
    out.*field = static_cast<std::uint64_t>(
      static_cast<double>(rise(now.*field, before.*field)) / seconds);
  const auto mean = [&](auto sum, auto count) {
    out.*sum
      = per(rise(now.*sum, before.*sum), rise(now.*count, before.*count));
  };
  mean(&traffic::transaction_time_us, &traffic::transactions);
  mean(&traffic::query_time_us, &traffic::queries);
  mean(&traffic::wait_time_us, &traffic::server_assignments);
  return out;
}

stats_history::stats_history(time_point start) noexcept {
  older_.taken = start;
  newer_.taken = start;
}

void stats_history::add(stats_sums sums, time_point now) {
  auto lock = std::lock_guard{mutex_};
  older_ = std::move(newer_);
  newer_ = {std::move(sums), now};
}

stats_sums stats_history::averages(const stats_sums& now_sums,
                                   time_point now) const {
  auto lock = std::lock_guard{mutex_};
  auto out = stats_sums{};
  for (const auto& [key, sums] : now_sums) {
    auto at = older_.sums.find(key);
    out[key] = average(sums, at == older_.sums.end() ? traffic{} : at->second,
                       now - older_.taken);
  }
  return out;
}

} // namespace cenote::app
