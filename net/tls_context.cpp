#include "net/tls.hpp"

#include <string_view>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "base/limits.hpp"

namespace cenote::net {

namespace {

/// ALPN protocol list: "postgresql" with its length in front (RFC 7301).
constexpr unsigned char alpn_postgresql[]
  = {10, 'p', 'o', 's', 't', 'g', 'r', 'e', 's', 'q', 'l'};

struct free_context {
  void operator()(SSL_CTX* x) const noexcept {
    SSL_CTX_free(x);
  }
};

using owned_context = std::unique_ptr<SSL_CTX, free_context>;

/// OpenSSL's oldest complaint, in words; empties its queue.
std::string last_complaint() {
  auto code = ERR_get_error();
  ERR_clear_error();
  if (code == 0)
    return "no reason given";
  if (const auto* text = ERR_reason_error_string(code))
    return text;
  return "error " + std::to_string(code);
}

/// What OpenSSL means by its oldest complaint about a file, where its own words
/// say less ("no start line"); null where they will do.
const char* meaning_for_file(unsigned long complaint) noexcept {
  const auto library = ERR_GET_LIB(complaint);
  const auto reason = ERR_GET_REASON(complaint);
  if ((library == ERR_LIB_PEM && reason == PEM_R_NO_START_LINE)
      || (library == ERR_LIB_OSSL_DECODER && reason == ERR_R_UNSUPPORTED)
      || (library == ERR_LIB_X509
          && reason == X509_R_NO_CERTIFICATE_OR_CRL_FOUND))
    return "the file holds none in PEM format";
  if (library == ERR_LIB_X509
      && (reason == X509_R_KEY_VALUES_MISMATCH
          || reason == X509_R_KEY_TYPE_MISMATCH))
    return "it does not belong to the certificate";
  return nullptr;
}

failure file_failure(const char* what, const std::string& file) {
  auto top = ERR_peek_error();
  auto code = ERR_GET_LIB(top) == ERR_LIB_SYS || ERR_GET_LIB(top) == ERR_LIB_BIO
              ? ec::config_unreadable
              : ec::config_bad_value;
  const auto* meaning = meaning_for_file(top);
  auto why = last_complaint();
  return {code, std::string{what} + " " + file + ": "
                  + (meaning != nullptr ? meaning : why)};
}

/// A key with a pass phrase is refused: nobody sits at a terminal.
int no_pass_phrase(char*, int, int, void*) {
  return 0;
}

int select_alpn(SSL*, const unsigned char** out, unsigned char* out_size,
                const unsigned char* in, unsigned int in_size, void*) {
  unsigned char* chosen = nullptr;
  // A client that offers other protocols only was talked into coming here.
  if (SSL_select_next_proto(&chosen, out_size, alpn_postgresql,
                            sizeof(alpn_postgresql), in, in_size)
      != OPENSSL_NPN_NEGOTIATED)
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

int acknowledge_name(SSL*, int*, void*) {
  return SSL_TLSEXT_ERR_OK;
}

int version_number(tls_version from) noexcept {
  switch (from) {
    case tls_version::tls1_2:
      return TLS1_2_VERSION;
    case tls_version::tls1_3:
      return TLS1_3_VERSION;
  }
  return TLS1_3_VERSION;
}

/// What both sides have in common.
result<void> set_rules(SSL_CTX* ctx, tls_version least,
                       const std::string& ciphers) {
  SSL_CTX_set_min_proto_version(ctx, version_number(least));
  SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION
                             | SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS
                          | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_default_passwd_cb(ctx, no_pass_phrase);
  if (!ciphers.empty() && SSL_CTX_set_cipher_list(ctx, ciphers.c_str()) != 1)
    return failure{ec::config_bad_value,
                   "ciphers \"" + ciphers + "\": " + last_complaint()};
  return {};
}

result<void> load_certificate(SSL_CTX* ctx, const std::string& file) {
  if (SSL_CTX_use_certificate_chain_file(ctx, file.c_str()) != 1)
    return file_failure("certificate", file);
  return {};
}

/// Compares it with the certificate, if one is loaded.
result<void> load_key(SSL_CTX* ctx, const std::string& file) {
  if (SSL_CTX_use_PrivateKey_file(ctx, file.c_str(), SSL_FILETYPE_PEM) != 1)
    return file_failure("key", file);
  return {};
}

result<void> load_authorities(SSL_CTX* ctx, const std::string& file) {
  if (SSL_CTX_load_verify_file(ctx, file.c_str()) != 1)
    return file_failure("CA", file);
  return {};
}

result<void> load_identity(SSL_CTX* ctx, const std::string& certificate,
                           const std::string& key) {
  if (auto ok = load_certificate(ctx, certificate); !ok)
    return ok;
  if (auto ok = load_key(ctx, key); !ok)
    return ok;
  if (SSL_CTX_check_private_key(ctx) != 1)
    return failure{ec::config_bad_value,
                   "key " + key + " does not belong to " + certificate};
  return {};
}

result<void> trust_clients(SSL_CTX* ctx, const tls_accept_options& options) {
  if (options.client_certificate == tls_client_certificate::ignored)
    return {};
  if (options.ca_file.empty())
    return failure{ec::config_missing_key,
                   "client certificates need a CA file"};
  if (auto ok = load_authorities(ctx, options.ca_file); !ok)
    return ok;
  auto* names = SSL_load_client_CA_file(options.ca_file.c_str());
  if (names == nullptr)
    return file_failure("CA", options.ca_file);
  SSL_CTX_set_client_CA_list(ctx, names);
  auto mode = SSL_VERIFY_PEER;
  if (options.client_certificate == tls_client_certificate::required)
    mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
  SSL_CTX_set_verify(ctx, mode, nullptr);
  return {};
}

result<void> trust_servers(SSL_CTX* ctx, const tls_connect_options& options) {
  if (options.verify == tls_verify::none) {
    SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, nullptr);
    return {};
  }
  SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, nullptr);
  if (!options.ca_file.empty())
    if (auto ok = load_authorities(ctx, options.ca_file); !ok)
      return ok;
  if (!options.ca_directory.empty()
      && SSL_CTX_load_verify_dir(ctx, options.ca_directory.c_str()) != 1)
    return file_failure("CA directory", options.ca_directory);
  if (options.ca_file.empty() && options.ca_directory.empty()
      && SSL_CTX_set_default_verify_paths(ctx) != 1)
    return failure{ec::config_unreadable,
                   "the system's CAs: " + last_complaint()};
  return {};
}

/// A context to try a file with.
owned_context make_trial() {
  ERR_clear_error();
  auto out = owned_context{SSL_CTX_new(TLS_method())};
  if (out != nullptr)
    SSL_CTX_set_default_passwd_cb(out.get(), no_pass_phrase);
  return out;
}

} // namespace

/// Has access to the constructor, which make_shared has not.
class tls_context_builder {
public:
  static tls_context_ptr wrap(owned_context ctx, bool accepts,
                              tls_verify verify) {
    return tls_context_ptr{new tls_context(ctx.release(), accepts, verify)};
  }
};

tls_context::tls_context(ssl_ctx_st* context, bool accepts,
                         tls_verify verify) noexcept
  : context_{context},
    accepts_{accepts},
    verify_{verify} {
  SSL_CTX_set_keylog_callback(context_, on_secret);
}

tls_context::~tls_context() {
  SSL_CTX_free(context_);
}

result<tls_context_ptr> make_accepting_tls(const tls_accept_options& options) {
  ERR_clear_error();
  auto ctx = owned_context{SSL_CTX_new(TLS_server_method())};
  if (ctx == nullptr)
    return failure{ec::os_error, last_complaint()};
  if (auto ok = set_rules(ctx.get(), options.version_min, options.ciphers); !ok)
    return ok.error();
  if (auto ok
      = load_identity(ctx.get(), options.certificate_file, options.key_file);
      !ok)
    return ok.error();
  if (auto ok = trust_clients(ctx.get(), options); !ok)
    return ok.error();
  SSL_CTX_set_dh_auto(ctx.get(), 1);
  SSL_CTX_set_max_send_fragment(ctx.get(), limits::tls_record_bytes_max);
  // Tickets only: sessions that clients keep cost us no memory.
  SSL_CTX_set_session_cache_mode(ctx.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(ctx.get(), 1);
  constexpr std::string_view sessions = "cenote";
  SSL_CTX_set_session_id_context(
    ctx.get(), reinterpret_cast<const unsigned char*>(sessions.data()),
    static_cast<unsigned int>(sessions.size()));
  SSL_CTX_set_alpn_select_cb(ctx.get(), select_alpn, nullptr);
  // What SSL_CTX_set_tlsext_servername_callback does, without its C cast.
  SSL_CTX_callback_ctrl(ctx.get(), SSL_CTRL_SET_TLSEXT_SERVERNAME_CB,
                        reinterpret_cast<void (*)()>(acknowledge_name));
  return tls_context_builder::wrap(std::move(ctx), true, tls_verify::none);
}

result<tls_context_ptr>
make_connecting_tls(const tls_connect_options& options) {
  ERR_clear_error();
  auto ctx = owned_context{SSL_CTX_new(TLS_client_method())};
  if (ctx == nullptr)
    return failure{ec::os_error, last_complaint()};
  if (auto ok = set_rules(ctx.get(), options.version_min, options.ciphers); !ok)
    return ok.error();
  if (auto ok = trust_servers(ctx.get(), options); !ok)
    return ok.error();
  if (!options.certificate_file.empty())
    if (auto ok
        = load_identity(ctx.get(), options.certificate_file, options.key_file);
        !ok)
      return ok.error();
  SSL_CTX_set_session_cache_mode(ctx.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_alpn_protos(ctx.get(), alpn_postgresql, sizeof(alpn_postgresql));
  return tls_context_builder::wrap(std::move(ctx), false, options.verify);
}

result<void> check_certificate(const std::string& file) {
  auto ctx = make_trial();
  if (ctx == nullptr)
    return failure{ec::os_error, last_complaint()};
  return load_certificate(ctx.get(), file);
}

result<void> check_key(const std::string& certificate,
                       const std::string& file) {
  auto ctx = make_trial();
  if (ctx == nullptr)
    return failure{ec::os_error, last_complaint()};
  if (certificate.empty())
    return load_key(ctx.get(), file);
  return load_identity(ctx.get(), certificate, file);
}

result<void> check_authorities(const std::string& file) {
  auto ctx = make_trial();
  if (ctx == nullptr)
    return failure{ec::os_error, last_complaint()};
  return load_authorities(ctx.get(), file);
}

} // namespace cenote::net
