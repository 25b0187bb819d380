#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "base/assert.hpp"

namespace cenote::pool {

/// Finds things by their id in constant time and little memory: an open hash
/// table with linear probing. A `Cell` is what is found, or stands for it;
/// `IdOf{}(cell)` is its id, never 0 but for the empty `Cell{}`, which means
/// that there is none.
///
/// Allocates only when it grows past its largest size so far. One thread.
template <class Cell, class IdOf>
class id_table {
public:
  /// Its id must be neither 0 nor present (asserted).
  void insert(Cell what) {
    const auto id = id_of(what);
    CENOTE_ASSERT(id != 0);
    if ((size_ + 1) * 4 > cells_.size() * 3)
      grow();
    auto& at = cells_[probe(id)];
    CENOTE_ASSERT(id_of(at) == 0);
    at = std::move(what);
    ++size_;
  }

  /// False: it was not there.
  bool erase(std::uint64_t id) noexcept {
    if (size_ == 0 || id == 0)
      return false;
    auto hole = probe(id);
    if (id_of(cells_[hole]) == 0)
      return false;
    // Close the gap instead of leaving a tombstone, so that a table whose
    // entries come and go for years probes no longer than on its first day.
    const auto mask = cells_.size() - 1;
    for (auto at = (hole + 1) & mask; id_of(cells_[at]) != 0;
         at = (at + 1) & mask) {
      const auto displaced = (at - home(id_of(cells_[at]))) & mask;
      const auto gap = (at - hole) & mask;
      if (displaced >= gap) {
        cells_[hole] = std::move(cells_[at]);
        hole = at;
      }
    }
    cells_[hole] = Cell{};
    --size_;
    return true;
  }

  /// `Cell{}`: it is not there.
  [[nodiscard]] Cell find(std::uint64_t id) const noexcept {
    return size_ == 0 || id == 0 ? Cell{} : cells_[probe(id)];
  }

  [[nodiscard]] std::size_t size() const noexcept {
    return size_;
  }

  /// Gives its memory back, too.
  void clear() noexcept {
    std::vector<Cell>{}.swap(cells_);
    size_ = 0;
  }

  /// Calls `each(cell)` for all, in no order.
  template <class Each>
  void for_each(Each each) const {
    for (const auto& at : cells_)
      if (id_of(at) != 0)
        each(at);
  }

private:
  [[nodiscard]] static std::uint64_t id_of(const Cell& cell) noexcept {
    return IdOf{}(cell);
  }

  [[nodiscard]] std::size_t home(std::uint64_t id) const noexcept {
    // Multiplying by 2^64 / phi spreads ids that differ in few bits; the high
    // half of the product is the well mixed one.
    return static_cast<std::size_t>((id * 0x9e37'79b9'7f4a'7c15u) >> 32)
         & (cells_.size() - 1);
  }

  [[nodiscard]] std::size_t probe(std::uint64_t id) const noexcept {
    auto at = home(id);
    for (auto there = id_of(cells_[at]); there != 0 && there != id;
         there = id_of(cells_[at]))
      at = (at + 1) & (cells_.size() - 1);
    return at;
  }

  void grow() {
    auto old = std::exchange(
      cells_, std::vector<Cell>(cells_.empty() ? 8 : cells_.size() * 2));
    for (auto& each : old)
      if (const auto id = id_of(each); id != 0)
        cells_[probe(id)] = std::move(each);
  }

  std::vector<Cell> cells_; ///< A power of two of them, at most 3/4 used.
  std::size_t size_ = 0;
};

} // namespace cenote::pool
