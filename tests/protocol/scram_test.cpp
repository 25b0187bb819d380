#include <boost/test/unit_test.hpp>

#include "protocol/base64.hpp"
#include "protocol/scram.hpp"
#include "scram_vectors.hpp"
#include "wire.hpp"

using namespace cenote;
using namespace cenote::protocol;
using namespace cenote::protocol::test;

namespace {

constexpr std::string_view server_nonce = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";

scram_server make_server(bool plus_offered = false) {
  return {*scram_verifier::parse(pencil_verifier), std::string{server_nonce},
          plus_offered};
}

ec error_of(const result<std::string>& got) {
  return got ? ec::none : got.error().code;
}

/// What our server says to a client that begins with `header` and `bare` and
/// ends with `binding` and a right proof.
ec exchange(std::string_view header, std::string_view binding,
            bool plus_offered = false,
            std::string_view bare = "n=,r=rOprNGfwEbeRWgbNEkqO",
            std::string_view extension = "") {
  auto uut = make_server(plus_offered);
  const auto first = uut.start(std::string{header} + std::string{bare});
  if (!first)
    return first.error().code;
  const auto nonce = first->substr(0, first->find(','));
  const auto without_proof
    = "c=" + std::string{binding} + ',' + nonce + std::string{extension};
  return error_of(uut.finish(prove(bare, *first, without_proof)));
}

} // namespace

BOOST_AUTO_TEST_SUITE(scram_test)

BOOST_AUTO_TEST_CASE(the_exchange_of_rfc_7677_succeeds) {
  auto uut = make_server();
  const auto first = uut.start("n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
  BOOST_REQUIRE(first);
  BOOST_TEST(*first == rfc_server_first);
  const auto last = uut.finish(rfc_client_final);
  BOOST_REQUIRE(last);
  BOOST_TEST(*last == rfc_server_final);
  // What logs in to a server is what the password would have given.
  const auto keys = derive_keys(secret{"pencil"}, pencil_salt(), 4096);
  BOOST_REQUIRE(keys);
  BOOST_TEST((uut.keys().client_key == keys->client_key));
  BOOST_TEST((uut.keys().server_key == keys->server_key));
}

BOOST_AUTO_TEST_CASE(a_wrong_proof_is_a_wrong_password) {
  for (std::size_t i = 0; i < 32; ++i) {
    auto uut = make_server();
    BOOST_REQUIRE(uut.start("n,,n=user,r=rOprNGfwEbeRWgbNEkqO"));
    auto message = std::string{rfc_client_final};
    const auto at = message.find(",p=") + 3;
    auto proof = *base64_decode(message.substr(at));
    proof[i] = static_cast<char>(proof[i] ^ 1);
    message.replace(at, std::string::npos, base64_encode(proof));
    BOOST_TEST(error_of(uut.finish(message)) == ec::wrong_password);
  }
}

BOOST_AUTO_TEST_CASE(channel_binding_flags_are_those_of_rfc_5802) {
  const struct {
    std::string_view header;
    std::string_view binding;
    bool plus_offered;
    ec expected;
  } table[] = {
    {"n,,", "biws", false, ec::none},
    {"y,,", "eSws", false, ec::none},
    {"n,,", "biws", true, ec::none},
    {"y,,", "eSws", true, ec::auth_protocol_violation}, // A downgrade.
    {"p=tls-server-end-point,,", "biws", false, ec::auth_protocol_violation},
    {"p=tls-server-end-point,,", "biws", true, ec::auth_protocol_violation},
    {"n,,", "eSws", false, ec::auth_protocol_violation},
    {"y,,", "biws", false, ec::auth_protocol_violation},
    {"n,,", "", false, ec::auth_protocol_violation},
    {"n,,", "cD10bHMtdW5pcXVlLCw=", false, ec::auth_protocol_violation},
    {"x,,", "biws", false, ec::auth_protocol_violation},
    {"n,a=admin,", "biws", false, ec::auth_protocol_violation},
    {"n,x,", "biws", false, ec::auth_protocol_violation},
    {"n", "biws", false, ec::auth_protocol_violation},
    {"n,", "biws", false, ec::auth_protocol_violation},
    {"", "biws", false, ec::auth_protocol_violation},
  };
  for (const auto& row : table)
    BOOST_TEST(exchange(row.header, row.binding, row.plus_offered)
                 == row.expected,
               row.header << " " << row.binding);
}

BOOST_AUTO_TEST_CASE(the_client_first_message_has_a_form) {
  const struct {
    std::string bare;
    ec expected;
  } table[] = {
    {"n=anybody,r=abc", ec::none}, // The name is ignored.
    {"n=,r=abc,x=extension", ec::none},
    {"n=,r=abc,x=", ec::none},
    {"n=,r=abc,", ec::none}, // PostgreSQL takes it, too.
    {"n=,r=" + std::string(scram_nonce_bytes_max, 'a'), ec::none},
    {"n=,r=" + std::string(scram_nonce_bytes_max + 1, 'a'),
     ec::auth_protocol_violation},
    {"n=,r=" + std::string(65'536, 'a'), ec::auth_protocol_violation},
    {"n=" + std::string(65'536, 'a') + ",r=abc", ec::auth_protocol_violation},
    {"", ec::auth_protocol_violation},
    {"n", ec::auth_protocol_violation},
    {"n=", ec::auth_protocol_violation},
    {"n=,", ec::auth_protocol_violation},
    {"n=,r", ec::auth_protocol_violation},
    {"n=,r=", ec::auth_protocol_violation},
    {"n=,r=a\x7f", ec::auth_protocol_violation},
    {"n=,r=a b", ec::auth_protocol_violation},
    {"n=,r=\xc3\xa4", ec::auth_protocol_violation},
    {std::string{"n=,r=a\0b", 8}, ec::auth_protocol_violation},
    {"r=abc", ec::auth_protocol_violation},
    {"m=must,n=,r=abc", ec::auth_protocol_violation},
    {"n=,r=abc,garbage", ec::auth_protocol_violation},
    {"n=,r=abc,1=x", ec::auth_protocol_violation},
  };
  for (const auto& row : table)
    BOOST_TEST(exchange("n,,", "biws", false, row.bare) == row.expected,
               row.bare.substr(0, 40));
}

BOOST_AUTO_TEST_CASE(extensions_in_the_final_message_are_ignored) {
  constexpr std::string_view bare = "n=,r=abc";
  BOOST_TEST(exchange("n,,", "biws", false, bare, ",x=1,y=2") == ec::none);
  BOOST_TEST(exchange("n,,", "biws", false, bare, ",x")
             == ec::auth_protocol_violation);
}

BOOST_AUTO_TEST_CASE(every_cut_of_the_final_message_is_a_violation) {
  for (std::size_t cut = 0; cut < rfc_client_final.size(); ++cut) {
    auto uut = make_server();
    BOOST_REQUIRE(uut.start("n,,n=user,r=rOprNGfwEbeRWgbNEkqO"));
    BOOST_TEST(error_of(uut.finish(rfc_client_final.substr(0, cut)))
                 == ec::auth_protocol_violation,
               "cut at " << cut);
  }
}

BOOST_AUTO_TEST_CASE(malformed_final_messages_are_violations) {
  const auto nonce = "r=rOprNGfwEbeRWgbNEkqO" + std::string{server_nonce};
  const auto proof = ",p=" + base64_encode(std::string(32, 'p'));
  const std::string table[] = {
    "c=biws," + nonce + proof + ",",    // Garbage behind the proof,
    "c=biws," + nonce + proof + ",x=1", // whatever it looks like.
    "c=biws," + nonce + ",p=" + base64_encode(std::string(31, 'p')),
    "c=biws," + nonce + ",p=" + base64_encode(std::string(33, 'p')),
    "c=biws," + nonce + ",p=",
    "c=biws," + nonce + ",p=!!!!",
    "c=biws,r=" + proof,
    "c=biws," + nonce + "x" + proof,
    "c=biws,r=" + std::string(65'000, 'a') + proof,
    nonce + ",c=biws" + proof,
    std::string{"c=biws,"} + nonce + proof + '\0',
    "c=biws," + nonce + ",x=" + std::string(70'000, 'a') + proof,
  };
  for (const auto& message : table) {
    auto uut = make_server();
    BOOST_REQUIRE(uut.start("n,,n=user,r=rOprNGfwEbeRWgbNEkqO"));
    if (message.ends_with(proof + ",")) // A comma alone ends no attribute.
      BOOST_TEST(error_of(uut.finish(message)) != ec::none);
    else
      BOOST_TEST(error_of(uut.finish(message)) == ec::auth_protocol_violation,
                 message.substr(0, 60));
  }
}

BOOST_AUTO_TEST_CASE(messages_out_of_turn_are_violations) {
  auto early = make_server();
  BOOST_TEST(error_of(early.finish(rfc_client_final))
             == ec::auth_protocol_violation);
  auto twice = make_server();
  BOOST_REQUIRE(twice.start("n,,n=user,r=rOprNGfwEbeRWgbNEkqO"));
  BOOST_TEST(error_of(twice.start("n,,n=user,r=rOprNGfwEbeRWgbNEkqO"))
             == ec::auth_protocol_violation);
  BOOST_TEST(error_of(twice.finish(rfc_client_final))
             == ec::auth_protocol_violation);
  auto again = make_server();
  BOOST_REQUIRE(again.start("n,,n=user,r=rOprNGfwEbeRWgbNEkqO"));
  BOOST_REQUIRE(again.finish(rfc_client_final));
  BOOST_TEST(error_of(again.finish(rfc_client_final))
             == ec::auth_protocol_violation);
}

BOOST_AUTO_TEST_CASE(a_verifier_is_read_and_written) {
  const auto got = scram_verifier::parse(pencil_verifier);
  BOOST_REQUIRE(got);
  BOOST_TEST(got->iterations == 4096u);
  BOOST_TEST(got->salt == pencil_salt());
  BOOST_TEST((got->format().reveal() == pencil_verifier));
  const auto keys = derive_keys(secret{"pencil"}, pencil_salt(), 4096);
  BOOST_REQUIRE(keys);
  const auto made = scram_verifier::from_keys(*keys, pencil_salt(), 4096);
  BOOST_TEST((made.format().reveal() == pencil_verifier));
}

BOOST_AUTO_TEST_CASE(what_is_no_verifier_is_refused) {
  auto with = [](std::string_view from, std::string_view to) {
    auto text = std::string{pencil_verifier};
    return text.replace(text.find(from), from.size(), to);
  };
  const std::string table[] = {
    "",
    "pencil",
    "md5c621abdd96a7b3a2b1f2a4e8c3f0c9d4",
    with("SCRAM-SHA-256", "SCRAM-SHA-1"),
    with("4096", "0"),
    with("4096", ""),
    with("4096", "-1"),
    with("4096", "4096x"),
    with("4096", "2147483648"),
    with("4096", "99999999999"),
    with("W22ZaJ0SNY7soEsUEjb6gQ==", ""),
    with("W22ZaJ0SNY7soEsUEjb6gQ==", "W22Z!"),
    with("W22ZaJ0SNY7soEsUEjb6gQ==", base64_encode(std::string(1025, 's'))),
    with(":W22Z", "$W22Z"),
    with("==$", "=="), // A separator is missing, later ones are there.
    with("256$", "256"),
    with("96:", "96"),
    with("qY=:", "qY="),
    std::string{pencil_verifier} + "AAAA",
    std::string{pencil_verifier} + " ",
  };
  for (const auto& text : table) {
    const auto got = scram_verifier::parse(text);
    BOOST_REQUIRE_MESSAGE(!got, text);
    BOOST_TEST(got.error().code == ec::config_bad_value);
  }
  for (std::size_t cut = 0; cut < pencil_verifier.size(); ++cut)
    BOOST_TEST(!scram_verifier::parse(pencil_verifier.substr(0, cut)), cut);
}

BOOST_AUTO_TEST_CASE(a_mock_looks_real_and_is_never_right) {
  const auto one = mock_verifier(secret{"process"}, "nobody");
  const auto same = mock_verifier(secret{"process"}, "nobody");
  const auto other = mock_verifier(secret{"process"}, "nemo");
  const auto restarted = mock_verifier(secret{"another"}, "nobody");
  BOOST_TEST((one.format() == same.format()));
  BOOST_TEST(one.salt.size() == 16u);
  BOOST_TEST(one.iterations == scram_iterations_default);
  BOOST_TEST(one.salt != other.salt);
  BOOST_TEST(one.salt != restarted.salt);
  // Even a proof that fits, by a miracle.
  auto miracle = *scram_verifier::parse(pencil_verifier);
  miracle.mock = true;
  auto uut = scram_server{miracle, std::string{server_nonce}};
  BOOST_TEST(*uut.start("n,,n=user,r=rOprNGfwEbeRWgbNEkqO")
             == rfc_server_first);
  BOOST_TEST(error_of(uut.finish(rfc_client_final)) == ec::wrong_password);
  BOOST_TEST(!*password_matches(secret{"pencil"}, miracle));
}

BOOST_AUTO_TEST_CASE(a_plain_password_is_checked_against_a_verifier) {
  const auto verifier = *scram_verifier::parse(pencil_verifier);
  BOOST_TEST(*password_matches(secret{"pencil"}, verifier));
  BOOST_TEST(!*password_matches(secret{"pencil2"}, verifier));
  BOOST_TEST(!*password_matches(secret{""}, verifier));
}

BOOST_AUTO_TEST_CASE(derivation_is_bounded_before_any_work) {
  BOOST_TEST(static_cast<bool>(derive_keys(secret{"x"}, "salt", 1u)));
  const auto many
    = derive_keys(secret{"x"}, "salt", limits::scram_iterations_max + 1);
  BOOST_REQUIRE(!many);
  BOOST_TEST(many.error().code == ec::server_scram_iterations);
  const auto most = derive_keys(secret{"x"}, "salt", UINT32_MAX);
  BOOST_REQUIRE(!most);
  BOOST_TEST(!derive_keys(secret{"x"}, "salt", 0));
  BOOST_TEST(
    static_cast<bool>(derive_keys(secret{"x"}, std::string(1024, 's'), 1)));
  BOOST_TEST(!derive_keys(secret{"x"}, std::string(1025, 's'), 1));
  BOOST_TEST(static_cast<bool>(
    derive_keys(secret{std::string(100'000, 'p')}, "salt", 1)));
}

BOOST_AUTO_TEST_SUITE_END()
