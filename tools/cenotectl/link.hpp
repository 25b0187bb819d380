#pragma once

#include <string>

#include "actors/admin_types.hpp"
#include "base/result.hpp"

namespace cenote::ctl {

/// Connects to the daemon's admin socket, sends one operation and waits for its
/// answer. Blocks. Fails with `os_error`, `actor_down` or `timed_out` and a
/// sentence for the operator.
[[nodiscard]] result<actors::admin_reply>
run(const std::string& socket_path, const actors::admin_command& command,
    unsigned timeout_s);

} // namespace cenote::ctl
