#include <boost/test/unit_test.hpp>

#include "protocol/base64.hpp"
#include "protocol/scram.hpp"
#include "scram_vectors.hpp"
#include "wire.hpp"

using namespace cenote;
using namespace cenote::protocol;
using namespace cenote::protocol::test;

namespace {

scram_client make_client() {
  return scram_client{"rOprNGfwEbeRWgbNEkqO"};
}

ec challenge_error(std::string_view server_first) {
  auto uut = make_client();
  const auto got = uut.challenged(server_first);
  return got ? ec::none : got.error().code;
}

} // namespace

BOOST_AUTO_TEST_SUITE(scram_client_test)

BOOST_AUTO_TEST_CASE(the_client_proves_the_password_and_checks_the_server) {
  auto uut = make_client();
  BOOST_TEST(uut.start() == "n,,n=,r=rOprNGfwEbeRWgbNEkqO");
  const auto challenge = uut.challenged(rfc_server_first);
  BOOST_REQUIRE(challenge);
  BOOST_TEST(challenge->iterations == 4096u);
  BOOST_TEST(challenge->salt == pencil_salt());
  const auto keys
    = derive_keys(secret{"pencil"}, challenge->salt, challenge->iterations);
  BOOST_REQUIRE(keys);
  BOOST_TEST(uut.answer(*keys) == client_final_without_name);
  BOOST_TEST(static_cast<bool>(uut.verify(server_final_without_name)));
  for (std::size_t cut = 0; cut < server_final_without_name.size(); ++cut)
    BOOST_TEST(!uut.verify(server_final_without_name.substr(0, cut)), cut);
}

BOOST_AUTO_TEST_CASE(a_clients_keys_log_in_to_a_server_with_the_same_verifier) {
  const auto verifier = *scram_verifier::parse(pencil_verifier);
  auto theirs = make_client();
  auto ours = scram_server{verifier, "front"};
  const auto first = ours.start(theirs.start());
  BOOST_REQUIRE(first);
  const auto challenge = theirs.challenged(*first);
  BOOST_REQUIRE(challenge);
  const auto keys
    = derive_keys(secret{"pencil"}, challenge->salt, challenge->iterations);
  const auto last = ours.finish(theirs.answer(*keys));
  BOOST_REQUIRE(last);
  BOOST_TEST(static_cast<bool>(theirs.verify(*last)));

  auto back = scram_client{"poolers-nonce"};
  auto postgresql = scram_server{verifier, "back"};
  BOOST_REQUIRE(back.challenged(*postgresql.start(back.start())));
  const auto proof = postgresql.finish(back.answer(ours.keys()));
  BOOST_REQUIRE(proof);
  BOOST_TEST(static_cast<bool>(back.verify(*proof)));
}

BOOST_AUTO_TEST_CASE(a_server_that_does_not_know_the_verifier_is_refused) {
  auto uut = make_client();
  BOOST_REQUIRE(uut.challenged(rfc_server_first));
  const auto keys = derive_keys(secret{"pencil"}, pencil_salt(), 4096);
  (void) uut.answer(*keys);
  const struct {
    std::string message;
    ec expected;
  } table[] = {
    {"v=" + base64_encode(std::string(32, 'x')), ec::server_auth_failed},
    {"e=other-error", ec::server_auth_failed},
    {"e=", ec::server_auth_failed},
    {"v=" + base64_encode(std::string(31, 'x')), ec::server_protocol_violation},
    {"v=" + base64_encode(std::string(65'000, 'x')),
     ec::server_protocol_violation},
    {"", ec::server_protocol_violation},
    {"v=", ec::server_protocol_violation},
    {"x=abc", ec::server_protocol_violation},
    {std::string{server_final_without_name} + ",x=1",
     ec::server_protocol_violation},
  };
  for (const auto& row : table) {
    const auto got = uut.verify(row.message);
    BOOST_REQUIRE_MESSAGE(!got, row.message.substr(0, 40));
    BOOST_TEST(got.error().code == row.expected, row.message.substr(0, 40));
  }
}

BOOST_AUTO_TEST_CASE(a_server_cannot_finish_before_the_client_has_answered) {
  auto uut = make_client();
  BOOST_TEST(!uut.verify(server_final_without_name));
  BOOST_REQUIRE(uut.challenged(rfc_server_first));
  BOOST_TEST(!uut.verify(server_final_without_name));
  BOOST_TEST(!uut.challenged(rfc_server_first));
}

BOOST_AUTO_TEST_CASE(hostile_challenges_are_refused) {
  const auto nonce = std::string{"r=rOprNGfwEbeRWgbNEkqO"};
  const struct {
    std::string message;
    ec expected;
  } table[] = {
    {nonce + "x,s=AAAA,i=1", ec::none},
    {nonce + "x,s=AAAA,i=600000", ec::none},
    {nonce + "x,s=AAAA,i=600001", ec::server_scram_iterations},
    {nonce + "x,s=AAAA,i=2147483647", ec::server_scram_iterations},
    {nonce + "x,s=AAAA,i=4294967296", ec::server_scram_iterations},
    {nonce + "x,s=AAAA,i=99999999999999999999", ec::server_scram_iterations},
    {nonce + "x,s=AAAA,i=0", ec::server_protocol_violation},
    {nonce + "x,s=AAAA,i=-1", ec::server_protocol_violation},
    {nonce + "x,s=AAAA,i=+1", ec::server_protocol_violation},
    {nonce + "x,s=AAAA,i= 1", ec::server_protocol_violation},
    {nonce + "x,s=AAAA,i=1x", ec::server_protocol_violation},
    {nonce + "x,s=AAAA,i=", ec::server_protocol_violation},
    {nonce + "x,s=AAAA", ec::server_protocol_violation},
    {nonce + "x,s=AAAA,i=1,x=1", ec::server_protocol_violation},
    {nonce + "x,s=,i=1", ec::server_protocol_violation},
    {nonce + "x,s=A,i=1", ec::server_protocol_violation},
    {nonce + "x,s=!!!!,i=1", ec::server_protocol_violation},
    {nonce + "x,s=" + base64_encode(std::string(1024, 's')) + ",i=1", ec::none},
    {nonce + "x,s=" + base64_encode(std::string(1025, 's')) + ",i=1",
     ec::server_protocol_violation},
    {nonce + "x,s=" + std::string(65'536, 'A') + ",i=1",
     ec::server_protocol_violation},
    {nonce + std::string(1004, 'a') + ",s=AAAA,i=1", ec::none},
    {nonce + std::string(1005, 'a') + ",s=AAAA,i=1",
     ec::server_protocol_violation},
    {nonce + std::string(65'536, 'a') + ",s=AAAA,i=1",
     ec::server_protocol_violation},
    {nonce + ",s=AAAA,i=1", ec::server_protocol_violation}, // Adds nothing.
    {"r=somebody-elses,s=AAAA,i=1", ec::server_protocol_violation},
    {"m=x," + nonce + "x,s=AAAA,i=1", ec::server_protocol_violation},
    {"e=other-error", ec::server_protocol_violation},
    {"", ec::server_protocol_violation},
    {nonce + std::string{"x\0,s=AAAA,i=1", 13}, ec::server_protocol_violation},
  };
  for (const auto& row : table)
    BOOST_TEST(challenge_error(row.message) == row.expected,
               row.message.substr(0, 60));
}

BOOST_AUTO_TEST_CASE(every_cut_of_a_challenge_ends_without_work) {
  // Cut within the count, it is a smaller count.
  const auto count = rfc_server_first.find(",i=") + 3;
  for (std::size_t cut = 0; cut <= count; ++cut)
    BOOST_TEST(challenge_error(rfc_server_first.substr(0, cut))
                 == ec::server_protocol_violation,
               "cut at " << cut);
}

BOOST_AUTO_TEST_SUITE_END()
