#pragma once

#include <memory>
#include <string>
#include <string_view>

#include <boost/test/unit_test.hpp>

#include <openssl/ssl.h>

#include "net/tls.hpp"
#include "tests/net/tls_support.hpp"

namespace cenote::test {

/// The other end as everybody else's programs have it: OpenSSL alone.
class openssl_peer {
public:
  /// `is_server`: it waits for our hello.
  explicit openssl_peer(bool is_server, const char* suites = nullptr,
                        int version = TLS1_3_VERSION)
    : rules_{
      SSL_CTX_new(is_server ? TLS_server_method() : TLS_client_method())} {
    auto* rules = rules_.get();
    BOOST_REQUIRE(SSL_CTX_set_min_proto_version(rules, version) == 1);
    BOOST_REQUIRE(SSL_CTX_set_max_proto_version(rules, version) == 1);
    if (suites != nullptr)
      BOOST_REQUIRE(SSL_CTX_set_ciphersuites(rules, suites) == 1);
    if (is_server) {
      const auto& own = shared_identity().server;
      BOOST_REQUIRE(
        SSL_CTX_use_certificate_chain_file(rules, own.certificate_file.c_str())
        == 1);
      BOOST_REQUIRE(SSL_CTX_use_PrivateKey_file(rules, own.key_file.c_str(),
                                                SSL_FILETYPE_PEM)
                    == 1);
    }
    ssl_.reset(SSL_new(rules));
    in_ = BIO_new(BIO_s_mem());
    out_ = BIO_new(BIO_s_mem());
    SSL_set_bio(ssl_.get(), in_, out_);
    if (is_server)
      SSL_set_accept_state(ssl_.get());
    else
      SSL_set_connect_state(ssl_.get());
  }

  [[nodiscard]] SSL* ssl() const noexcept {
    return ssl_.get();
  }

  /// With ours, to the end; what it has to say then it has said.
  void shake_hands(net::tls_session& ours) {
    auto from_us = bytes{};
    for (int i = 0; i < 10; ++i) {
      SSL_do_handshake(ssl());
      auto to_us = sent();
      auto in = std::span<const std::byte>{to_us};
      if (!ours.is_established())
        BOOST_REQUIRE(ours.handshake(in, from_us));
      if (!in.empty() && ours.is_established())
        BOOST_TEST(open_all(ours, in) == "");
      take(from_us);
      from_us.clear();
      if (ours.is_established() && SSL_is_init_finished(ssl()) == 1)
        break;
    }
    BOOST_REQUIRE(SSL_is_init_finished(ssl()) == 1);
    BOOST_TEST(read() == ""); // Tickets.
  }

  void take(std::span<const std::byte> from_us) {
    if (!from_us.empty())
      BOOST_REQUIRE(
        BIO_write(in_, from_us.data(), static_cast<int>(from_us.size()))
        == static_cast<int>(from_us.size()));
  }

  /// What it has to send.
  bytes sent() {
    bytes out(static_cast<std::size_t>(BIO_ctrl_pending(out_)));
    if (!out.empty())
      BIO_read(out_, out.data(), static_cast<int>(out.size()));
    return out;
  }

  bytes sealed(std::string_view text) {
    if (!text.empty())
      BOOST_REQUIRE(SSL_write(ssl(), text.data(), static_cast<int>(text.size()))
                    == static_cast<int>(text.size()));
    return sent();
  }

  /// All text there is; `error` is why there is no more.
  std::string read() {
    auto text = std::string{};
    char part[4096];
    int count = 0;
    while ((count = SSL_read(ssl(), part, sizeof(part))) > 0)
      text.append(part, static_cast<std::size_t>(count));
    error = SSL_get_error(ssl(), count);
    return text;
  }

  std::string read(std::span<const std::byte> from_us) {
    take(from_us);
    return read();
  }

  int error = SSL_ERROR_NONE;

private:
  struct rules_end {
    void operator()(SSL_CTX* x) const noexcept {
      SSL_CTX_free(x);
    }
  };
  struct ssl_end {
    void operator()(SSL* x) const noexcept {
      SSL_free(x);
    }
  };

  std::unique_ptr<SSL_CTX, rules_end> rules_;
  std::unique_ptr<SSL, ssl_end> ssl_;
  BIO* in_ = nullptr;
  BIO* out_ = nullptr;
};

/// One of ours and one of OpenSSL, hands shaken.
struct mixed_couple {
  explicit mixed_couple(bool we_serve, const char* suites = nullptr,
                        int version = TLS1_3_VERSION)
    : peer{!we_serve, suites, version} {
    auto made = we_serve ? net::tls_session::accept(accepting())
                         : net::tls_session::connect(connecting(), "localhost");
    BOOST_REQUIRE(made);
    ours = std::move(*made);
    peer.shake_hands(*ours);
  }

  bytes sealed(std::string_view text) {
    bytes out;
    BOOST_REQUIRE(ours->encrypt(to_bytes(text), out));
    return out;
  }

  /// Both ways, each text whole.
  void talk() {
    for (std::size_t size : {1u, 100u, 8'192u, 16'384u, 16'385u, 50'000u}) {
      const auto text = std::string(size, static_cast<char>('a' + size % 26));
      BOOST_TEST((peer.read(sealed(text)) == text));
      BOOST_TEST((open_all(*ours, peer.sealed(text)) == text));
    }
  }

  openssl_peer peer;
  std::unique_ptr<net::tls_session> ours;
};

} // namespace cenote::test
