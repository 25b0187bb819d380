#pragma once

#include <initializer_list>
#include <string_view>

#include "protocol/scram.hpp"

/// The three functions of RFC 5802 section 2.2 that SCRAM is made of. For
/// scram*.cpp only.
namespace cenote::protocol::scram_crypto {

/// HMAC-SHA-256 over all of `parts`.
[[nodiscard]] scram_key hmac(std::string_view key,
                             std::initializer_list<std::string_view> parts);

/// SHA-256.
[[nodiscard]] scram_key hash(const scram_key& key);

[[nodiscard]] scram_key exclusive_or(const scram_key& a, const scram_key& b);

/// A key from its base64 form, if it has the right size.
[[nodiscard]] std::optional<scram_key> key_from_base64(std::string_view text);

} // namespace cenote::protocol::scram_crypto
