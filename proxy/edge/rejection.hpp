#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/error.hpp"
#include "base/result.hpp"
#include "proxy/greeting.hpp"

namespace cenote::proxy::edge {

/// Why a login ends, and what the client is told.
struct rejection {
  // Constructors keep g++ 12 from destroying a temporary of this type twice.
  rejection(ec code)
    : why{code, {}} {
    // nop
  }

  rejection(failure reason)
    : why{std::move(reason)} {
    // nop
  }

  rejection(failure reason, std::string text, std::string advice = {})
    : why{std::move(reason)},
      extra{std::move(text)},
      hint{std::move(advice)} {
    // nop
  }

  explicit rejection(refusal reason)
    : why{std::move(reason.why)},
      server_error{std::move(reason.server_error)} {
    // nop
  }

  failure why;
  std::string extra; ///< Appended to the text of `why.code`.
  std::string hint;
  /// PostgreSQL's own ErrorResponse, complete; then nothing else is said.
  std::shared_ptr<const std::vector<std::byte>> server_error;
  /// Sent before the error: what the client must have seen to understand it.
  std::vector<std::byte> farewell;
  /// Nothing is said: the peer is gone, or PostgreSQL says nothing either.
  bool is_silent = false;
};

template <class T>
using outcome = std::variant<T, rejection>;

/// The ErrorResponse for `why`, behind its farewell; empty if it is silent.
[[nodiscard]] std::vector<std::byte> wire_form(const rejection& why);

/// What a failed read or write of a client means: silence for one that is gone.
[[nodiscard]] rejection lost_client(failure why);

} // namespace cenote::proxy::edge
