// Clients that are greeted as the one before them.

#include <set>
#include <string>

#include <boost/test/unit_test.hpp>

#include "tests/proxy/shard_fixture.hpp"

using namespace cenote;
using namespace cenote::proxy;

namespace {

using greeting_ptr = std::shared_ptr<const greeting>;

greeting_ptr greeting_of(std::string version) {
  return std::make_shared<const greeting>(
    greeting{{{"client_encoding", "UTF8"},
              {"application_name", ""},
              {"server_version", std::move(version)}}});
}

client_profile_ptr profile_of(std::string name) {
  return std::make_shared<const client_profile>(
    client_profile{"app", "db", name, false, {{"application_name", name}}});
}

std::string status(std::string_view name, std::string_view value) {
  return message('S', std::string{name} + '\0' + std::string{value} + '\0');
}

std::string words_of(std::string_view name, std::string_view version) {
  return status("client_encoding", "UTF8") + status("application_name", name)
       + status("server_version", version);
}

struct fixture : shard_fixture {
  /// The greeting; the key is taken off its end.
  std::string adopt(far_end& end, const client_profile_ptr& profile,
                    const greeting_ptr& said) {
    auto from = client_adoption{};
    from.socket = end.near_end();
    from.seat = subscription{client_id{++last}, port, {}};
    from.profile = profile;
    from.greet = said;
    home->adopt(lane_id{1}, std::move(from));
    turn();
    auto all = std::string{end.hear()};
    const auto ready = message('Z', "I");
    BOOST_REQUIRE(all.ends_with(ready));
    all.resize(all.size() - ready.size());
    BOOST_REQUIRE(all.size() >= key_bytes);
    keys.insert(all.substr(all.size() - key_bytes));
    all.resize(all.size() - key_bytes);
    return all;
  }

  static constexpr std::size_t key_bytes = 13;
  std::uint64_t last = 0;
  std::set<std::string> keys;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(greetings, fixture)

BOOST_AUTO_TEST_CASE(who_says_the_same_is_told_the_same_but_for_the_key) {
  const auto said = greeting_of("15.4");
  const auto till = profile_of("till"), shop = profile_of("shop");
  far_end ends[6];
  const auto for_till = words_of("till", "15.4");
  BOOST_TEST(adopt(ends[0], till, said) == for_till);
  BOOST_TEST(adopt(ends[1], till, said) == for_till);
  BOOST_TEST(adopt(ends[2], profile_of("till"), said) == for_till);
  BOOST_TEST(adopt(ends[3], shop, said) == words_of("shop", "15.4"));
  BOOST_TEST(adopt(ends[4], till, said) == for_till);
  BOOST_TEST(adopt(ends[5], till, said) == for_till);
  BOOST_TEST(keys.size() == 6u);
}

BOOST_AUTO_TEST_CASE(another_greeting_of_the_pool_is_told_at_once) {
  const auto till = profile_of("till");
  far_end ends[4];
  const auto before = greeting_of("15.4"), after = greeting_of("15.5");
  BOOST_TEST(adopt(ends[0], till, before) == words_of("till", "15.4"));
  BOOST_TEST(adopt(ends[1], till, before) == words_of("till", "15.4"));
  BOOST_TEST(adopt(ends[2], till, after) == words_of("till", "15.5"));
  BOOST_TEST(adopt(ends[3], till, after) == words_of("till", "15.5"));
}

/// A server is brought to what its client said, whoever said it first.
BOOST_AUTO_TEST_CASE(who_is_greeted_like_another_gets_its_settings_too) {
  const auto said = greeting_of("15.4");
  const auto till = profile_of("till");
  far_end first, second, server;
  adopt(first, till, said);
  adopt(second, till, said);
  auto from = server_adoption{};
  from.socket = server.near_end();
  from.target = std::make_shared<const tenants::server_target>();
  from.said = *said;
  from.epoch = 1;
  home->adopt(lane_id{1}, std::move(from));
  turn();
  second.say(query("select 1"));
  turn();
  const auto heard = std::string{server.hear()};
  BOOST_TEST(heard.find("application_name") != std::string::npos);
  BOOST_TEST(heard.find("till") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
