#include "protocol/backend_messages.hpp"

#include <boost/test/unit_test.hpp>

#include "protocol/reader.hpp"
#include "wire.hpp"

using namespace cenote;
using namespace cenote::protocol;
using namespace cenote::protocol::test;

namespace {

/// As its namesake for clients' messages.
template <class Message>
Message round_trip(const bytes& message) {
  BOOST_TEST(static_cast<char>(message[0]) == Message::tag);
  const auto got = Message::decode(body_of(message));
  BOOST_REQUIRE(got);
  BOOST_TEST((encoded(*got) == message));
  const auto body = body_of(message);
  for (std::size_t cut = 0; cut < body.size(); ++cut) {
    const auto none = Message::decode(body.first(cut));
    BOOST_REQUIRE_MESSAGE(!none, "cut at " << cut);
    BOOST_TEST(none.error().code == ec::server_protocol_violation);
  }
  return *got;
}

template <class Message>
bool is_refused(std::string_view body) {
  const auto in = wire(body);
  const auto got = Message::decode(in);
  return !got && got.error().code == ec::server_protocol_violation;
}

bool is_refused_authentication(std::string_view body) {
  const auto in = wire(body);
  const auto got = decode_authentication(in);
  return !got && got.error().code == ec::server_protocol_violation;
}

} // namespace

BOOST_AUTO_TEST_SUITE(backend_messages_test)

BOOST_AUTO_TEST_CASE(every_authentication_request_is_known_by_its_code) {
  const struct {
    std::string_view in;
    std::size_t alternative;
  } table[] = {
    {"52 00000008 00000000", 0},
    {"52 00000008 00000003", 1},
    {"52 0000000c 00000005 01020304", 2},
    {"52 00000017 0000000a 'SCRAM-SHA-256' 00 00", 3},
    {"52 0000002a 0000000a 'SCRAM-SHA-256-PLUS' 00 'SCRAM-SHA-256' 00 00", 3},
    {"52 0000000b 0000000b 'r=x'", 4},
    {"52 0000000b 0000000c 'v=x'", 5},
  };
  for (const auto& row : table) {
    const auto in = wire(row.in);
    const auto got = decode_authentication(body_of(in));
    BOOST_REQUIRE_MESSAGE(got, row.in);
    BOOST_TEST(got->index() == row.alternative, row.in);
    bytes out;
    auto to = writer{out};
    std::visit(
      [&](const auto& x) {
        if constexpr (requires { x.encode(to); })
          x.encode(to);
      },
      *got);
    BOOST_TEST((out == in), row.in);
  }
}

BOOST_AUTO_TEST_CASE(mechanisms_and_salts_are_read) {
  const auto in = wire("0000000a 'A' 00 'B-PLUS' 00 00");
  const auto got = decode_authentication(in);
  BOOST_REQUIRE(got);
  const auto& sasl = std::get<authentication_sasl>(*got);
  BOOST_TEST((sasl.mechanisms == std::vector<std::string_view>{"A", "B-PLUS"}));
  const auto md5 = wire("00000005 01020304");
  const auto salt = std::get<authentication_md5>(*decode_authentication(md5));
  BOOST_TEST(
    (salt.salt
     == md5_salt{std::byte{1}, std::byte{2}, std::byte{3}, std::byte{4}}));
}

BOOST_AUTO_TEST_CASE(other_authentication_requests_are_no_violation) {
  for (std::string_view body : {"00000002", "00000006", "00000007",
                                "00000008 'data'", "00000009", "ffffffff"}) {
    const auto in = wire(body);
    const auto got = decode_authentication(in);
    BOOST_REQUIRE_MESSAGE(got, body);
    BOOST_TEST(std::holds_alternative<authentication_other>(*got));
  }
}

BOOST_AUTO_TEST_CASE(malformed_authentication_requests_are_refused) {
  for (std::string_view body :
       {"", "000000", "00000000 00", "00000003 00", "00000005 010203",
        "00000005 0102030405", "0000000a", "0000000a 'A'", "0000000a 'A' 00",
        "0000000a 'A' 00 00 00"})
    BOOST_TEST(is_refused_authentication(body), body);
}

BOOST_AUTO_TEST_CASE(backend_keys_have_4_to_256_bytes) {
  for (std::size_t size : {0u, 3u, 4u, 32u, 256u, 257u}) {
    bytes key;
    key.resize(size, std::byte{7});
    const auto in = encoded(backend_key_data{-2, key});
    const auto got = backend_key_data::decode(body_of(in));
    BOOST_TEST(static_cast<bool>(got) == (size >= 4 && size <= 256), size);
    if (got) {
      BOOST_TEST(got->pid == -2);
      BOOST_TEST(got->key.size() == size);
      BOOST_TEST((encoded(*got) == in));
    }
  }
  round_trip<backend_key_data>(wire("4b 0000000c 00000001 01020304"));
}

BOOST_AUTO_TEST_CASE(small_messages_are_read_and_written) {
  const auto status = wire("53 0000000d 'TimeZone'"
                           "00"); // The value is missing.
  BOOST_TEST(!parameter_status::decode(body_of(status)));
  const auto whole = wire("53 00000011 'TimeZone' 00 'UTC' 00");
  const auto got = round_trip<parameter_status>(whole);
  BOOST_TEST(got.name == "TimeZone");
  BOOST_TEST(got.value == "UTC");
  const auto done = wire("43 0000000d 'SELECT 1' 00");
  BOOST_TEST(round_trip<command_complete>(done).command == "SELECT 1");
  round_trip<empty_query_response>(wire("49 00000004"));
  BOOST_TEST(is_refused<empty_query_response>("00"));
}

BOOST_AUTO_TEST_CASE(ready_for_query_has_three_states) {
  for (std::string_view in :
       {"5a 00000005 'I'", "5a 00000005 'T'", "5a 00000005 'E'"})
    round_trip<ready_for_query>(wire(in));
  BOOST_TEST(is_refused<ready_for_query>("'X'"));
  BOOST_TEST(is_refused<ready_for_query>("00"));
  BOOST_TEST(is_refused<ready_for_query>("'I' 'I'"));
}

BOOST_AUTO_TEST_CASE(a_negotiation_names_what_is_unknown) {
  const auto in = wire("76 00000015 00030002 00000002 '_pq_.a' 00 'b' 00");
  const auto got = round_trip<negotiate_protocol_version>(in);
  BOOST_TEST((got.newest == protocol_version{3, 2}));
  BOOST_TEST(got.unknown_options.size() == 2u);
  BOOST_TEST(got.unknown_options[0] == "_pq_.a");
  BOOST_TEST(is_refused<negotiate_protocol_version>("00030000 ffffffff"));
  BOOST_TEST(
    is_refused<negotiate_protocol_version>("00030000 7fffffff 'a' 00"));
}

BOOST_AUTO_TEST_CASE(an_error_has_all_of_postgresqls_fields) {
  const auto body
    = wire("'S' 'FEHLER' 00 'V' 'ERROR' 00 'C' '42P01' 00"
           "'M' 'no such table' 00 'D' 'detail' 00 'H' 'hint' 00"
           "'P' '15' 00 'p' '16' 00 'q' 'select' 00 'W' 'where' 00"
           "'s' 'public' 00 't' 'tab' 00 'c' 'col' 00"
           "'d' 'type' 00 'n' 'con' 00 'F' 'parse.c' 00"
           "'L' '1392' 00 'R' 'routine' 00"
           "'?' 'unknown' 00"
           "00");
  bytes in;
  auto to = writer{in};
  to.begin('E');
  to.byte_n(body);
  to.end();
  const auto got = round_trip<error_response>(in);
  BOOST_TEST(got.severity == "FEHLER");
  BOOST_TEST(got.severity_plain == "ERROR");
  BOOST_TEST(got.code == "42P01");
  BOOST_TEST(got.message == "no such table");
  BOOST_TEST(got.routine == "routine");
  BOOST_TEST(got.constraint == "con");
  BOOST_REQUIRE(got.others.size() == 1u);
  BOOST_TEST(got.others[0].first == '?');
  in[0] = std::byte{'N'};
  BOOST_TEST(round_trip<notice_response>(in).hint == "hint");
}

BOOST_AUTO_TEST_CASE(a_malformed_error_is_refused) {
  for (std::string_view body :
       {"", "00", "'S' 'ERROR' 00 'M' 'no code' 00 00", "'C' 00 00",
        "'C' '42P01' 00", "'C' '42P01'", "'C'", "'C' '42P01' 00 00 00",
        "'C' '42P01' 00 'M'"})
    BOOST_TEST(is_refused<error_response>(body), body);
}

BOOST_AUTO_TEST_CASE(every_failure_has_an_error_message) {
  for (int i = 0; i < 256; ++i) {
    const auto code = static_cast<ec>(i);
    const auto in = error_message(code, " <extra>", "hint");
    const auto got = error_response::decode(body_of(in));
    BOOST_REQUIRE_MESSAGE(got, i);
    BOOST_TEST(got->code.size() == 5u);
    BOOST_TEST(got->severity == got->severity_plain);
    BOOST_TEST(got->message
               == std::string{describe(code).message} + " <extra>");
    BOOST_TEST(got->hint == "hint");
  }
}

BOOST_AUTO_TEST_CASE(an_error_message_is_postgresqls_to_the_byte) {
  BOOST_TEST((error_message(ec::wrong_password, " for user \"bob\"")
              == wire("45 00000049 'SFATAL' 00 'VFATAL' 00 'C28P01' 00"
                      "'Mpassword authentication failed for user \"bob\"' 00"
                      "00")));
}

BOOST_AUTO_TEST_SUITE_END()
