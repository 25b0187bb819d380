#pragma once

#include <cstdint>

#include "base/strong_id.hpp"

namespace cenote::proxy {

/// Where a lane lives. Plain numbers: may travel in messages.
struct lane_ref {
  std::uint32_t shard = 0;
  lane_id lane;

  friend bool operator==(const lane_ref&, const lane_ref&) = default;
};

} // namespace cenote::proxy
