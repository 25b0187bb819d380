#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "protocol/message_walker.hpp"

namespace cenote::proxy {

/// A message whose names we look at, as far as it is here.
struct named_message {
  char tag = 0;
  std::uint32_t body_bytes = 0;
  std::span<const std::byte> bytes; ///< From the header on.
  bool is_whole = false;
  bool is_input = false; ///< `bytes` lie in the received slice.

  [[nodiscard]] std::span<const std::byte> body() const noexcept {
    return bytes.subspan(protocol::header_bytes);
  }
};

} // namespace cenote::proxy
