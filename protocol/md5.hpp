#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/secret.hpp"
#include "protocol/backend_messages.hpp"

/// PostgreSQL's md5 authentication. Everything fails with `server_auth_failed`
/// only where the machine's OpenSSL refuses MD5 (FIPS).
namespace cenote::protocol {

/// Whether `text` is a stored hash: "md5" and 32 lower case hex digits.
[[nodiscard]] bool is_md5_hash(std::string_view text) noexcept;

/// The stored hash: "md5" + hex(md5(password + user)).
[[nodiscard]] result<secret> md5_hash(const secret& password,
                                      std::string_view user);

/// What goes into the PasswordMessage: "md5" + hex(md5(hash + salt)), the hash
/// without its "md5".
[[nodiscard]] result<secret> md5_answer(const secret& stored_hash,
                                        const md5_salt& salt);

/// Checks a client's answer, in constant time: `wrong_password` if it is not
/// right.
[[nodiscard]] result<void> md5_verify(std::string_view answer,
                                      const secret& stored_hash,
                                      const md5_salt& salt);

} // namespace cenote::protocol
