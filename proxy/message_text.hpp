#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

#include "protocol/reader.hpp"

/// Parts of messages that are looked into where names are exchanged.
namespace cenote::proxy {

/// The text up to the first NUL of `bytes`, which go on behind it; borrowed.
/// False: there is no NUL.
[[nodiscard]] inline bool take_text(std::span<const std::byte>& bytes,
                                    std::string_view& text) noexcept {
  if (!bytes.empty() && bytes.front() == std::byte{0}) { // Most have no name.
    text = {};
    bytes = bytes.subspan(1);
    return true;
  }
  const auto* end
    = bytes.empty() ? nullptr : std::memchr(bytes.data(), 0, bytes.size());
  if (end == nullptr)
    return false;
  const auto size = static_cast<std::size_t>(static_cast<const std::byte*>(end)
                                             - bytes.data());
  text = protocol::as_text(bytes.first(size));
  bytes = bytes.subspan(size + 1);
  return true;
}

/// Begins a message whose body is `body_bytes` long.
inline void append_header(char tag, std::size_t body_bytes,
                          std::vector<std::byte>& out) {
  const auto length = static_cast<std::uint32_t>(body_bytes + 4);
  out.push_back(static_cast<std::byte>(tag));
  for (int shift : {24, 16, 8, 0})
    out.push_back(static_cast<std::byte>(length >> shift));
}

} // namespace cenote::proxy
