#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/error.hpp"

namespace cenote::proxy {

/// The ParameterStatus values a server reported at its login, in its order. A
/// client of the pool is greeted with them before it ever meets a server.
struct greeting {
  std::vector<std::pair<std::string, std::string>> parameters;

  friend bool operator==(const greeting&, const greeting&) = default;
};

/// Why somebody is turned away: our code and, where PostgreSQL itself said no,
/// its complete ErrorResponse message, which the client gets as it is (severity
/// made FATAL).
struct refusal {
  failure why;
  std::shared_ptr<const std::vector<std::byte>> server_error;
};

} // namespace cenote::proxy
