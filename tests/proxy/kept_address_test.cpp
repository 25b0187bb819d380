#include "proxy/kept_address.hpp"

#include <boost/test/unit_test.hpp>

namespace cenote::proxy {

BOOST_AUTO_TEST_SUITE(kept_address_suite)

BOOST_AUTO_TEST_CASE(it_says_what_it_was_made_from) {
  session::value_store texts;
  for (const auto* host : {"127.0.0.1", "0.0.0.0", "255.254.253.252", "::1",
                           "2001:db8::1", "::ffff:1.2.3.4"}) {
    auto uut = kept_address{net::packed_address{host, 65'535}, texts};
    const auto name = uut.name(texts);
    BOOST_TEST(name.address == host);
    BOOST_TEST(name.port == 65'535);
    uut.release(texts);
  }
  auto local = kept_address{net::packed_address{"", 6432}, texts};
  BOOST_TEST(local.name(texts).address == "unix");
  BOOST_TEST(local.name(texts).port == 6432);
  BOOST_TEST(texts.size() == 0u);
}

BOOST_AUTO_TEST_CASE(connections_from_one_host_share_its_text) {
  session::value_store texts;
  const auto host = net::packed_address{"fe80::1%1", 1};
  auto one = kept_address{host, texts};
  auto two = kept_address{host, texts};
  auto third = kept_address{net::packed_address{"10.0.0.1", 1}, texts};
  BOOST_TEST(texts.size() == 1u);
  one.release(texts);
  one.release(texts); // Once.
  BOOST_TEST(two.name(texts).address == host.host());
  two.release(texts);
  third.release(texts);
  BOOST_TEST(texts.size() == 0u);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace cenote::proxy
