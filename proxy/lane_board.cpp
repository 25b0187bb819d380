#include "proxy/lane_board.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace cenote::proxy {

void lane_board::open(std::uint32_t count, std::uint32_t first_shard,
                      std::uint32_t shard_count) {
  CENOTE_ASSERT(places_ == nullptr && count > 1 && count <= shard_count);
  places_ = std::make_unique<place[]>(count);
  for (std::uint32_t i = 0; i < count; ++i)
    places_[i].shard = (first_shard + i) % shard_count;
  count_ = count;
}

std::optional<std::uint32_t>
lane_board::on_shard(std::uint32_t shard) const noexcept {
  for (std::uint32_t i = 0; is_shared() && i < count_; ++i)
    if (places_[i].shard == shard)
      return i;
  return std::nullopt;
}

std::uint32_t lane_board::servers() const noexcept {
  std::uint32_t sum = 0;
  for (std::uint32_t i = 0; i < count_; ++i)
    sum += places_[i].servers.load();
  return sum;
}

std::uint32_t lane_board::servers_but(std::uint32_t index) const noexcept {
  std::uint32_t sum = 0;
  for (std::uint32_t i = 0; i < count_; ++i)
    if (i != index)
      sum += places_[i].servers.load();
  return sum;
}

std::uint32_t lane_board::wanted() const noexcept {
  std::uint32_t sum = 0;
  for (std::uint32_t i = 0; i < count_; ++i)
    sum += places_[i].wanted.load();
  return sum;
}

std::uint32_t lane_board::emptiest() const noexcept {
  std::uint32_t best = 0;
  for (std::uint32_t i = 1; i < count_; ++i)
    if (places_[i].clients.load() < places_[best].clients.load())
      best = i;
  return best;
}

std::uint32_t lane_board::neediest() const noexcept {
  // Higher than any number of servers, so that waiters count first.
  constexpr auto base = std::int64_t{1} << 32;
  auto lack = [](const place& x) {
    return std::int64_t{x.unserved()} * base - x.servers.load();
  };
  std::uint32_t best = 0;
  for (std::uint32_t i = 1; i < count_; ++i)
    if (lack(places_[i]) > lack(places_[best]))
      best = i;
  return best;
}

lane_board::need lane_board::oldest_but(std::uint32_t index) const noexcept {
  auto best = need{};
  for (std::uint32_t i = 0; i < count_; ++i) {
    if (i == index || places_[i].unserved() == 0)
      continue;
    const auto since = time_point{duration{places_[i].oldest_since.load()}};
    if (since < best.since)
      best = {i, since};
  }
  return best;
}

bool lane_board::is_quiet_since(std::uint64_t pause) const noexcept {
  return std::all_of(
    places_.get(), places_.get() + count_,
    [pause](const place& x) { return x.quiet_since.load() == pause; });
}

bool lane_board::is_drained() const noexcept {
  return std::all_of(places_.get(), places_.get() + count_,
                     [](const place& x) { return x.drained.load(); });
}

} // namespace cenote::proxy
