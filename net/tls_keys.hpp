#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include <openssl/evp.h>

namespace cenote::net {

/// What a cipher suite of TLS 1.3 is made of (RFC 8446, B.4).
struct tls_suite {
  std::uint32_t id = 0; ///< As in `SSL_CIPHER_get_id`.
  const char* name = nullptr;
  const char* cipher = nullptr;
  const char* digest = nullptr;
  std::size_t key_bytes = 0;
  std::size_t secret_bytes = 0;

  /// Null: one whose records are left to OpenSSL.
  static const tls_suite* find(std::uint32_t id) noexcept;
};

/// A traffic secret. Wiped when it goes.
class tls_secret {
public:
  static constexpr std::size_t bytes_max = 48;

  tls_secret() noexcept = default;
  explicit tls_secret(std::span<const std::byte> from) noexcept;
  tls_secret(const tls_secret&) noexcept = default;
  tls_secret& operator=(const tls_secret&) noexcept = default;
  ~tls_secret();

  [[nodiscard]] std::span<const std::byte> get() const noexcept {
    return std::span{bytes_}.first(size_);
  }

private:
  std::array<std::byte, bytes_max> bytes_{};
  std::uint8_t size_ = 0;
};

/// Content of a record (RFC 8446, 5.1).
enum class tls_content : std::uint8_t {
  change_cipher_spec = 20,
  alert = 21,
  handshake = 22,
  application_data = 23,
};

/// Type, version, length.
inline constexpr std::size_t tls_header_bytes = 5;
inline constexpr std::size_t tls_tag_bytes = 16;

/// Plaintext of one record at most, without its type.
inline constexpr std::size_t tls_plain_bytes_max = 16 * 1024;

/// The protection of one direction of a TLS 1.3 connection: its key, the number
/// of the next record, the secret that the next key is made of (RFC 8446, 5.3,
/// 7.2, 7.3). OpenSSL does the ciphers and the derivation.
class tls_traffic_key {
public:
  enum class use : bool { open, seal };

  /// `next_record`: so many were under this key already.
  tls_traffic_key(const tls_suite& suite, use what, const tls_secret& secret,
                  std::uint64_t next_record = 0) noexcept;

  /// Whether there is a key at all; OpenSSL may have had no memory.
  [[nodiscard]] bool is_usable() const noexcept {
    return is_usable_;
  }

  /// The next generation, behind a KeyUpdate.
  [[nodiscard]] bool renew() noexcept;

  /// Records under this generation so far.
  [[nodiscard]] std::uint64_t record_count() const noexcept {
    return next_record_;
  }

  /// Appends the record of at most `tls_plain_bytes_max` bytes.
  [[nodiscard]] bool seal(tls_content type, std::span<const std::byte> plain,
                          std::vector<std::byte>& out);

  /// Opens a record: `header`, then `sealed`, into `plain`, which has room for
  /// `sealed.size() - tls_tag_bytes`. False: it is not genuine, and what is in
  /// `plain` is nothing.
  [[nodiscard]] bool open(std::span<const std::byte, tls_header_bytes> header,
                          std::span<const std::byte> sealed,
                          std::byte* plain) noexcept;

private:
  static constexpr std::size_t nonce_bytes = 12;

  struct context_end {
    void operator()(EVP_CIPHER_CTX* x) const noexcept {
      EVP_CIPHER_CTX_free(x);
    }
  };

  [[nodiscard]] bool derive() noexcept;
  [[nodiscard]] bool begin_record() noexcept;

  const tls_suite* suite_;
  std::unique_ptr<EVP_CIPHER_CTX, context_end> context_;
  std::uint64_t next_record_;
  std::array<unsigned char, nonce_bytes> iv_{};
  use use_;
  bool is_usable_ = false;
  tls_secret secret_;
};

} // namespace cenote::net
