#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace cenote {

/// Takes one character off the front of a `text` that is not empty; nothing if
/// it is not UTF-8 (RFC 3629: no overlong forms, no surrogates).
[[nodiscard]] std::optional<char32_t>
take_utf8(std::string_view& text) noexcept;

/// What a client or a server said, for people and for those who read UTF-8
/// only. UTF-8 is left as it is; of anything else each byte becomes U+FFFD and
/// its two hexadecimal digits. So that different names stay different, the
/// bytes of an U+FFFD that was there before are shown like that, too.
[[nodiscard]] std::string to_utf8(std::string_view bytes);

} // namespace cenote
