#include "net/tls.hpp"

#include <algorithm>
#include <cstring>

#include <arpa/inet.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/assert.hpp"
#include "base/limits.hpp"
#include "net/tls_records.hpp"

namespace cenote::net {

/// OpenSSL's view of a session's two borrowed buffers. Cheaper than a pair of
/// memory BIOs: nothing is copied in, and nothing is kept per connection.
struct tls_bio {
  static tls_session& self(BIO* bio) noexcept {
    return *static_cast<tls_session*>(BIO_get_data(bio));
  }

  static int read(BIO* bio, char* into, std::size_t size, std::size_t* done) {
    auto& in = self(bio).in_;
    BIO_clear_retry_flags(bio);
    auto count = std::min(size, in.size());
    *done = count;
    if (count == 0) {
      BIO_set_retry_read(bio);
      return 0;
    }
    std::memcpy(into, in.data(), count);
    in = in.subspan(count);
    return 1;
  }

  static int write(BIO* bio, const char* from, std::size_t size,
                   std::size_t* done) {
    auto* out = self(bio).out_;
    CENOTE_ASSERT(out != nullptr);
    auto bytes = std::as_bytes(std::span{from, size});
    out->insert(out->end(), bytes.begin(), bytes.end());
    *done = size;
    return 1;
  }

  static long control(BIO*, int command, long, void*) {
    return command == BIO_CTRL_FLUSH ? 1 : 0;
  }

  static const BIO_METHOD* method() {
    static const BIO_METHOD* const made = [] {
      auto* x = BIO_meth_new(BIO_TYPE_SOURCE_SINK | BIO_get_new_index(),
                             "borrowed buffers");
      BIO_meth_set_read_ex(x, read);
      BIO_meth_set_write_ex(x, write);
      BIO_meth_set_ctrl(x, control);
      return x;
    }();
    return made;
  }
};

/// As OpenSSL tells them, for `tls_records`.
struct tls_session::traffic_secrets {
  tls_secret client;
  tls_secret server;
};

/// A line is a label, the client's random bytes and the secret, in hexadecimal
/// (the format of NSS's key log).
void tls_context::on_secret(const ssl_st* ssl, const char* line) {
  auto words = std::string_view{line};
  const auto label = words.substr(0, words.find(' '));
  const auto is_client = label == "CLIENT_TRAFFIC_SECRET_0";
  auto& into = tls_bio::self(SSL_get_rbio(ssl)).secrets_;
  if (into == nullptr || (!is_client && label != "SERVER_TRAFFIC_SECRET_0"))
    return;
  words.remove_prefix(words.rfind(' ') + 1);
  std::array<unsigned char, tls_secret::bytes_max> bytes;
  std::size_t size = 0;
  const auto hexadecimal = std::string{words};
  if (OPENSSL_hexstr2buf_ex(bytes.data(), bytes.size(), &size,
                            hexadecimal.c_str(), '\0')
      != 1)
    return;
  (is_client ? into->client : into->server)
    = tls_secret{std::as_bytes(std::span{bytes}.first(size))};
  OPENSSL_cleanse(bytes.data(), bytes.size());
}

namespace {

std::string queued_complaint() {
  auto code = ERR_get_error();
  ERR_clear_error();
  if (code == 0)
    return "connection ended";
  const auto* text = ERR_reason_error_string(code);
  return text != nullptr ? text : "error " + std::to_string(code);
}

/// What earlier calls complained of would be taken for this one's. The queue is
/// nearly always empty, and to look is a tenth of clearing all its places.
void forget_complaints() noexcept {
  if (ERR_peek_error() != 0)
    ERR_clear_error();
}

bool is_ip_literal(const std::string& host) noexcept {
  unsigned char buffer[sizeof(in6_addr)];
  return inet_pton(AF_INET, host.c_str(), buffer) == 1
      || inet_pton(AF_INET6, host.c_str(), buffer) == 1;
}

/// Tells OpenSSL which name the certificate must have.
bool expect_host(SSL* ssl, const std::string& host) {
  auto* rules = SSL_get0_param(ssl);
  if (is_ip_literal(host))
    return X509_VERIFY_PARAM_set1_ip_asc(rules, host.c_str()) == 1;
  X509_VERIFY_PARAM_set_hostflags(rules, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  return X509_VERIFY_PARAM_set1_host(rules, host.data(), host.size()) == 1;
}

} // namespace

tls_session::tls_session(tls_context_ptr context, ssl_st* ssl) noexcept
  : context_{std::move(context)},
    ssl_{ssl},
    secrets_{std::make_unique<traffic_secrets>()} {
  // nop
}

tls_session::~tls_session() {
  SSL_free(ssl_);
}

std::unique_ptr<tls_session> tls_session::make(tls_context_ptr context) {
  forget_complaints();
  auto* ssl = SSL_new(context->context_);
  if (ssl == nullptr)
    return nullptr;
  auto session
    = std::unique_ptr<tls_session>{new tls_session(std::move(context), ssl)};
  auto* bio = BIO_new(tls_bio::method());
  if (bio == nullptr)
    return nullptr;
  BIO_set_data(bio, session.get());
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl, bio, bio);
  return session;
}

result<std::unique_ptr<tls_session>>
tls_session::accept(tls_context_ptr context) {
  CENOTE_ASSERT(context != nullptr && context->accepts());
  auto session = make(std::move(context));
  if (session == nullptr)
    return failure{ec::tls_handshake_failed, queued_complaint()};
  SSL_set_accept_state(session->ssl_);
  return session;
}

result<std::unique_ptr<tls_session>>
tls_session::connect(tls_context_ptr context, const std::string& host) {
  CENOTE_ASSERT(context != nullptr && !context->accepts());
  auto verify = context->verify_;
  auto session = make(std::move(context));
  if (session == nullptr)
    return failure{ec::server_tls_failed, queued_complaint()};
  auto* ssl = session->ssl_;
  SSL_set_connect_state(ssl);
  if (verify == tls_verify::full) {
    if (host.empty() || host.front() == '/')
      return failure{ec::server_tls_verify_failed,
                     "verify-full needs a host name"};
    if (!expect_host(ssl, host))
      return failure{ec::server_tls_failed, queued_complaint()};
  }
  auto is_name = !host.empty() && host.front() != '/' && !is_ip_literal(host);
  // What SSL_set_tlsext_host_name does, without its C cast.
  auto name = host;
  if (is_name
      && SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                  name.data())
           != 1)
    return failure{ec::server_tls_failed, queued_complaint()};
  return session;
}

failure tls_session::handshake_failure() const {
  if (context_->accepts())
    return {ec::tls_handshake_failed, queued_complaint()};
  auto verdict = SSL_get_verify_result(ssl_);
  if (context_->verify_ != tls_verify::none && verdict != X509_V_OK) {
    forget_complaints();
    return {ec::server_tls_verify_failed,
            X509_verify_cert_error_string(verdict)};
  }
  return {ec::server_tls_failed, queued_complaint()};
}

result<bool> tls_session::handshake(std::span<const std::byte>& in,
                                    std::vector<std::byte>& out) {
  if (why_.code != ec::none)
    return why_;
  forget_complaints();
  const auto before = out.size();
  in_ = in;
  out_ = &out;
  auto done = SSL_do_handshake(ssl_);
  in = std::exchange(in_, {});
  out_ = nullptr;
  if (done == 1) {
    established_ = true;
    take_over(std::span{out}.subspan(before));
    return true;
  }
  if (SSL_get_error(ssl_, done) == SSL_ERROR_WANT_READ)
    return false;
  why_ = handshake_failure();
  return why_;
}

/// From here on records are ours, if they are of TLS 1.3. `last_sent`: what the
/// handshake's last step sent; on our side as a server these are tickets, the
/// first records under the last key.
void tls_session::take_over(std::span<const std::byte> last_sent) {
  const auto secrets = std::move(secrets_);
  const auto* cipher = SSL_get_current_cipher(ssl_);
  if (SSL_version(ssl_) != TLS1_3_VERSION || cipher == nullptr
      || SSL_has_pending(ssl_) == 1)
    return;
  auto from = tls_records::start{};
  from.suite = tls_suite::find(SSL_CIPHER_get_id(cipher));
  if (from.suite == nullptr)
    return;
  from.accepts = context_->accepts();
  from.read_secret = from.accepts ? secrets->client : secrets->server;
  from.write_secret = from.accepts ? secrets->server : secrets->client;
  from.plain_bytes_max
    = from.accepts ? limits::tls_record_bytes_max : tls_plain_bytes_max;
  from.records_max = limits::tls_records_per_key_max;
  if (from.accepts) {
    const auto count = tls_records::count_sealed(last_sent);
    if (!count)
      return;
    from.sent_records = *count;
  }
  auto made = std::make_unique<tls_records>(from);
  if (made->is_usable())
    records_ = std::move(made);
}

void tls_session::forget_handshake() noexcept {
  if (records_ == nullptr)
    return;
  SSL_free(std::exchange(ssl_, nullptr));
  context_ = nullptr;
}

tls_read tls_session::decrypt_own(std::span<const std::byte>& in,
                                  std::span<std::byte> plain,
                                  std::vector<std::byte>& out) {
  auto got = tls_read{};
  got.bytes = records_->decrypt(in, plain, out);
  got.then = records_->now();
  closed_ = got.then == tls_read::state::closed;
  if (got.then == tls_read::state::failed)
    fail("reading");
  return got;
}

void tls_session::fail(const char* doing) {
  why_ = {ec::tls_failed, std::string{doing} + ": "
                            + (records_ ? std::string{records_->complaint()}
                                        : queued_complaint())};
}

tls_read tls_session::decrypt(std::span<const std::byte>& in,
                              std::span<std::byte> plain,
                              std::vector<std::byte>& out) {
  using enum tls_read::state;
  auto got = tls_read{};
  if (why_.code != ec::none || closed_) {
    in = {};
    got.then = closed_ ? closed : failed;
    return got;
  }
  if (records_)
    return decrypt_own(in, plain, out);
  forget_complaints();
  in_ = in;
  out_ = &out;
  // With nothing at hand a further SSL_read would only take and give back a
  // buffer.
  while (got.bytes < plain.size()
         && (!in_.empty() || SSL_has_pending(ssl_) == 1)) {
    auto rest = plain.subspan(got.bytes);
    std::size_t count = 0;
    auto rc = SSL_read_ex(ssl_, rest.data(), rest.size(), &count);
    if (rc == 1) {
      got.bytes += count;
      continue;
    }
    auto kind = SSL_get_error(ssl_, rc);
    if (kind == SSL_ERROR_WANT_READ)
      break;
    if (kind == SSL_ERROR_ZERO_RETURN) {
      closed_ = true;
      got.then = closed;
    } else {
      fail("reading");
      got.then = failed;
    }
    in_ = {}; // Nothing behind the end counts.
    break;
  }
  in = std::exchange(in_, {});
  out_ = nullptr;
  return got;
}

bool tls_session::encrypt(std::span<const std::byte> plain,
                          std::vector<std::byte>& out) {
  if (why_.code != ec::none)
    return false;
  if (plain.empty())
    return true;
  if (records_) {
    if (!records_->encrypt(plain, out))
      fail("writing");
    return why_.code == ec::none;
  }
  forget_complaints();
  out_ = &out;
  std::size_t count = 0;
  // All or nothing: the buffer takes everything, so nothing is ever retried.
  auto rc = SSL_write_ex(ssl_, plain.data(), plain.size(), &count);
  out_ = nullptr;
  if (rc == 1 && count == plain.size())
    return true;
  fail("writing");
  return false;
}

void tls_session::close_notify(std::vector<std::byte>& out) {
  if (why_.code != ec::none || !established_)
    return;
  if (records_)
    return records_->close_notify(out);
  forget_complaints();
  out_ = &out;
  SSL_shutdown(ssl_);
  out_ = nullptr;
  forget_complaints();
}

std::string tls_session::server_name() const {
  if (ssl_ == nullptr)
    return {};
  const auto* name = SSL_get_servername(ssl_, TLSEXT_NAMETYPE_host_name);
  return name != nullptr ? name : "";
}

bool tls_session::has_postgresql_alpn() const {
  if (ssl_ == nullptr)
    return false;
  const unsigned char* chosen = nullptr;
  unsigned int size = 0;
  SSL_get0_alpn_selected(ssl_, &chosen, &size);
  constexpr std::string_view wanted = "postgresql";
  return size == wanted.size() && std::memcmp(chosen, wanted.data(), size) == 0;
}

std::string tls_session::peer_common_name() const {
  if (ssl_ == nullptr)
    return {};
  auto* certificate = SSL_get0_peer_certificate(ssl_);
  if (certificate == nullptr || SSL_get_verify_result(ssl_) != X509_V_OK)
    return {};
  auto* subject = X509_get_subject_name(certificate);
  auto at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (at < 0)
    return {};
  auto* text = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at));
  unsigned char* utf8 = nullptr;
  auto size = ASN1_STRING_to_UTF8(&utf8, text);
  if (size < 0)
    return {};
  auto name = std::string{reinterpret_cast<const char*>(utf8),
                          static_cast<std::size_t>(size)};
  OPENSSL_free(utf8);
  // A zero byte inside would end the name early for whoever compares it as C.
  return name.find('\0') == std::string::npos ? name : std::string{};
}

std::string tls_session::version() const {
  return records_ ? "TLSv1.3" : SSL_get_version(ssl_);
}

std::string tls_session::cipher() const {
  return records_ ? records_->suite().name : SSL_get_cipher_name(ssl_);
}

std::vector<std::byte> tls_session::server_end_point() const {
  if (ssl_ == nullptr)
    return {};
  const auto* certificate = context_->accepts()
                            ? SSL_get_certificate(ssl_)
                            : SSL_get0_peer_certificate(ssl_);
  if (certificate == nullptr)
    return {};
  auto hash = NID_undef;
  if (X509_get_signature_info(const_cast<X509*>(certificate), &hash, nullptr,
                              nullptr, nullptr)
        != 1
      || hash == NID_undef)
    return {};
  if (hash == NID_md5 || hash == NID_sha1)
    hash = NID_sha256; // RFC 5929: too weak for this.
  const auto* digest = EVP_get_digestbynid(hash);
  if (digest == nullptr)
    return {};
  unsigned char value[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  if (X509_digest(certificate, digest, value, &size) != 1)
    return {};
  auto bytes = std::as_bytes(std::span{value, size});
  return {bytes.begin(), bytes.end()};
}

} // namespace cenote::net
