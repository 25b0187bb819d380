#include <boost/test/unit_test.hpp>

#include "net/packed_address.hpp"

using cenote::net::packed_address;

BOOST_AUTO_TEST_SUITE(packed_address_suite)

BOOST_AUTO_TEST_CASE(what_goes_in_comes_out) {
  for (const std::string host :
       {"127.0.0.1", "0.0.0.0", "255.255.255.255", "::1",
        "::", "2001:db8::ff00:42:8329", "::ffff:10.1.2.3", "fe80::1%7"}) {
    const auto uut = packed_address{host, 65'535};
    BOOST_TEST(uut.host() == host);
    BOOST_TEST(uut.port() == 65'535u);
    BOOST_TEST(!uut.is_unix());
  }
}

BOOST_AUTO_TEST_CASE(what_is_no_address_is_a_unix_socket) {
  BOOST_TEST(packed_address{}.is_unix());
  for (const std::string host : {"", "unix", "127.0.0", "localhost", "::1::"}) {
    const auto uut = packed_address{host, 5'432};
    BOOST_TEST(uut.is_unix());
    BOOST_TEST(uut.host().empty());
    BOOST_TEST(uut.port() == 5'432u);
  }
}

BOOST_AUTO_TEST_SUITE_END()
