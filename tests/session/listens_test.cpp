#include "session/listens.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "base/limits.hpp"
#include "protocol/writer.hpp"

using namespace cenote;
using namespace cenote::session;

namespace {

using names = std::vector<std::string>;
using step = client_listens::step;
using verdict = client_listens::verdict;

left_behind listening_to(names channels, std::string_view marker = {}) {
  left_behind out;
  if (!channels.empty())
    out.kinds = trace::listens;
  out.channels = std::move(channels);
  out.settings.emplace_back("work_mem", "1024");
  if (!marker.empty())
    out.settings.emplace_back(home_setting, marker);
  return out;
}

names learned(client_listens& uut, names channels,
              std::string_view marker = {}) {
  auto found = listening_to(std::move(channels), marker);
  auto gone = uut.learned(found, "fence");
  BOOST_TEST(found.settings.size() == 1u);
  return gone;
}

client_listens::message message(std::string_view channel,
                                std::string_view payload, char tag = 'A') {
  std::vector<std::byte> out;
  protocol::writer to{out};
  to.begin(tag);
  to.int32(1);
  to.string(channel);
  to.string(payload);
  to.end();
  return std::make_shared<const std::vector<std::byte>>(std::move(out));
}

/// Its channels are on the listening server.
client_listens settled(names channels) {
  client_listens out{7};
  learned(out, std::move(channels));
  out.gave_server();
  return out;
}

} // namespace

BOOST_AUTO_TEST_CASE(a_notification_is_read) {
  const auto bytes = message("news", "said");
  const auto body = std::span{*bytes}.subspan(5);
  const auto what = read_notification(body);
  BOOST_REQUIRE(what.has_value());
  BOOST_TEST(what->channel == "news");
  BOOST_TEST(what->payload == "said");
  for (std::size_t size = 0; size < body.size(); ++size)
    BOOST_TEST(!read_notification(body.first(size)).has_value());
}

BOOST_AUTO_TEST_CASE(names_are_quoted) {
  BOOST_TEST(quoted_name("a\"b") == "\"a\"\"b\"");
  BOOST_TEST(quoted_name("") == "\"\"");
}

BOOST_AUTO_TEST_CASE(the_first_listener_gives_its_server) {
  client_listens uut{7};
  BOOST_TEST(learned(uut, {"a", "b"}).empty());
  BOOST_TEST(uut.has_own());
  BOOST_TEST((uut.pending() == names{"a", "b"}));
  BOOST_TEST((uut.hear_own({"a", "1"}, "f") == verdict::forward));
  BOOST_TEST(!uut.is_shared("a"));
  uut.gave_server();
  BOOST_TEST(!uut.has_own());
  BOOST_TEST(uut.is_shared("a"));
  BOOST_TEST(uut.is_shared("b"));
  BOOST_TEST(!uut.is_empty());
}

BOOST_AUTO_TEST_CASE(a_channel_is_heard_once_whichever_fence_is_first) {
  for (bool own_first : {false, true}) {
    auto uut = settled({"old"});
    learned(uut, {"new"});
    uut.go_to(step::joining);
    uut.go_to(step::fencing);
    BOOST_TEST((uut.hear_own({"new", ""}, "f") == verdict::forward));
    BOOST_TEST((uut.hear_own({"old", ""}, "f") == verdict::drop));
    // Another client's fence; a payload that looks like one.
    BOOST_TEST((uut.hear_own({"f", "8.1"}, "f") == verdict::drop));
    BOOST_TEST(
      (uut.hear_own({"new", uut.fence_payload()}, "f") == verdict::forward));
    BOOST_TEST(
      (uut.hear_own({"f", uut.fence_payload()}, "f") == verdict::fence));
    if (own_first) {
      uut.fenced_own();
      BOOST_TEST((uut.hear_own({"new", ""}, "f") == verdict::drop));
      BOOST_TEST(!uut.is_shared("new"));
      BOOST_TEST(!uut.is_fenced());
      uut.fenced_shared();
    } else {
      uut.fenced_shared();
      BOOST_TEST((uut.hear_own({"new", ""}, "f") == verdict::forward));
      BOOST_TEST(uut.is_shared("new"));
      BOOST_TEST(!uut.is_fenced());
      uut.fenced_own();
    }
    BOOST_TEST(uut.is_fenced());
    BOOST_TEST((uut.hear_own({"new", ""}, "f") == verdict::drop));
    BOOST_TEST(uut.is_shared("new"));
    uut.start_again(); // Too late: all is moved.
    BOOST_TEST(uut.is_fenced());
    uut.go_to(step::clearing);
    const auto fence = uut.fence_payload();
    uut.left_own();
    BOOST_TEST((uut.shared() == names{"old", "new"}));
    BOOST_TEST(uut.fence_payload() != fence);
  }
}

BOOST_AUTO_TEST_CASE(a_lost_listening_server_begins_it_anew) {
  auto uut = settled({"old"});
  learned(uut, {"new"});
  uut.go_to(step::fencing);
  uut.fenced_shared();
  BOOST_TEST(uut.keep(message("new", "1")));
  BOOST_TEST(uut.keep(message("old", "2")));
  const auto fence = uut.fence_payload();
  uut.start_again();
  BOOST_TEST(uut.fence_payload() != fence); // It may come yet.
  BOOST_TEST((uut.hear_own({"f", fence}, "f") == verdict::drop));
  BOOST_TEST((uut.at() == step::none));
  BOOST_TEST((uut.hear_own({"new", "1"}, "f") == verdict::forward));
  // The own server says the other one, whoever listens next.
  uut.gave_server();
  BOOST_TEST((*uut.next() == *message("old", "2")));
  BOOST_TEST(uut.next() == nullptr);
  BOOST_TEST((uut.shared() == names{"old", "new"}));
}

BOOST_AUTO_TEST_CASE(a_change_that_fails_again_and_again_is_given_up) {
  for (bool is_clearing : {false, true}) {
    auto uut = settled({"old"});
    learned(uut, {"new"});
    uut.go_to(step::fencing);
    uut.fenced_own();
    if (is_clearing) {
      uut.fenced_shared();
      uut.go_to(step::clearing);
    }
    BOOST_TEST(!uut.fails_for_good());
    BOOST_TEST(!uut.fails_for_good());
    BOOST_TEST(uut.fails_for_good());
    uut.give_up();
    BOOST_TEST((uut.at() == step::none));
    BOOST_TEST(uut.has_own());
    BOOST_TEST(uut.is_shared("new") == is_clearing);
    const auto heard = uut.hear_own({"new", ""}, "f");
    BOOST_TEST((heard == (is_clearing ? verdict::drop : verdict::forward)));
    // What it listens to next, it hears.
    learned(uut, {"new", "newer"});
    BOOST_TEST((uut.hear_own({"newer", ""}, "f") == verdict::forward));
  }
}

BOOST_AUTO_TEST_CASE(only_what_came_home_can_be_unlistened_to) {
  auto uut = settled({"a", "b"});
  // Rolled back: neither its LISTENs nor its marker are there.
  BOOST_TEST(learned(uut, {}).empty());
  BOOST_TEST(learned(uut, {}, "7.0").empty());
  BOOST_TEST(uut.is_shared("a"));
  const auto marker = uut.fence_payload();
  BOOST_TEST(uut.come_home().find("listen \"a\"; listen \"b\"; ")
             != std::string::npos);
  BOOST_TEST((learned(uut, {"b", "c"}, marker) == names{"a"}));
  BOOST_TEST((uut.shared() == names{"b"}));
  BOOST_TEST((uut.pending() == names{"c"}));
  BOOST_TEST(uut.has_own());
  BOOST_TEST((learned(uut, {}, marker) == names{"b", "c"}));
  BOOST_TEST(uut.is_empty());
}

BOOST_AUTO_TEST_CASE(discard_all_ends_every_listen) {
  auto uut = settled({"a", "b"});
  uut.discarded();
  BOOST_TEST((learned(uut, {}) == names{"a", "b"}));
  BOOST_TEST(uut.is_empty());
}

BOOST_AUTO_TEST_CASE(a_fence_is_no_channel_but_must_go) {
  auto uut = settled({"a"});
  BOOST_TEST(learned(uut, {"fence"}).empty());
  BOOST_TEST(uut.pending().empty());
  BOOST_TEST(uut.has_own());
}

BOOST_AUTO_TEST_CASE(what_waits_is_told_in_order_if_it_is_still_wanted) {
  auto uut = settled({"a", "b"});
  BOOST_TEST(uut.keep(message("a", "1")));
  BOOST_TEST(uut.keep(message("b", "2")));
  BOOST_TEST(uut.keep(message("", "", 'N')));
  BOOST_TEST(uut.keep(message("a", "3")));
  learned(uut, {"b"}, uut.fence_payload());
  BOOST_TEST((*uut.next() == *message("b", "2")));
  BOOST_TEST((*uut.next() == *message("", "", 'N')));
  BOOST_TEST(uut.next() == nullptr);
}

BOOST_AUTO_TEST_CASE(what_was_said_before_an_unlisten_stays_forgotten) {
  auto uut = settled({"a", "b"});
  BOOST_TEST(uut.keep(message("a", "1")));
  BOOST_TEST(uut.keep(message("b", "2")));
  learned(uut, {"b"}, uut.fence_payload());
  uut.left_own();
  learned(uut, {"a"});
  uut.gave_server();
  BOOST_TEST(uut.is_shared("a"));
  BOOST_TEST((*uut.next() == *message("b", "2")));
  BOOST_TEST(uut.next() == nullptr);
}

BOOST_AUTO_TEST_CASE(not_more_than_the_limit_waits) {
  auto uut = settled({"a"});
  const auto one = message("a", std::string(1000, 'x'));
  std::size_t bytes = 0;
  while (bytes + one->size() <= limits::client_notification_bytes_max) {
    BOOST_TEST(uut.keep(one));
    bytes += one->size();
  }
  BOOST_TEST(!uut.keep(one));
}
