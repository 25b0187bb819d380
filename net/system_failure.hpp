#pragma once

#include <cstring>
#include <string>

#include "base/result.hpp"

namespace cenote::net {

/// "doing: what errno means".
[[nodiscard]] inline failure system_failure(ec code, const char* doing,
                                            int error) {
  return {code, std::string{doing} + ": " + strerrordesc_np(error)};
}

} // namespace cenote::net
