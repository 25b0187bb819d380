#include "net/tls.hpp"

#include <boost/test/data/test_case.hpp>

#include "base/limits.hpp"
#include "tests/net/tls_support.hpp"

using namespace cenote;
using namespace cenote::test;
namespace data = boost::unit_test::data;

namespace {

net::tls_accept_options accept_options() {
  auto options = net::tls_accept_options{};
  options.certificate_file = shared_identity().server.certificate_file;
  options.key_file = shared_identity().server.key_file;
  return options;
}

bytes sealed(net::tls_session& by, std::string_view text) {
  bytes out;
  BOOST_REQUIRE(by.encrypt(to_bytes(text), out));
  return out;
}

} // namespace

BOOST_AUTO_TEST_SUITE(tls)

BOOST_DATA_TEST_CASE(a_handshake_works_in_pieces_of_any_size,
                     data::make({1, 2, 3, 5, 7, 64, 1000, 100'000}), step) {
  auto uut = tls_couple{};
  uut.shake_hands(static_cast<std::size_t>(step));
  BOOST_TEST(uut.server->is_established());
  BOOST_TEST(uut.client->is_established());
  BOOST_TEST(open_all(*uut.client, sealed(*uut.server, "hello")) == "hello");
  BOOST_TEST(open_all(*uut.server, sealed(*uut.client, "ciao")) == "ciao");
}

BOOST_AUTO_TEST_CASE(data_behind_the_handshake_is_left_to_decrypt) {
  auto uut = tls_couple{};
  bytes hello, answer, finish;
  auto none = std::span<const std::byte>{};
  BOOST_REQUIRE(uut.client->handshake(none, hello));
  auto in = std::span<const std::byte>{hello};
  BOOST_REQUIRE(uut.server->handshake(in, answer));
  in = answer;
  auto done = uut.client->handshake(in, finish);
  BOOST_REQUIRE((done && *done));
  auto together = finish;
  auto early = sealed(*uut.client, "right behind");
  together.insert(together.end(), early.begin(), early.end());
  in = together;
  done = uut.server->handshake(in, answer);
  BOOST_REQUIRE((done && *done));
  BOOST_TEST(in.size() == early.size());
  BOOST_TEST(open_all(*uut.server, in) == "right behind");
}

BOOST_AUTO_TEST_CASE(data_cut_at_every_byte_comes_out_whole) {
  auto uut = tls_couple{};
  uut.shake_hands();
  auto text = std::string(300, 'x') + "end";
  for (std::size_t cut = 0;; ++cut) {
    auto cipher = sealed(*uut.client, text);
    if (cut > cipher.size())
      break;
    auto all = std::span<const std::byte>{cipher};
    auto got = open_all(*uut.server, all.first(cut));
    got += open_all(*uut.server, all.subspan(cut));
    BOOST_REQUIRE_MESSAGE(got == text, "cut at " << cut);
  }
}

BOOST_AUTO_TEST_CASE(a_small_buffer_gets_the_rest_at_the_next_call) {
  auto uut = tls_couple{};
  uut.shake_hands();
  auto cipher = sealed(*uut.client, "0123456789");
  auto in = std::span<const std::byte>{cipher};
  bytes plain(4), replies;
  auto text = std::string{};
  for (int i = 0; i < 3; ++i) {
    auto got = uut.server->decrypt(in, plain, replies);
    text += to_text(std::span{plain}.first(got.bytes));
  }
  BOOST_TEST(text == "0123456789");
}

BOOST_AUTO_TEST_CASE(records_to_clients_are_small) {
  auto uut = tls_couple{};
  uut.shake_hands();
  auto text = std::string(50'000, 'r');
  auto cipher = sealed(*uut.server, text);
  auto sizes = record_sizes(cipher);
  BOOST_TEST(sizes.size() == 7u);
  for (auto size : sizes)
    BOOST_TEST(size <= limits::tls_record_bytes_max + 256);
  BOOST_TEST(open_all(*uut.client, cipher) == text);
}

BOOST_AUTO_TEST_CASE(a_close_notify_ends_the_reading_after_the_data) {
  auto uut = tls_couple{};
  uut.shake_hands();
  auto cipher = sealed(*uut.client, "last words");
  uut.client->close_notify(cipher);
  auto in = std::span<const std::byte>{cipher};
  bytes plain(100), replies;
  auto got = uut.server->decrypt(in, plain, replies);
  BOOST_TEST(got.bytes == 10u);
  BOOST_TEST((got.then == net::tls_read::state::closed));
  got = uut.server->decrypt(in, plain, replies);
  BOOST_TEST((got.then == net::tls_read::state::closed));
}

BOOST_AUTO_TEST_CASE(a_damaged_record_fails_and_what_came_before_counts) {
  auto uut = tls_couple{};
  uut.shake_hands();
  auto cipher = sealed(*uut.client, "good");
  auto bad = sealed(*uut.client, "evil");
  bad[8] ^= std::byte{1};
  cipher.insert(cipher.end(), bad.begin(), bad.end());
  auto in = std::span<const std::byte>{cipher};
  bytes plain(100), replies;
  auto got = uut.server->decrypt(in, plain, replies);
  BOOST_TEST(to_text(std::span{plain}.first(got.bytes)) == "good");
  BOOST_TEST((got.then == net::tls_read::state::failed));
  BOOST_TEST((uut.server->why().code == ec::tls_failed));
  bytes out;
  BOOST_TEST(!uut.server->encrypt(to_bytes("x"), out));
}

BOOST_AUTO_TEST_CASE(plaintext_instead_of_a_handshake_fails) {
  auto uut = tls_couple{};
  auto junk = to_bytes(std::string_view{"\0\0\0\x08\0\x03\0\0 SELECT 1", 17});
  auto in = std::span<const std::byte>{junk};
  bytes out;
  auto done = uut.server->handshake(in, out);
  BOOST_REQUIRE(!done);
  BOOST_TEST((done.error().code == ec::tls_handshake_failed));
}

BOOST_AUTO_TEST_CASE(the_server_learns_name_and_protocol) {
  auto uut = tls_couple{accepting(), connecting(), "acme.pool.example"};
  uut.shake_hands();
  BOOST_TEST(uut.server->server_name() == "acme.pool.example");
  BOOST_TEST(uut.server->has_postgresql_alpn());
  BOOST_TEST(uut.client->has_postgresql_alpn());
  BOOST_TEST(uut.server->version() == "TLSv1.3");
  BOOST_TEST(!uut.server->cipher().empty());
}

BOOST_AUTO_TEST_CASE(an_address_is_not_sent_as_a_name) {
  for (auto* host : {"127.0.0.1", "::1", "", "/run/postgresql"}) {
    auto uut = tls_couple{accepting(), connecting(), host};
    uut.shake_hands();
    BOOST_TEST(uut.server->server_name() == "");
  }
}

BOOST_AUTO_TEST_CASE(both_sides_name_the_same_end_point) {
  auto uut = tls_couple{};
  uut.shake_hands();
  auto ours = uut.server->server_end_point();
  BOOST_TEST(ours.size() == 32u);
  BOOST_TEST((ours == uut.client->server_end_point()));
}

BOOST_AUTO_TEST_CASE(a_session_survives_the_reload_of_its_context) {
  auto context = accepting();
  auto uut = tls_couple{context};
  uut.shake_hands();
  context = accepting();
  BOOST_TEST(open_all(*uut.client, sealed(*uut.server, "still")) == "still");
}

BOOST_AUTO_TEST_CASE(a_broken_certificate_or_key_is_refused_with_its_name) {
  auto& ca = shared_identity().ca;
  auto other = ca.issue({"other", {}});
  auto options = accept_options();
  options.key_file = other.key_file;
  auto made = net::make_accepting_tls(options);
  BOOST_REQUIRE(!made);
  BOOST_TEST((made.error().code == ec::config_bad_value));

  options = accept_options();
  options.certificate_file = ca.directory() + "/nowhere.crt";
  made = net::make_accepting_tls(options);
  BOOST_REQUIRE(!made);
  BOOST_TEST((made.error().code == ec::config_unreadable));
  BOOST_TEST(made.error().detail.find("nowhere.crt") != std::string::npos);

  options = accept_options();
  options.certificate_file = options.key_file; // PEM, but not a certificate.
  made = net::make_accepting_tls(options);
  BOOST_REQUIRE(!made);
  BOOST_TEST((made.error().code == ec::config_bad_value));

  options = accept_options();
  options.ciphers = "NO-SUCH-CIPHER";
  made = net::make_accepting_tls(options);
  BOOST_REQUIRE(!made);
  BOOST_TEST((made.error().code == ec::config_bad_value));
}

BOOST_AUTO_TEST_CASE(a_file_is_judged_for_what_it_is_meant_to_be) {
  auto& ca = shared_identity().ca;
  auto& own = shared_identity().server;
  auto other = ca.issue({"other", {}});
  BOOST_TEST(bool{net::check_certificate(own.certificate_file)});
  BOOST_TEST(bool{net::check_key(own.certificate_file, own.key_file)});
  BOOST_TEST(bool{net::check_key("", other.key_file)});
  BOOST_TEST(bool{net::check_authorities(ca.file())});
  const auto none = std::string{": the file holds none in PEM format"};
  auto why = [](const result<void>& verdict) {
    return verdict ? "" : verdict.error().detail;
  };
  BOOST_TEST(why(net::check_certificate(own.key_file))
             == "certificate " + own.key_file + none);
  BOOST_TEST(why(net::check_key("", own.certificate_file))
             == "key " + own.certificate_file + none);
  BOOST_TEST(why(net::check_key(own.certificate_file, other.key_file))
             == "key " + other.key_file
                  + ": it does not belong to the certificate");
  BOOST_TEST(why(net::check_authorities(own.key_file))
             == "CA " + own.key_file + none);
  auto missing = net::check_authorities(ca.directory() + "/nowhere.crt");
  BOOST_REQUIRE(!missing);
  BOOST_TEST((missing.error().code == ec::config_unreadable));
}

BOOST_AUTO_TEST_SUITE_END()
