#include "protocol/md5.hpp"

#include <boost/test/unit_test.hpp>

#include "wire.hpp"

using namespace cenote;
using namespace cenote::protocol;

namespace {

constexpr md5_salt salt{std::byte{1}, std::byte{2}, std::byte{3}, std::byte{4}};
constexpr std::string_view stored = "md521f3163f8f86fa10bdefbfbd502a8f06";
constexpr std::string_view answer = "md5f21dfe33ff3a9e03dbc3e008251fe5cc";

} // namespace

BOOST_AUTO_TEST_SUITE(md5_test)

BOOST_AUTO_TEST_CASE(hash_and_answer_are_postgresqls) {
  const auto hash = md5_hash(secret{"secret"}, "bob");
  BOOST_REQUIRE(hash);
  BOOST_TEST((hash->reveal() == stored));
  BOOST_TEST(is_md5_hash(hash->reveal()));
  const auto got = md5_answer(*hash, salt);
  BOOST_REQUIRE(got);
  BOOST_TEST((got->reveal() == answer));
}

BOOST_AUTO_TEST_CASE(only_the_right_answer_is_right) {
  const auto hash = secret{std::string{stored}};
  BOOST_TEST(static_cast<bool>(md5_verify(answer, hash, salt)));
  for (std::size_t i = 0; i < answer.size(); ++i) {
    auto wrong = std::string{answer};
    wrong[i] = static_cast<char>(wrong[i] ^ 1);
    const auto got = md5_verify(wrong, hash, salt);
    BOOST_REQUIRE_MESSAGE(!got, i);
    BOOST_TEST(got.error().code == ec::wrong_password);
    BOOST_TEST(!md5_verify(answer.substr(0, i), hash, salt));
  }
  auto other_salt = salt;
  other_salt[3] = std::byte{5};
  BOOST_TEST(!md5_verify(answer, hash, other_salt));
  // The hash itself is no answer.
  BOOST_TEST(!md5_verify(stored, hash, salt));
}

BOOST_AUTO_TEST_CASE(what_is_no_hash_is_refused) {
  auto upper = std::string{stored};
  upper[3] = 'A';
  for (std::string_view text :
       {std::string_view{""}, std::string_view{"md5"}, stored.substr(0, 34),
        stored.substr(3), std::string_view{upper}}) {
    BOOST_TEST(!is_md5_hash(text), text);
    BOOST_TEST(!md5_answer(secret{std::string{text}}, salt));
  }
  BOOST_TEST(!is_md5_hash(std::string{stored} + "0"));
}

BOOST_AUTO_TEST_SUITE_END()
