#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "base/assert.hpp"

namespace cenote::net {

struct epoll_stream;

/// Short pieces for any streams, in order, that leave together once all that
/// had arrived for a turn is delivered. Whoever is woken by a send would take
/// the processor away before the rest of the turn is done, or ask a second time
/// while the first answer of others waits.
class epoll_outbox {
public:
  /// Longer pieces cost more to copy than they win by waiting.
  static constexpr std::size_t piece_bytes_max = 2048;
  static constexpr std::size_t bytes_max = 32 * 1024;
  /// So many streams wait for each other at most.
  static constexpr std::size_t parcels_max = 64;

  epoll_outbox()
    : bytes_(bytes_max) {
    // nop
  }

  [[nodiscard]] bool empty() const noexcept {
    return count_ == 0;
  }

  [[nodiscard]] std::size_t count() const noexcept {
    return count_;
  }

  /// Whether `add` would make one piece of what `to` has and gets.
  [[nodiscard]] bool ends_with(const epoll_stream& to) const noexcept {
    return count_ > 0 && parcels_[count_ - 1].to == &to;
  }

  [[nodiscard]] bool has_room(std::size_t bytes) const noexcept {
    return count_ < parcels_max && bytes <= bytes_max - used_;
  }

  /// Copies `bytes`, for which there must be room. What one stream is sent
  /// twice in a row leaves in one piece.
  void add(epoll_stream& to, std::span<const std::byte> bytes) noexcept {
    CENOTE_ASSERT(has_room(bytes.size()));
    std::memcpy(bytes_.data() + used_, bytes.data(), bytes.size());
    used_ += bytes.size();
    const auto size = static_cast<std::uint32_t>(bytes.size());
    if (ends_with(to))
      parcels_[count_ - 1].size += size;
    else
      parcels_[count_++] = {&to, size};
  }

  /// Bytes of `to`.
  [[nodiscard]] std::size_t bytes_of(const epoll_stream& to) const noexcept {
    std::size_t sum = 0;
    for (const auto& each : std::span{parcels_}.first(count_))
      sum += each.to == &to ? each.size : 0;
    return sum;
  }

  /// Calls `visit(stream, bytes)` for each parcel. Nothing may be added
  /// meanwhile.
  template <class Visit>
  void each(Visit visit) const noexcept {
    auto rest = std::span<const std::byte>{bytes_};
    for (const auto& each : std::span{parcels_}.first(count_)) {
      visit(*each.to, rest.first(each.size));
      rest = rest.subspan(each.size);
    }
  }

  void clear() noexcept {
    count_ = 0;
    used_ = 0;
  }

private:
  struct parcel {
    epoll_stream* to;
    std::uint32_t size;
  };

  std::vector<std::byte> bytes_;
  std::size_t used_ = 0;
  std::size_t count_ = 0;
  std::array<parcel, parcels_max> parcels_;
};

} // namespace cenote::net
