#pragma once

#include <string>

namespace cenote::net {

/// Whether somebody listens on the unix socket at `path`, or may do so without
/// our being able to tell. False: nothing is there, or the file of a socket
/// whose process ended. Does not wait.
[[nodiscard]] bool is_served(const std::string& path) noexcept;

} // namespace cenote::net
