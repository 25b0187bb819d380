#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace cenote::pool {

/// Finds the small local slot of an id in constant time: an open hash table
/// with linear probing. Ids are dense per shard, not per lane, so an array
/// indexed by them would cost every lane the memory of the whole shard.
///
/// Allocates only when it grows past its largest size so far.
class id_index {
public:
  /// `id` must be neither 0 nor present (asserted).
  void insert(std::uint64_t id, std::uint32_t slot);

  /// False: it was not there.
  bool erase(std::uint64_t id) noexcept;

  [[nodiscard]] std::optional<std::uint32_t>
  find(std::uint64_t id) const noexcept;

  [[nodiscard]] std::size_t size() const noexcept {
    return size_;
  }

private:
  struct cell {
    std::uint64_t id = 0; ///< 0: empty.
    std::uint32_t slot = 0;
  };

  [[nodiscard]] std::size_t home(std::uint64_t id) const noexcept;
  [[nodiscard]] std::size_t probe(std::uint64_t id) const noexcept;
  void grow();

  std::vector<cell> cells_; ///< A power of two of them, at most 3/4 used.
  std::size_t size_ = 0;
};

} // namespace cenote::pool
