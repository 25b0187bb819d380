#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "net/tls.hpp"
#include "tests/net/certificates.hpp"

namespace cenote::test {

using bytes = std::vector<std::byte>;

inline bytes to_bytes(std::string_view text) {
  auto all = std::as_bytes(std::span{text});
  return {all.begin(), all.end()};
}

inline std::string to_text(std::span<const std::byte> from) {
  return {reinterpret_cast<const char*>(from.data()), from.size()};
}

inline net::tls_context_ptr accepting(net::tls_accept_options options = {}) {
  if (options.certificate_file.empty()) {
    options.certificate_file = shared_identity().server.certificate_file;
    options.key_file = shared_identity().server.key_file;
  }
  auto made = net::make_accepting_tls(options);
  BOOST_REQUIRE_MESSAGE(made, (made ? "" : made.error().detail));
  return *made;
}

inline net::tls_context_ptr connecting(net::tls_connect_options options = {}) {
  auto made = net::make_connecting_tls(options);
  BOOST_REQUIRE_MESSAGE(made, (made ? "" : made.error().detail));
  return *made;
}

/// Both ends of one TLS connection and what is under way between them.
struct tls_couple {
  std::unique_ptr<net::tls_session> server;
  std::unique_ptr<net::tls_session> client;
  bytes to_server;
  bytes to_client;

  explicit tls_couple(net::tls_context_ptr server_side = accepting(),
                      net::tls_context_ptr client_side = connecting(),
                      const std::string& host = "localhost") {
    auto accepted = net::tls_session::accept(std::move(server_side));
    BOOST_REQUIRE(accepted);
    server = std::move(*accepted);
    auto connected = net::tls_session::connect(std::move(client_side), host);
    BOOST_REQUIRE(connected);
    client = std::move(*connected);
  }

  /// Both sides' outcome, feeding at most `step` bytes at a time.
  void shake_hands(std::size_t step = std::string::npos) {
    client_code = advance(*client, {}, to_server);
    while (!to_server.empty() || !to_client.empty()) {
      pass(to_server, *server, to_client, server_code, step);
      pass(to_client, *client, to_server, client_code, step);
    }
  }

  ec server_code = ec::none;
  ec client_code = ec::none;
  std::string client_detail;

private:
  void pass(bytes& from, net::tls_session& to, bytes& back, ec& code,
            std::size_t step) {
    while (!from.empty()) {
      auto count = std::min(step, from.size());
      auto part = bytes(from.begin(),
                        from.begin() + static_cast<std::ptrdiff_t>(count));
      from.erase(from.begin(),
                 from.begin() + static_cast<std::ptrdiff_t>(count));
      if (code == ec::none)
        code = advance(to, part, back);
    }
  }

  ec advance(net::tls_session& who, std::span<const std::byte> in, bytes& out) {
    if (!who.is_established()) {
      auto done = who.handshake(in, out);
      if (!done) {
        if (&who == client.get())
          client_detail = done.error().detail;
        return done.error().code;
      }
      if (!*done)
        return ec::none;
    }
    bytes ignored(1024);
    auto got = who.decrypt(in, ignored, out);
    return got.then == net::tls_read::state::failed ? who.why().code : ec::none;
  }
};

/// All plaintext that `who` makes of `cipher`.
inline std::string open_all(net::tls_session& who,
                            std::span<const std::byte> cipher) {
  auto text = std::string{};
  bytes plain(4096);
  bytes replies;
  for (;;) {
    auto got = who.decrypt(cipher, plain, replies);
    text += to_text(std::span{plain}.first(got.bytes));
    if (got.bytes < plain.size())
      return text;
  }
}

/// Lengths of the TLS records in `cipher`.
inline std::vector<std::size_t>
record_sizes(std::span<const std::byte> cipher) {
  auto sizes = std::vector<std::size_t>{};
  while (cipher.size() >= 5) {
    auto size = std::to_integer<std::size_t>(cipher[3]) * 256
              + std::to_integer<std::size_t>(cipher[4]);
    sizes.push_back(size);
    cipher = cipher.subspan(std::min(cipher.size(), size + 5));
  }
  return sizes;
}

} // namespace cenote::test
