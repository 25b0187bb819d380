#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "proxy/greeting.hpp"

namespace cenote::proxy::edge {

/// Stage 6 (DESIGN 5), first half: AuthenticationOk and the ParameterStatus
/// messages, as a server of the pool said them at its login; what the client
/// set itself in its startup message is reported with the client's values.
/// BackendKeyData and ReadyForQuery are the shard's to send. Pure.
[[nodiscard]] std::vector<std::byte>
greet(const greeting& said,
      const std::vector<std::pair<std::string, std::string>>& settings);

} // namespace cenote::proxy::edge
