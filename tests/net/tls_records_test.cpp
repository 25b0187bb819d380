#include "net/tls_records.hpp"

#include <array>
#include <tuple>

#include <boost/test/data/test_case.hpp>

#include "base/limits.hpp"
#include "tests/net/openssl_peer.hpp"

using namespace cenote;
using namespace cenote::test;
namespace data = boost::unit_test::data;

namespace {

using net::tls_content;
using net::tls_records;
using net::tls_traffic_key;

const char* const all_suites[] = {
  "TLS_AES_128_GCM_SHA256",
  "TLS_AES_256_GCM_SHA384",
  "TLS_CHACHA20_POLY1305_SHA256",
};

const net::tls_suite& suite() {
  return *net::tls_suite::find(TLS1_3_CK_AES_128_GCM_SHA256);
}

net::tls_secret secret(int number) {
  return net::tls_secret{bytes(32, static_cast<std::byte>(number))};
}

/// One end without a handshake before it. `number`: of what it reads.
tls_records end_with(int number, bool accepts,
                     std::uint64_t records_max = 100) {
  auto from = tls_records::start{};
  from.suite = &suite();
  from.read_secret = secret(number);
  from.write_secret = secret(3 - number);
  from.accepts = accepts;
  from.plain_bytes_max = 1'000;
  from.records_max = records_max;
  return tls_records{from};
}

struct heard {
  std::string text;
  tls_records::state then = tls_records::state::open;
  std::string complaint;
  bytes answer;
};

heard hear(tls_records& who, std::span<const std::byte> cipher,
           std::size_t room = 64 * 1024) {
  auto out = heard{};
  bytes plain(room);
  for (;;) {
    const auto count = who.decrypt(cipher, plain, out.answer);
    out.text += to_text(std::span{plain}.first(count));
    if (count < room)
      break;
  }
  out.then = who.now();
  out.complaint = who.complaint();
  return out;
}

/// Whoever has the keys and sends what it likes.
class forger {
public:
  bytes record(tls_content type, std::string_view body) {
    bytes out;
    BOOST_REQUIRE(key.seal(type, to_bytes(body), out));
    return out;
  }

  tls_traffic_key key{suite(), tls_traffic_key::use::seal, secret(1)};
};

std::string_view raw(const char* from, std::size_t size) {
  return {from, size};
}

} // namespace

BOOST_AUTO_TEST_SUITE(tls_records_suite)

BOOST_DATA_TEST_CASE(openssl_and_we_understand_each_other,
                     data::make(all_suites) * data::make({true, false}), name,
                     we_serve) {
  auto uut = mixed_couple{we_serve, name};
  BOOST_TEST(uut.ours->has_own_records());
  BOOST_TEST(uut.ours->version() == "TLSv1.3");
  BOOST_TEST(uut.ours->cipher() == name);
  uut.talk();
  uut.ours->forget_handshake();
  uut.talk();
  BOOST_TEST(uut.ours->cipher() == name);
}

BOOST_DATA_TEST_CASE(what_is_not_ours_stays_with_openssl,
                     data::make({true, false}), we_serve) {
  auto uut = mixed_couple{we_serve, nullptr, TLS1_2_VERSION};
  BOOST_TEST(!uut.ours->has_own_records());
  uut.ours->forget_handshake();
  BOOST_TEST(uut.ours->version() == "TLSv1.2");
  uut.talk();
}

BOOST_DATA_TEST_CASE(a_key_update_is_followed,
                     data::make(all_suites) * data::make({true, false}), name,
                     we_serve) {
  auto uut = mixed_couple{we_serve, name};
  for (auto kind : {SSL_KEY_UPDATE_NOT_REQUESTED, SSL_KEY_UPDATE_REQUESTED}) {
    uut.talk();
    BOOST_REQUIRE(SSL_key_update(uut.peer.ssl(), kind) == 1);
    const auto cipher = uut.peer.sealed("with the next key");
    bytes plain(100), answer;
    auto in = std::span<const std::byte>{cipher};
    const auto got = uut.ours->decrypt(in, plain, answer);
    BOOST_TEST(to_text(std::span{plain}.first(got.bytes))
               == "with the next key");
    BOOST_TEST(answer.empty() == (kind == SSL_KEY_UPDATE_NOT_REQUESTED));
    BOOST_TEST(uut.peer.read(answer) == "");
    BOOST_TEST(SSL_get_key_update_type(uut.peer.ssl()) == SSL_KEY_UPDATE_NONE);
  }
  uut.talk();
}

BOOST_AUTO_TEST_CASE(a_resumed_session_begins_behind_its_tickets) {
  auto rules = accepting();
  SSL_SESSION* kept = nullptr;
  for (bool is_resumed : {false, true}) {
    auto peer = openssl_peer{false};
    if (kept != nullptr)
      BOOST_REQUIRE(SSL_set_session(peer.ssl(), kept) == 1);
    auto ours = std::move(*net::tls_session::accept(rules));
    peer.shake_hands(*ours);
    BOOST_TEST((SSL_session_reused(peer.ssl()) == 1) == is_resumed);
    bytes out;
    BOOST_REQUIRE(ours->encrypt(to_bytes("again"), out));
    BOOST_TEST(peer.read(out) == "again");
    SSL_SESSION_free(kept);
    kept = SSL_get1_session(peer.ssl());
    // OpenSSL does not resume what ended in the middle.
    SSL_set_shutdown(peer.ssl(), SSL_SENT_SHUTDOWN);
  }
  SSL_SESSION_free(kept);
}

BOOST_AUTO_TEST_CASE(padding_is_taken_off) {
  auto uut = mixed_couple{true};
  BOOST_REQUIRE(SSL_set_block_padding(uut.peer.ssl(), 4'096) == 1);
  const auto cipher = uut.peer.sealed("short");
  BOOST_TEST(cipher.size() > 4'096u);
  BOOST_TEST(open_all(*uut.ours, cipher) == "short");
}

BOOST_AUTO_TEST_CASE(records_cut_at_every_byte_come_out_whole) {
  auto uut = mixed_couple{true};
  for (std::size_t cut = 0;; ++cut) {
    BOOST_REQUIRE(SSL_key_update(uut.peer.ssl(), SSL_KEY_UPDATE_NOT_REQUESTED)
                  == 1);
    auto cipher = uut.peer.sealed("one");
    const auto second = uut.peer.sealed("two");
    cipher.insert(cipher.end(), second.begin(), second.end());
    if (cut > cipher.size())
      break;
    const auto all = std::span<const std::byte>{cipher};
    auto text = open_all(*uut.ours, all.first(cut));
    text += open_all(*uut.ours, all.subspan(cut));
    BOOST_REQUIRE_MESSAGE(text == "onetwo", "cut at " << cut);
  }
}

BOOST_DATA_TEST_CASE(any_room_is_enough, data::make({1, 2, 7, 999}), room) {
  auto from = end_with(2, false), to = end_with(1, true);
  bytes cipher;
  const auto text = std::string(2'500, 'x') + "end";
  BOOST_REQUIRE(from.encrypt(to_bytes(text), cipher));
  from.close_notify(cipher);
  const auto got = hear(to, cipher, static_cast<std::size_t>(room));
  BOOST_TEST((got.text == text));
  BOOST_TEST((got.then == tls_records::state::closed));
}

BOOST_AUTO_TEST_CASE(a_key_serves_so_many_records) {
  auto from = end_with(2, false, 3), to = end_with(1, true);
  for (int i = 0; i < 20; ++i) {
    bytes cipher;
    BOOST_REQUIRE(from.encrypt(to_bytes("text"), cipher));
    // Every fourth is the KeyUpdate.
    BOOST_TEST(record_sizes(cipher).size() == (i > 0 && i % 3 == 0 ? 2u : 1u));
    BOOST_TEST(hear(to, cipher).text == "text");
  }
}

BOOST_AUTO_TEST_CASE(many_requests_get_one_answer) {
  auto to = end_with(1, true);
  auto by = forger{};
  bytes cipher;
  for (int i = 0; i < 5; ++i) {
    const auto one = by.record(tls_content::handshake, raw("\x18\0\0\1\1", 5));
    BOOST_REQUIRE(by.key.renew());
    cipher.insert(cipher.end(), one.begin(), one.end());
  }
  const auto got = hear(to, cipher);
  BOOST_TEST((got.then == tls_records::state::open));
  BOOST_TEST(record_sizes(got.answer).size() == 1u);
}

BOOST_AUTO_TEST_CASE(tickets_are_skipped_at_any_cut) {
  const auto ticket = std::string{raw("\4\0\0\x20", 4)} + std::string(32, 't');
  for (std::size_t cut = 1; cut < ticket.size(); ++cut) {
    auto to = end_with(1, false);
    auto by = forger{};
    auto cipher = by.record(tls_content::handshake, ticket.substr(0, cut));
    for (const auto& each :
         {by.record(tls_content::handshake, ticket.substr(cut) + ticket),
          by.record(tls_content::application_data, "text")})
      cipher.insert(cipher.end(), each.begin(), each.end());
    BOOST_TEST(hear(to, cipher).text == "text");
  }
}

BOOST_AUTO_TEST_CASE(both_say_goodbye) {
  auto uut = mixed_couple{true};
  bytes out;
  uut.ours->close_notify(out);
  uut.ours->close_notify(out);
  BOOST_TEST(record_sizes(out).size() == 1u);
  BOOST_TEST(uut.peer.read(out) == "");
  BOOST_TEST(uut.peer.error == SSL_ERROR_ZERO_RETURN);
  auto cipher = uut.peer.sealed("last");
  SSL_shutdown(uut.peer.ssl());
  const auto bye = uut.peer.sent();
  cipher.insert(cipher.end(), bye.begin(), bye.end());
  auto in = std::span<const std::byte>{cipher};
  bytes plain(100);
  const auto got = uut.ours->decrypt(in, plain, out);
  BOOST_TEST(got.bytes == 4u);
  BOOST_TEST((got.then == net::tls_read::state::closed));
}

BOOST_AUTO_TEST_CASE(no_changed_byte_is_taken_for_genuine) {
  auto by = forger{};
  const auto genuine = by.record(tls_content::application_data, "text");
  for (std::size_t at = 0; at < genuine.size(); ++at)
    for (auto bit : {1, 128}) {
      auto to = end_with(1, true);
      auto cipher = genuine;
      cipher[at] ^= static_cast<std::byte>(bit);
      cipher.resize(64'000); // No length leaves it waiting.
      const auto got = hear(to, cipher);
      BOOST_TEST(got.text == "");
      BOOST_TEST((got.then == tls_records::state::failed));
      BOOST_TEST(record_sizes(got.answer).size() == 1u);
      bytes out;
      BOOST_TEST(!to.encrypt(to_bytes("x"), out));
      BOOST_TEST(out.empty());
    }
}

BOOST_AUTO_TEST_CASE(records_come_once_and_in_order) {
  auto by = forger{};
  const auto first = by.record(tls_content::application_data, "1");
  const auto second = by.record(tls_content::application_data, "2");
  auto again = end_with(1, true), swapped = end_with(1, true);
  BOOST_TEST(hear(again, first).text == "1");
  BOOST_TEST(hear(again, first).complaint == "a record is not genuine");
  BOOST_TEST(hear(swapped, second).complaint == "a record is not genuine");
}

BOOST_AUTO_TEST_CASE(the_peer_hears_of_a_failure) {
  auto uut = mixed_couple{true};
  auto cipher = uut.peer.sealed("text");
  cipher.back() ^= std::byte{1};
  bytes plain(100), answer;
  auto in = std::span<const std::byte>{cipher};
  const auto got = uut.ours->decrypt(in, plain, answer);
  BOOST_TEST((got.then == net::tls_read::state::failed));
  BOOST_TEST(uut.ours->why().detail == "reading: a record is not genuine");
  uut.peer.read(answer);
  BOOST_TEST(uut.peer.error == SSL_ERROR_SSL);
}

BOOST_AUTO_TEST_CASE(what_is_not_due_ends_the_connection) {
  using enum tls_content;
  const auto long_text = std::string(net::tls_plain_bytes_max + 1, 'x');
  struct {
    tls_content type;
    std::string_view body;
    std::string_view complaint;
  } const cases[] = {
    {handshake, "", "an empty handshake record"},
    {change_cipher_spec, "\1", "a record of a type that is not due"},
    {static_cast<tls_content>(99), "x", "a record of a type that is not due"},
    {static_cast<tls_content>(0), raw("\0\0", 2),
     "a record of a type that is not due"},
    {handshake, raw("\4\0\0\1x", 5), "a handshake behind the handshake"},
    {handshake, raw("\1\0\0\1x", 5), "a handshake behind the handshake"},
    {handshake, raw("\x18\0\0\2\0\0", 6), "a KeyUpdate that is none"},
    {handshake, raw("\x18\0\0\1\2", 5), "a KeyUpdate of an unknown kind"},
    {handshake, raw("\x18\0\0\1\0\x18", 6), "a record of two keys"},
    {alert, "\1", "an alert that is none"},
    {alert, raw("\2\x28", 2), "the peer sent an alert"},
    {application_data, long_text, "the text of a record is too long"},
  };
  for (const auto& each : cases) {
    auto to = end_with(1, true);
    auto by = forger{};
    const auto got = hear(to, by.record(each.type, each.body));
    BOOST_TEST(got.complaint == each.complaint);
    BOOST_TEST((got.then == tls_records::state::failed));
    BOOST_TEST(got.text == "");
  }
}

BOOST_AUTO_TEST_CASE(text_in_the_middle_of_a_message_is_not_due) {
  auto to = end_with(1, true);
  auto by = forger{};
  auto cipher = by.record(tls_content::handshake, raw("\x18\0", 2));
  const auto text = by.record(tls_content::application_data, "text");
  cipher.insert(cipher.end(), text.begin(), text.end());
  const auto got = hear(to, cipher);
  BOOST_TEST(got.complaint == "a record of a type that is not due");
  BOOST_TEST(got.text == "");
}

BOOST_AUTO_TEST_CASE(records_without_text_have_an_end) {
  auto to = end_with(1, true);
  auto by = forger{};
  for (unsigned i = 0; i < limits::tls_records_without_text_max; ++i)
    BOOST_TEST((hear(to, by.record(tls_content::application_data, "")).then
                == tls_records::state::open));
  BOOST_TEST(hear(to, by.record(tls_content::application_data, "x")).text
             == "x");
  for (unsigned i = 0; i < limits::tls_records_without_text_max; ++i)
    hear(to, by.record(tls_content::application_data, ""));
  BOOST_TEST(hear(to, by.record(tls_content::application_data, "")).complaint
             == "too many records without text");
}

BOOST_AUTO_TEST_CASE(headers_that_cannot_be_end_the_connection_at_once) {
  const std::pair<std::string_view, std::string_view> cases[] = {
    {raw("\x15\3\3\0\2", 5), "a record that is not protected"},
    {raw("\x14\3\3\0\1", 5), "a record that is not protected"},
    {raw("\x17\3\3\x41\1", 5), "a record is too long"},
    {raw("\x17\3\3\0\x10", 5), "a record is too short"},
  };
  for (const auto& [header, complaint] : cases) {
    auto to = end_with(1, true);
    BOOST_TEST(hear(to, to_bytes(header)).complaint == complaint);
  }
}

BOOST_AUTO_TEST_CASE(the_nonce_is_the_records_number) {
  // Beyond one byte, and each of its bytes.
  auto from = tls_traffic_key{suite(), tls_traffic_key::use::seal, secret(1),
                              0x0123'4567'89ab'cdef};
  auto to = tls_traffic_key{suite(), tls_traffic_key::use::open, secret(1),
                            0x0123'4567'89ab'cdef};
  bytes cipher;
  BOOST_REQUIRE(from.seal(tls_content::application_data, {}, cipher));
  std::byte plain[1];
  const auto all = std::span<const std::byte>{cipher};
  BOOST_TEST(to.open(all.first<net::tls_header_bytes>(),
                     all.subspan(net::tls_header_bytes), plain));
  BOOST_TEST(from.record_count() == 0x0123'4567'89ab'cdf0u);
}

BOOST_AUTO_TEST_SUITE_END()
