#include "pool/id_index.hpp"

#include <utility>

#include "base/assert.hpp"

namespace cenote::pool {

void id_index::insert(std::uint64_t id, std::uint32_t slot) {
  CENOTE_ASSERT(id != 0);
  if ((size_ + 1) * 4 > cells_.size() * 3)
    grow();
  auto& at = cells_[probe(id)];
  CENOTE_ASSERT(at.id == 0);
  at = {id, slot};
  ++size_;
}

bool id_index::erase(std::uint64_t id) noexcept {
  if (size_ == 0 || id == 0)
    return false;
  auto hole = probe(id);
  if (cells_[hole].id == 0)
    return false;
  // Close the gap instead of leaving a tombstone, so that a lane that queues
  // and leaves for years probes no longer than on its first day.
  const auto mask = cells_.size() - 1;
  for (auto at = (hole + 1) & mask; cells_[at].id != 0; at = (at + 1) & mask) {
    const auto displaced = (at - home(cells_[at].id)) & mask;
    const auto gap = (at - hole) & mask;
    if (displaced >= gap) {
      cells_[hole] = cells_[at];
      hole = at;
    }
  }
  cells_[hole] = {};
  --size_;
  return true;
}

std::optional<std::uint32_t> id_index::find(std::uint64_t id) const noexcept {
  if (size_ == 0 || id == 0)
    return std::nullopt;
  const auto& at = cells_[probe(id)];
  if (at.id == 0)
    return std::nullopt;
  return at.slot;
}

std::size_t id_index::home(std::uint64_t id) const noexcept {
  // Multiplying by 2^64 / phi spreads ids that differ in few bits; the high
  // half of the product is the well mixed one.
  return static_cast<std::size_t>((id * 0x9e37'79b9'7f4a'7c15u) >> 32)
       & (cells_.size() - 1);
}

std::size_t id_index::probe(std::uint64_t id) const noexcept {
  auto at = home(id);
  while (cells_[at].id != 0 && cells_[at].id != id)
    at = (at + 1) & (cells_.size() - 1);
  return at;
}

void id_index::grow() {
  auto old = std::exchange(
    cells_, std::vector<cell>(cells_.empty() ? 8 : cells_.size() * 2));
  for (const auto& each : old)
    if (each.id != 0)
      cells_[probe(each.id)] = each;
}

} // namespace cenote::pool
