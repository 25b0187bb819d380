#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"

struct ssl_st;
struct ssl_ctx_st;
struct bio_st;

namespace cenote::net {

class tls_records;

enum class tls_version : std::uint8_t { tls1_2, tls1_3 };

/// What we do about a client's own certificate.
enum class tls_client_certificate : std::uint8_t {
  ignored,  ///< Not asked for.
  optional, ///< Asked for; a bad one fails, a missing one does not.
  required,
};

/// What we check of a server's certificate: nothing, its chain (`verify-ca`),
/// or its chain and its name (`verify-full`).
enum class tls_verify : std::uint8_t { none, ca, full };

/// TLS as clients meet it. Paths are PEM files.
struct tls_accept_options {
  std::string certificate_file; ///< The whole chain, leaf first.
  std::string key_file;
  std::string ca_file; ///< Who signs clients; for any mode but `ignored`.
  tls_client_certificate client_certificate = tls_client_certificate::ignored;
  tls_version version_min = tls_version::tls1_2;
  std::string ciphers; ///< OpenSSL's list for TLS 1.2; empty: its default.

  friend bool operator==(const tls_accept_options&, const tls_accept_options&)
    = default;
};

/// TLS as we speak it to servers. Paths are PEM files, `ca_directory` is one
/// hashed by `openssl rehash`. With neither, the system's CAs count.
struct tls_connect_options {
  tls_verify verify = tls_verify::none;
  std::string ca_file;
  std::string ca_directory;
  std::string certificate_file; ///< Our own, may be empty.
  std::string key_file;
  tls_version version_min = tls_version::tls1_2;
  std::string ciphers;

  friend bool operator==(const tls_connect_options&, const tls_connect_options&)
    = default;
};

/// Keys and rules that many sessions share. Immutable: a reload makes a new one
/// and swaps the pointer, sessions keep the one they began with. Any thread.
class tls_context {
public:
  ~tls_context();
  tls_context(const tls_context&) = delete;
  tls_context& operator=(const tls_context&) = delete;

  /// Whether sessions of this context answer (`true`) or start handshakes.
  [[nodiscard]] bool accepts() const noexcept {
    return accepts_;
  }

private:
  friend class tls_session;
  friend class tls_context_builder;

  tls_context(ssl_ctx_st* context, bool accepts, tls_verify verify) noexcept;

  /// Hears the secrets of a handshake.
  static void on_secret(const ssl_st* ssl, const char* line);

  ssl_ctx_st* context_;
  bool accepts_;
  tls_verify verify_;
};

using tls_context_ptr = std::shared_ptr<const tls_context>;

/// Loads certificate and key and checks that they belong together. Fails with
/// `config_unreadable` (a file) or `config_bad_value` (its contents); the
/// detail says which file and why. Blocks on the disk: never on a shard.
[[nodiscard]] result<tls_context_ptr>
make_accepting_tls(const tls_accept_options& options);

/// The same for our side towards servers.
[[nodiscard]] result<tls_context_ptr>
make_connecting_tls(const tls_connect_options& options);

/// Whether TLS can use a file, before anybody makes a context of it: a
/// certificate with its chain, the key that belongs to it (empty `certificate`:
/// any key), the CAs that sign the other side. Fails and blocks as above.
[[nodiscard]] result<void> check_certificate(const std::string& file);
[[nodiscard]] result<void> check_key(const std::string& certificate,
                                     const std::string& file);
[[nodiscard]] result<void> check_authorities(const std::string& file);

/// What one `decrypt` brought. Bytes come first: they are valid also when the
/// state is not `open`.
struct tls_read {
  enum class state : std::uint8_t {
    open,   ///< Goes on.
    closed, ///< The peer's close_notify was read.
    failed, ///< See `tls_session::why`.
  };

  std::size_t bytes = 0;
  state then = state::open;
};

/// One TLS connection over memory: ciphertext in, ciphertext out, no socket.
/// An incomplete record is kept inside; nothing else is buffered between calls.
/// OpenSSL shakes hands; with TLS 1.3 `tls_records` does what follows.
/// One owner at a time, on any thread. Every `out` is appended to.
class tls_session {
public:
  /// A session that waits for a client. Fails with `tls_handshake_failed`.
  static result<std::unique_ptr<tls_session>> accept(tls_context_ptr context);

  /// A session that greets a server. `host`: the name or IP literal that
  /// `verify-full` compares; a name is sent as SNI. May be empty without
  /// `verify-full`. Fails with `server_tls_failed`.
  static result<std::unique_ptr<tls_session>> connect(tls_context_ptr context,
                                                      const std::string& host);

  ~tls_session();
  tls_session(const tls_session&) = delete;
  tls_session& operator=(const tls_session&) = delete;

  /// Goes on with the handshake as far as `in` allows; a connecting session
  /// starts with an empty `in`. True when done: what is left in `in` belongs to
  /// `decrypt`. False: send `out` and come back with more. A failure may leave
  /// an alert in `out` that the peer should get. Fails with
  /// `tls_handshake_failed`, `server_tls_failed`, `server_tls_verify_failed`.
  result<bool> handshake(std::span<const std::byte>& in,
                         std::vector<std::byte>& out);

  /// Decrypts the front of `in` into `plain`. Takes all of `in` unless `plain`
  /// is full (`bytes == plain.size()`): then call again. `out` gets what TLS
  /// itself answers.
  tls_read decrypt(std::span<const std::byte>& in, std::span<std::byte> plain,
                   std::vector<std::byte>& out);

  /// Encrypts all of `plain`. Records to clients carry at most
  /// `limits::tls_record_bytes_max` bytes. False on failure, see `why`.
  bool encrypt(std::span<const std::byte> plain, std::vector<std::byte>& out);

  /// Appends our close_notify, once.
  void close_notify(std::vector<std::byte>& out);

  /// Why `decrypt` or `encrypt` failed (`tls_failed`).
  [[nodiscard]] const failure& why() const noexcept {
    return why_;
  }

  [[nodiscard]] bool is_established() const noexcept {
    return established_;
  }

  /// Whether records are ours: a session of TLS 1.3 behind its handshake.
  [[nodiscard]] bool has_own_records() const noexcept {
    return records_ != nullptr;
  }

  /// Lets go of what the handshake needed, if records are ours: nearly all of
  /// the session's memory. What is told of the peer's hello and certificate is
  /// empty from then on.
  void forget_handshake() noexcept;

  /// The host name a client asked for (SNI), or empty. After the handshake.
  [[nodiscard]] std::string server_name() const;

  /// Whether both sides agreed on ALPN "postgresql".
  [[nodiscard]] bool has_postgresql_alpn() const;

  /// Common name of the peer's verified certificate; empty: it has shown none.
  [[nodiscard]] std::string peer_common_name() const;

  /// "TLSv1.3", "TLS_AES_256_GCM_SHA384": for the log and the console.
  [[nodiscard]] std::string version() const;
  [[nodiscard]] std::string cipher() const;

  /// Channel binding `tls-server-end-point` (RFC 5929 section 4.1): the hash of
  /// the certificate of the side that accepted. Empty when there is none (a
  /// signature without a hash, such as Ed25519).
  [[nodiscard]] std::vector<std::byte> server_end_point() const;

private:
  friend struct tls_bio;
  friend class tls_context;

  tls_session(tls_context_ptr context, ssl_st* ssl) noexcept;

  static std::unique_ptr<tls_session> make(tls_context_ptr context);
  [[nodiscard]] failure handshake_failure() const;
  void fail(const char* doing);
  void take_over(std::span<const std::byte> last_sent);
  tls_read decrypt_own(std::span<const std::byte>& in,
                       std::span<std::byte> plain, std::vector<std::byte>& out);

  tls_context_ptr context_;
  ssl_st* ssl_;                           ///< Null: the handshake is forgotten.
  std::span<const std::byte> in_;         ///< Borrowed during a call.
  std::vector<std::byte>* out_ = nullptr; ///< Borrowed during a call.
  struct traffic_secrets;
  std::unique_ptr<traffic_secrets> secrets_; ///< During the handshake.
  std::unique_ptr<tls_records> records_;
  bool established_ = false;
  bool closed_ = false;
  failure why_;
};

} // namespace cenote::net
