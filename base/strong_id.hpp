#pragma once

#include <compare>
#include <cstdint>
#include <functional>

namespace cenote {

/// An integer that only compares with its own kind. 0 means "none".
template <class Tag>
class strong_id {
public:
  using tag_type = Tag;

  constexpr strong_id() noexcept = default;

  constexpr explicit strong_id(std::uint64_t value) noexcept
    : value_{value} {
    // nop
  }

  [[nodiscard]] constexpr std::uint64_t value() const noexcept {
    return value_;
  }

  [[nodiscard]] constexpr explicit operator bool() const noexcept {
    return value_ != 0;
  }

  friend constexpr auto operator<=>(strong_id, strong_id) noexcept = default;

private:
  std::uint64_t value_ = 0;
};

using client_id = strong_id<struct client_id_tag>;
using server_id = strong_id<struct server_id_tag>;
using loan_id = strong_id<struct loan_id_tag>;
using lane_id = strong_id<struct lane_id_tag>;
using pool_id = strong_id<struct pool_id_tag>;

} // namespace cenote

template <class Tag>
struct std::hash<cenote::strong_id<Tag>> {
  std::size_t operator()(cenote::strong_id<Tag> id) const noexcept {
    return std::hash<std::uint64_t>{}(id.value());
  }
};
