#include "net/tls_keys.hpp"

#include <algorithm>
#include <cstring>
#include <string_view>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/tls1.h>

namespace cenote::net {

namespace {

constexpr auto suites = std::array{
  tls_suite{TLS1_3_CK_AES_128_GCM_SHA256, TLS1_3_RFC_AES_128_GCM_SHA256,
            "AES-128-GCM", "SHA2-256", 16, 32},
  tls_suite{TLS1_3_CK_AES_256_GCM_SHA384, TLS1_3_RFC_AES_256_GCM_SHA384,
            "AES-256-GCM", "SHA2-384", 32, 48},
  tls_suite{TLS1_3_CK_CHACHA20_POLY1305_SHA256,
            TLS1_3_RFC_CHACHA20_POLY1305_SHA256, "ChaCha20-Poly1305",
            "SHA2-256", 32, 32},
};

const unsigned char* raw(std::span<const std::byte> x) noexcept {
  return reinterpret_cast<const unsigned char*>(x.data());
}

unsigned char* raw(std::byte* x) noexcept {
  return reinterpret_cast<unsigned char*>(x);
}

/// Found once: looking an algorithm up takes longer than using it.
const EVP_CIPHER* cipher_of(const tls_suite& suite) noexcept {
  static const auto found = [] {
    auto all = std::array<const EVP_CIPHER*, suites.size()>{};
    for (std::size_t i = 0; i < suites.size(); ++i)
      all[i] = EVP_CIPHER_fetch(nullptr, suites[i].cipher, nullptr);
    return all;
  }();
  return found[static_cast<std::size_t>(&suite - suites.data())];
}

EVP_KDF* expansion() noexcept {
  static EVP_KDF* const found
    = EVP_KDF_fetch(nullptr, OSSL_KDF_NAME_TLS1_3_KDF, nullptr);
  return found;
}

/// HKDF-Expand-Label without a context (RFC 8446, 7.1).
bool expand(const tls_suite& suite, const tls_secret& secret,
            std::string_view label, std::span<unsigned char> into) noexcept {
  auto* with = expansion() != nullptr ? EVP_KDF_CTX_new(expansion()) : nullptr;
  if (with == nullptr)
    return false;
  int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
  // OpenSSL's parameters are not const, what they point to stays as it is.
  auto bytes = [](const char* key, const void* data, std::size_t size) {
    return OSSL_PARAM_construct_octet_string(key, const_cast<void*>(data),
                                             size);
  };
  constexpr std::string_view prefix = "tls13 ";
  const OSSL_PARAM how[]
    = {OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
       OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST,
                                        const_cast<char*>(suite.digest), 0),
       bytes(OSSL_KDF_PARAM_KEY, secret.get().data(), secret.get().size()),
       bytes(OSSL_KDF_PARAM_PREFIX, prefix.data(), prefix.size()),
       bytes(OSSL_KDF_PARAM_LABEL, label.data(), label.size()),
       OSSL_PARAM_construct_end()};
  const auto done = EVP_KDF_derive(with, into.data(), into.size(), how);
  EVP_KDF_CTX_free(with);
  return done == 1;
}

} // namespace

const tls_suite* tls_suite::find(std::uint32_t id) noexcept {
  const auto* found
    = std::find_if(suites.begin(), suites.end(),
                   [id](const tls_suite& each) { return each.id == id; });
  return found != suites.end() ? found : nullptr;
}

tls_secret::tls_secret(std::span<const std::byte> from) noexcept
  : size_{static_cast<std::uint8_t>(std::min(from.size(), bytes_max))} {
  std::copy_n(from.begin(), size_, bytes_.begin());
}

tls_secret::~tls_secret() {
  OPENSSL_cleanse(bytes_.data(), bytes_.size());
}

tls_traffic_key::tls_traffic_key(const tls_suite& suite, use what,
                                 const tls_secret& secret,
                                 std::uint64_t next_record) noexcept
  : suite_{&suite},
    context_{EVP_CIPHER_CTX_new()},
    next_record_{next_record},
    use_{what},
    secret_{secret} {
  is_usable_ = context_ != nullptr && cipher_of(suite) != nullptr
            && secret.get().size() == suite.secret_bytes && derive();
}

bool tls_traffic_key::derive() noexcept {
  std::array<unsigned char, 32> key;
  const auto is_made
    = expand(*suite_, secret_, "key", std::span{key}.first(suite_->key_bytes))
   && expand(*suite_, secret_, "iv", iv_)
   && EVP_CipherInit_ex2(context_.get(), cipher_of(*suite_), key.data(),
                         iv_.data(), use_ == use::seal ? 1 : 0, nullptr)
        == 1;
  OPENSSL_cleanse(key.data(), key.size());
  return is_made;
}

bool tls_traffic_key::renew() noexcept {
  std::array<std::byte, tls_secret::bytes_max> next;
  const auto secret = std::span{next}.first(suite_->secret_bytes);
  is_usable_ = expand(*suite_, secret_, "traffic upd",
                      {raw(secret.data()), secret.size()});
  if (is_usable_)
    secret_ = tls_secret{secret};
  OPENSSL_cleanse(next.data(), next.size());
  next_record_ = 0;
  is_usable_ = is_usable_ && derive();
  return is_usable_;
}

/// The nonce is the IV, changed by the record's number (RFC 8446, 5.3).
[[gnu::hot]] bool tls_traffic_key::begin_record() noexcept {
  auto nonce = iv_;
  auto number = next_record_++;
  for (auto at = nonce_bytes; number != 0; number >>= 8)
    nonce[--at] ^= static_cast<unsigned char>(number);
  return EVP_CipherInit_ex2(context_.get(), nullptr, nullptr, nonce.data(), -1,
                            nullptr)
      == 1;
}

[[gnu::hot]] bool tls_traffic_key::seal(tls_content type,
                                        std::span<const std::byte> plain,
                                        std::vector<std::byte>& out) {
  const auto sealed_bytes = plain.size() + 1 + tls_tag_bytes;
  const auto start = out.size();
  out.resize(start + tls_header_bytes + sealed_bytes);
  auto* header = raw(out.data() + start);
  header[0] = static_cast<unsigned char>(tls_content::application_data);
  header[1] = header[2] = 3; // TLS 1.2, as every record of 1.3 says.
  header[3] = static_cast<unsigned char>(sealed_bytes >> 8);
  header[4] = static_cast<unsigned char>(sealed_bytes);
  auto* body = header + tls_header_bytes;
  // The type stands behind the text, and both are sealed where they lie.
  if (!plain.empty())
    std::memcpy(body, plain.data(), plain.size());
  body[plain.size()] = static_cast<unsigned char>(type);
  auto* with = context_.get();
  auto count = 0;
  const auto size = static_cast<int>(plain.size() + 1);
  const auto is_sealed
    = is_usable_ && begin_record()
   && EVP_CipherUpdate(with, nullptr, &count, header, tls_header_bytes) == 1
   && EVP_CipherUpdate(with, body, &count, body, size) == 1 && count == size
   && EVP_CipherFinal_ex(with, body + size, &count) == 1
   && EVP_CIPHER_CTX_ctrl(with, EVP_CTRL_AEAD_GET_TAG, tls_tag_bytes,
                          body + size)
        == 1;
  if (!is_sealed)
    out.resize(start); // Nothing leaves in plain text.
  return is_sealed;
}

[[gnu::hot]] bool
tls_traffic_key::open(std::span<const std::byte, tls_header_bytes> header,
                      std::span<const std::byte> sealed,
                      std::byte* plain) noexcept {
  std::array<unsigned char, tls_tag_bytes> tag;
  const auto body = sealed.first(sealed.size() - tls_tag_bytes);
  std::memcpy(tag.data(), sealed.data() + body.size(), tls_tag_bytes);
  auto* with = context_.get();
  auto count = 0;
  const auto size = static_cast<int>(body.size());
  return is_usable_ && begin_record()
      && EVP_CIPHER_CTX_ctrl(with, EVP_CTRL_AEAD_SET_TAG, tls_tag_bytes,
                             tag.data())
           == 1
      && EVP_CipherUpdate(with, nullptr, &count, raw(header), tls_header_bytes)
           == 1
      && EVP_CipherUpdate(with, raw(plain), &count, raw(body), size) == 1
      && count == size
      && EVP_CipherFinal_ex(with, raw(plain) + size, &count) == 1;
}

} // namespace cenote::net
