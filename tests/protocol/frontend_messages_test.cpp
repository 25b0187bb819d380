#include "protocol/frontend_messages.hpp"

#include <boost/test/unit_test.hpp>

#include "protocol/reader.hpp"
#include "protocol/tags.hpp"
#include "wire.hpp"

using namespace cenote;
using namespace cenote::protocol;
using namespace cenote::protocol::test;

namespace {

/// Decoding `message` and encoding it again is the identity, and no shorter
/// body is one.
template <class Message>
Message round_trip(const bytes& message, bool every_cut_fails = true) {
  BOOST_TEST(static_cast<char>(message[0]) == Message::tag);
  const auto got = Message::decode(body_of(message));
  BOOST_REQUIRE(got);
  BOOST_TEST((encoded(*got) == message));
  const auto body = body_of(message);
  for (std::size_t cut = 0; every_cut_fails && cut < body.size(); ++cut) {
    const auto none = Message::decode(body.first(cut));
    BOOST_REQUIRE_MESSAGE(!none, "cut at " << cut);
    BOOST_TEST(none.error().code == ec::protocol_violation);
  }
  return *got;
}

template <class Message>
bool is_refused(std::string_view body) {
  const auto in = wire(body);
  const auto got = Message::decode(in);
  return !got && got.error().code == ec::protocol_violation;
}

} // namespace

BOOST_AUTO_TEST_SUITE(frontend_messages_test)

BOOST_AUTO_TEST_CASE(a_query_has_a_text) {
  const auto in = wire("51 0000000d 'select 1' 00");
  BOOST_TEST(round_trip<query_message>(in).text == "select 1");
  BOOST_TEST(is_refused<query_message>("'a' 00 00"));
}

BOOST_AUTO_TEST_CASE(a_parse_has_names_and_types) {
  const auto in = wire("50 0000001b 's1' 00 'select $1' 00"
                       "0002 00000017 00000019");
  const auto got = round_trip<parse_message>(in);
  BOOST_TEST(got.statement == "s1");
  BOOST_TEST(got.text == "select $1");
  BOOST_TEST(got.types.size() == 8u);
}

BOOST_AUTO_TEST_CASE(a_parse_cannot_promise_more_types_than_it_has) {
  BOOST_TEST(is_refused<parse_message>("00 00 7fff 00000017"));
  BOOST_TEST(is_refused<parse_message>("00 00 0000 00000017"));
  BOOST_TEST(is_refused<parse_message>("00 00 ffff 00000017"));
}

BOOST_AUTO_TEST_CASE(a_bind_gives_its_names_and_keeps_the_rest) {
  const auto in = wire("42 00000018 'p' 00 's' 00"
                       "0001 0000"          // Formats.
                       "0001 00000002 'ab'" // Values.
                       "0001 0001");        // Result formats.
  // A bind cut behind its names is PostgreSQL's to refuse.
  const auto got = round_trip<bind_message>(in, false);
  BOOST_TEST(got.portal == "p");
  BOOST_TEST(got.statement == "s");
  BOOST_TEST(got.values.size() == 16u);
  BOOST_TEST(is_refused<bind_message>("'p' 00 's'"));
  BOOST_TEST(is_refused<bind_message>(""));
}

BOOST_AUTO_TEST_CASE(describe_and_close_are_about_a_statement_or_a_portal) {
  const auto in = wire("44 00000008 'S' 's1' 00");
  BOOST_TEST((round_trip<describe_message>(in).what == target::statement));
  const auto other = wire("43 00000008 'P' 'p1' 00");
  const auto got = round_trip<close_message>(other);
  BOOST_TEST((got.what == target::portal));
  BOOST_TEST(got.name == "p1");
  BOOST_TEST(is_refused<close_message>("'X' 00"));
  BOOST_TEST(is_refused<describe_message>("00 00"));
}

BOOST_AUTO_TEST_CASE(an_execute_has_a_row_limit) {
  const auto in = wire("45 0000000b 'p1' 00 00000064");
  const auto got = round_trip<execute_message>(in);
  BOOST_TEST(got.portal == "p1");
  BOOST_TEST(got.row_count_max == 100);
}

BOOST_AUTO_TEST_CASE(messages_without_a_body_have_none) {
  round_trip<sync_message>(wire("53 00000004"));
  round_trip<flush_message>(wire("48 00000004"));
  round_trip<terminate_message>(wire("58 00000004"));
  round_trip<copy_done_message>(wire("63 00000004"));
  BOOST_TEST(is_refused<sync_message>("00"));
}

BOOST_AUTO_TEST_CASE(a_copy_fail_has_a_reason) {
  const auto in = wire("66 00000009 'stop' 00");
  BOOST_TEST(round_trip<copy_fail_message>(in).reason == "stop");
}

BOOST_AUTO_TEST_CASE(a_password_is_all_of_its_message) {
  const auto in = wire("70 0000000b 'secret' 00");
  BOOST_TEST(round_trip<password_message>(in).password == "secret");
  BOOST_TEST(round_trip<password_message>(wire("70 00000005 00")).password
             == "");
  BOOST_TEST(is_refused<password_message>("'a' 00 'b' 00"));
}

BOOST_AUTO_TEST_CASE(a_sasl_initial_response_may_have_no_data) {
  const auto in = wire("70 00000019 'SCRAM-SHA-256' 00 00000003 'n,,'");
  const auto got = round_trip<sasl_initial_response>(in);
  BOOST_TEST(got.mechanism == "SCRAM-SHA-256");
  BOOST_REQUIRE(got.data);
  BOOST_TEST(*got.data == "n,,");
  BOOST_TEST(
    !round_trip<sasl_initial_response>(wire("70 0000000a 'A' 00 ffffffff"))
       .data);
  BOOST_TEST(
    *round_trip<sasl_initial_response>(wire("70 0000000a 'A' 00 00000000")).data
    == "");
}

BOOST_AUTO_TEST_CASE(a_sasl_length_must_be_what_is_left) {
  for (std::string_view size : {"00000000", "00000002", "00000004", "7fffffff",
                                "80000000", "fffffffe", "ffffffff"}) {
    const auto body = "'SCRAM-SHA-256' 00" + std::string{size} + "'n,,'";
    BOOST_TEST(is_refused<sasl_initial_response>(body), size);
  }
}

BOOST_AUTO_TEST_CASE(a_sasl_response_is_nothing_but_data) {
  round_trip<sasl_response>(wire("70 00000007 'c=b'"), false);
  round_trip<sasl_response>(wire("70 00000004"));
}

BOOST_AUTO_TEST_CASE(each_byte_has_one_meaning_as_a_tag) {
  std::size_t frontend = 0;
  std::size_t backend = 0;
  for (int c = 0; c < 256; ++c) {
    frontend += frontend_tag_of(static_cast<char>(c)) != frontend_tag::other;
    backend += backend_tag_of(static_cast<char>(c)) != backend_tag::other;
  }
  BOOST_TEST(frontend == static_cast<std::size_t>(frontend_tag::other));
  BOOST_TEST(backend == static_cast<std::size_t>(backend_tag::other));
  BOOST_TEST((frontend_tag_of('Q') == frontend_tag::query));
  BOOST_TEST((backend_tag_of('Z') == backend_tag::ready_for_query));
}

BOOST_AUTO_TEST_CASE(postgresql_says_how_long_each_message_may_be) {
  for (char tag : {'B', 'F', 'P', 'Q', 'd'})
    BOOST_TEST(body_bytes_max(frontend_tag_of(tag)) == 0x3fff'fffeu - 4, tag);
  for (char tag : {'C', 'D', 'E', 'H', 'S', 'X', 'c', 'f'})
    BOOST_TEST(body_bytes_max(frontend_tag_of(tag)) == 10'000u - 4, tag);
}

BOOST_AUTO_TEST_SUITE_END()
