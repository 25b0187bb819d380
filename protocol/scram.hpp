#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/limits.hpp"
#include "base/result.hpp"
#include "base/secret.hpp"

/// SCRAM-SHA-256 without I/O: messages in, messages out. Nonces come in as
/// arguments, and nothing here is slow but `derive_keys`. RFC 5802, RFC 7677;
/// where they leave a choice, PostgreSQL's.
namespace cenote::protocol {

inline constexpr std::string_view scram_mechanism = "SCRAM-SHA-256";

/// Either side's nonce, and a salt before base64. A peer that sends more is
/// refused; PostgreSQL's are 24 characters and 16 bytes.
inline constexpr std::size_t scram_nonce_bytes_max = 1024;
inline constexpr std::size_t scram_salt_bytes_max = 1024;

/// What PostgreSQL makes its own verifiers with.
inline constexpr std::uint32_t scram_iterations_default = 4096;

/// 32 bytes that are as good as a password. Wiped on destruction, compared in
/// constant time, never printed.
class scram_key {
public:
  static constexpr std::size_t size = 32;

  scram_key() = default;
  explicit scram_key(std::span<const char, size> bytes) noexcept;
  scram_key(const scram_key&) = default;
  scram_key& operator=(const scram_key&) = default;
  ~scram_key();

  [[nodiscard]] std::string_view reveal() const noexcept {
    return {bytes_.data(), bytes_.size()};
  }

  [[nodiscard]] std::span<char, size> bytes() noexcept {
    return bytes_;
  }

  friend bool operator==(const scram_key& a, const scram_key& b) noexcept {
    return equal_in_constant_time(a.reveal(), b.reveal());
  }

private:
  std::array<char, size> bytes_{};
};

/// What a login to a server needs instead of the password.
struct scram_keys {
  scram_key client_key;
  scram_key server_key;
};

/// What is stored about a user.
struct scram_verifier {
  std::uint32_t iterations = scram_iterations_default;
  std::string salt; ///< Raw bytes.
  scram_key stored_key;
  scram_key server_key;
  bool mock = false; ///< No proof is ever right.

  /// Reads `SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>`.
  /// `config_bad_value` if it is not one.
  [[nodiscard]] static result<scram_verifier> parse(std::string_view text);

  /// The text that `parse` reads.
  [[nodiscard]] secret format() const;

  /// The verifier that belongs to `keys`.
  [[nodiscard]] static scram_verifier
  from_keys(const scram_keys& keys, std::string salt, std::uint32_t iterations);
};

/// A verifier for a user that does not exist: always the same one for the same
/// name, and nobody can tell it from a real one. `process_secret` is random and
/// lives as long as the process.
[[nodiscard]] scram_verifier
mock_verifier(const secret& process_secret, std::string_view user,
              std::uint32_t iterations = scram_iterations_default);

/// PBKDF2, milliseconds of work: not on a shard, not on an edge thread.
/// `server_scram_iterations` above `limits::scram_iterations_max`, before any
/// work.
[[nodiscard]] result<scram_keys> derive_keys(const secret& password,
                                             std::string_view salt,
                                             std::uint32_t iterations);

/// Whether `password` belongs to `verifier`. As slow as `derive_keys`.
[[nodiscard]] result<bool> password_matches(const secret& password,
                                            const scram_verifier& verifier);

/// The server's side of one exchange, towards a client of ours.
class scram_server {
public:
  /// `nonce` is fresh, unguessable and printable ASCII without a comma: base64
  /// of 18 random bytes. `plus_offered`: SCRAM-SHA-256-PLUS was on offer, so
  /// that a client which saw none has been lied to.
  scram_server(scram_verifier verifier, std::string nonce,
               bool plus_offered = false);

  /// Takes client-first-message, gives server-first-message. The user name in
  /// it is ignored: the startup message has said it. `auth_protocol_violation`
  /// for everything malformed, out of turn or too long, and for channel
  /// binding.
  [[nodiscard]] result<std::string> start(std::string_view client_first);

  /// Takes client-final-message, gives server-final-message. `wrong_password`,
  /// or `auth_protocol_violation`.
  [[nodiscard]] result<std::string> finish(std::string_view client_final);

  /// After `finish` succeeded: what logs in to a server with the same verifier.
  [[nodiscard]] scram_keys keys() const;

private:
  enum class phase : std::uint8_t { fresh, challenged, failed, proved };

  scram_verifier verifier_;
  std::string nonce_; ///< From `start` on: the client's and ours.
  std::string client_first_bare_;
  std::string server_first_;
  scram_key client_key_;
  bool plus_offered_;
  char binding_flag_ = 'n';
  phase phase_ = phase::fresh;
};

/// What a server wants `derive_keys` to be called with.
struct scram_challenge {
  std::string salt; ///< Raw bytes.
  std::uint32_t iterations = 0;
};

/// The client's side, towards a server of ours. Call order: `start`,
/// `challenged`, `answer`, `verify`.
class scram_client {
public:
  /// `nonce` as for `scram_server`.
  explicit scram_client(std::string nonce);

  /// client-first-message, without channel binding and with an empty user name.
  [[nodiscard]] std::string start() const;

  /// Takes server-first-message. `server_scram_iterations` above the limit,
  /// else `server_protocol_violation`; both before any work.
  [[nodiscard]] result<scram_challenge>
  challenged(std::string_view server_first);

  /// client-final-message. `challenged` must have succeeded.
  [[nodiscard]] std::string answer(const scram_keys& keys);

  /// Takes server-final-message: does the server know the verifier?
  /// `server_auth_failed` if it does not or says `e=`.
  [[nodiscard]] result<void> verify(std::string_view server_final) const;

private:
  std::string nonce_;
  std::string server_nonce_; ///< Both, as the server sent them.
  std::string server_first_;
  std::string auth_message_;
  scram_key server_key_;
};

/// A password as SCRAM hashes it. ASCII is unchanged; of other UTF-8, spaces
/// become U+0020 and invisible characters go, as RFC 4013 maps them; full-width
/// ASCII and Latin-1's compatibility characters are folded. Not done: the rest
/// of NFKC and the rule on right-to-left text, so a password with combining
/// marks or ligatures hashes differently from PostgreSQL. What is not UTF-8,
/// prohibited, or empty afterwards is used raw, as PostgreSQL does.
[[nodiscard]] secret saslprep(const secret& password);

} // namespace cenote::protocol
