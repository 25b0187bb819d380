#pragma once

#include <cstdint>

#include "base/strong_id.hpp"

namespace cenote::proxy {

/// Where a lane lives, or all lanes of a pool: they have one id, and each lives
/// on the shard after that of the one before. Plain numbers: may travel in
/// messages.
struct lane_ref {
  std::uint32_t shard = 0; ///< Of the first lane.
  lane_id lane;
  std::uint32_t count = 1; ///< Lanes.

  friend bool operator==(const lane_ref&, const lane_ref&) = default;
};

} // namespace cenote::proxy
