#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "pool/id_table.hpp"

namespace cenote::pool {

/// Finds the small local slot of an id in constant time. Ids are dense per
/// shard, not per lane, so an array indexed by them would cost every lane the
/// memory of the whole shard.
///
/// Allocates only when it grows past its largest size so far.
class id_index {
public:
  /// `id` must be neither 0 nor present (asserted).
  void insert(std::uint64_t id, std::uint32_t slot) {
    cells_.insert({id, slot});
  }

  /// False: it was not there.
  bool erase(std::uint64_t id) noexcept {
    return cells_.erase(id);
  }

  [[nodiscard]] std::optional<std::uint32_t>
  find(std::uint64_t id) const noexcept {
    const auto at = cells_.find(id);
    if (at.id == 0)
      return std::nullopt;
    return at.slot;
  }

  [[nodiscard]] std::size_t size() const noexcept {
    return cells_.size();
  }

private:
  struct cell {
    std::uint64_t id = 0; ///< 0: empty.
    std::uint32_t slot = 0;
  };
  struct id_of {
    std::uint64_t operator()(const cell& of) const noexcept {
      return of.id;
    }
  };

  id_table<cell, id_of> cells_;
};

} // namespace cenote::pool
