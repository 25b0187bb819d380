#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace cenote::protocol {

/// Standard alphabet with padding, no line breaks: RFC 4648 section 4.
[[nodiscard]] std::string base64_encode(std::string_view bytes);

/// Strict: nothing for white space, a wrong length, characters out of the
/// alphabet, or bits behind the end.
[[nodiscard]] std::optional<std::string> base64_decode(std::string_view text);

} // namespace cenote::protocol
