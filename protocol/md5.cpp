#include "protocol/md5.hpp"

#include <openssl/evp.h>

#include <algorithm>

#include "protocol/reader.hpp"

namespace cenote::protocol {

namespace {

constexpr std::string_view prefix = "md5";
constexpr std::size_t hex_bytes = 32;

/// "md5" + hex(md5(a + b)).
result<secret> hash(std::string_view a, std::string_view b) {
  std::string text;
  text.reserve(a.size() + b.size());
  text.append(a).append(b);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  unsigned size = 0;
  const auto done = EVP_Digest(text.data(), text.size(), digest.data(), &size,
                               EVP_md5(), nullptr);
  wipe(text);
  if (done != 1)
    return failure{ec::server_auth_failed, "MD5 is not available in OpenSSL"};
  auto out = std::string{prefix};
  for (auto byte : std::span{digest}.first(size)) {
    constexpr std::string_view hex = "0123456789abcdef";
    out += hex[byte >> 4];
    out += hex[byte & 15];
  }
  return secret{std::move(out)};
}

} // namespace

bool is_md5_hash(std::string_view text) noexcept {
  return text.size() == prefix.size() + hex_bytes && text.starts_with(prefix)
      && std::all_of(text.begin() + prefix.size(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

result<secret> md5_hash(const secret& password, std::string_view user) {
  return hash(password.reveal(), user);
}

result<secret> md5_answer(const secret& stored_hash, const md5_salt& salt) {
  auto stored = stored_hash.reveal();
  if (!is_md5_hash(stored))
    return failure{ec::server_auth_failed, "not an md5 hash"};
  return hash(stored.substr(prefix.size()), as_text(salt));
}

result<void> md5_verify(std::string_view answer, const secret& stored_hash,
                        const md5_salt& salt) {
  auto expected = md5_answer(stored_hash, salt);
  if (!expected)
    return expected.error();
  if (!expected->matches(answer))
    return ec::wrong_password;
  return {};
}

} // namespace cenote::protocol
