#include <cstring>

#include <netinet/in.h>
#include <sys/socket.h>

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

BOOST_AUTO_TEST_CASE(what_the_system_says_is_understood) {
  auto at = sockaddr_storage{};
  auto four = sockaddr_in{};
  four.sin_family = AF_INET;
  four.sin_port = htons(6'543);
  four.sin_addr.s_addr = htonl(0x7f000001);
  std::memcpy(&at, &four, sizeof(four));
  const auto v4 = packed_address{at, sizeof(four)};
  BOOST_TEST(v4.host() == "127.0.0.1");
  BOOST_TEST(v4.port() == 6'543u);
  auto six = sockaddr_in6{};
  six.sin6_family = AF_INET6;
  six.sin6_port = htons(6'544);
  six.sin6_addr = in6addr_loopback;
  std::memcpy(&at, &six, sizeof(six));
  const auto v6 = packed_address{at, sizeof(six)};
  BOOST_TEST(v6.host() == "::1");
  BOOST_TEST(v6.port() == 6'544u);
  // A client of a unix socket has no name, and accept says how long it is.
  at.ss_family = AF_UNIX;
  BOOST_TEST((packed_address{at, sizeof(sa_family_t)}.is_unix()));
  at.ss_family = AF_INET;
  BOOST_TEST((packed_address{at, 0}.is_unix()));
}

BOOST_AUTO_TEST_SUITE_END()
