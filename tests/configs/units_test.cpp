#include <arpa/inet.h>

#include <limits>

#include <boost/test/unit_test.hpp>

#include "configs/units.hpp"

using namespace cenote;
using namespace cenote::configs;
using std::chrono::milliseconds;

BOOST_AUTO_TEST_SUITE(units)

BOOST_AUTO_TEST_CASE(durations_need_a_count_and_a_unit) {
  struct row {
    const char* text;
    std::int64_t ms; // -1 = refused
  };
  for (auto [text, ms] : std::initializer_list<row>{
         {"0s", 0},
         {"500ms", 500},
         {"30s", 30'000},
         {"5m", 300'000},
         {"1h", 3'600'000},
         {"1d", 86'400'000},
         {"365d", 31'536'000'000},
         {"31536000000ms", 31'536'000'000},
         {"31536000001ms", -1},
         {"366d", -1},
         {"18446744073709551615s", -1},
         {"18446744073709551616s", -1},
         {"213503982335d", -1}, // 2^64 milliseconds and a little
         {"", -1},
         {"s", -1},
         {"30", -1},
         {"30 s", -1},
         {" 30s", -1},
         {"30s ", -1},
         {"-30s", -1},
         {"+30s", -1},
         {"1.5s", -1},
         {"1h30m", -1},
         {"30S", -1},
         {"30sec", -1},
       }) {
    auto got = parse_duration(text);
    BOOST_TEST((got ? got->count() : -1) == ms, text);
    if (!got)
      BOOST_TEST((got.error().code == ec::config_bad_value), text);
  }
}

BOOST_AUTO_TEST_CASE(whole_seconds_are_bounded) {
  BOOST_TEST(duration_from_seconds(0)->count() == 0);
  BOOST_TEST(duration_from_seconds(31'536'000)->count() == 31'536'000'000);
  BOOST_TEST(!duration_from_seconds(31'536'001));
  BOOST_TEST(!duration_from_seconds(-1));
  BOOST_TEST(!duration_from_seconds(std::numeric_limits<std::int64_t>::max()));
  BOOST_TEST(!duration_from_seconds(std::numeric_limits<std::int64_t>::min()));
}

BOOST_AUTO_TEST_CASE(sizes_need_a_count_and_a_unit) {
  struct row {
    const char* text;
    std::int64_t bytes; // -1 = refused
  };
  for (auto [text, bytes] : std::initializer_list<row>{
         {"0B", 0},
         {"512B", 512},
         {"64KiB", 65'536},
         {"64kB", 64'000},
         {"64KB", 64'000},
         {"1MB", 1'000'000},
         {"1MiB", 1'048'576},
         {"2GB", 2'000'000'000},
         {"2GiB", 2'147'483'648},
         {"9223372036854775807B", 9'223'372'036'854'775'807},
         {"9223372036854775808B", -1},
         {"9223372036854775807GiB", -1},
         {"64", -1},
         {"64K", -1},
         {"64 KiB", -1},
         {"-1B", -1},
         {"1.5MiB", -1},
         {"", -1},
       }) {
    auto got = parse_size(text);
    BOOST_TEST((got ? static_cast<std::int64_t>(*got) : -1) == bytes, text);
  }
}

BOOST_AUTO_TEST_CASE(an_address_is_a_host_and_a_port) {
  struct row {
    const char* text;
    const char* host; // "" = refused
    int port;
  };
  for (auto [text, host, port] : std::initializer_list<row>{
         {"127.0.0.1:4000", "127.0.0.1", 4000},
         {"localhost:1", "localhost", 1},
         {"[::1]:65535", "::1", 65535},
         {"::1:4000", "", 0},
         {"[]:1", "", 0},
         {":1", "", 0},
         {"h:", "", 0},
         {"h:0", "", 0},
         {"h:65536", "", 0},
         {"h:1x", "", 0},
         {"h: 1", "", 0},
         {"h", "", 0},
         {"", "", 0},
       }) {
    auto got = parse_host_port(text);
    BOOST_TEST((got ? got->host : "") == host, text);
    BOOST_TEST((got ? got->port : 0) == port, text);
  }
}

BOOST_AUTO_TEST_CASE(an_ip_address_is_what_the_c_library_takes) {
  for (auto text : {"127.0.0.1",
                    "0.0.0.0",
                    "255.255.255.255",
                    "256.0.0.1",
                    "1.2.3",
                    "1.2.3.4.5",
                    "1.2.3.",
                    ".1.2.3",
                    "1..2.3",
                    "01.2.3.4",
                    "0.0.0.00",
                    "1.2.3.4 ",
                    "+1.2.3.4",
                    "a.b.c.d",
                    "::",
                    "::1",
                    "1::",
                    "fe80::1",
                    "1:2:3:4:5:6:7:8",
                    "1:2:3:4:5:6:7",
                    "1:2:3:4:5:6:7:8:9",
                    "1:2:3:4:5:6:7::",
                    "1:2:3:4::5:6:7:8",
                    "::2:3:4:5:6:7:8",
                    "::1:2:3:4:5:6:7:8",
                    "1::2::3",
                    ":::",
                    ":1",
                    "1:",
                    ":",
                    "",
                    "12345::",
                    "g::",
                    "::ffff:1.2.3.4",
                    "1:2:3:4:5:6:1.2.3.4",
                    "1:2:3:4:5:6:7:1.2.3.4",
                    "1.2.3.4::",
                    "::1.2.3.4:5",
                    "::1.2.3",
                    "fe80::1%lo",
                    "[::1]",
                    "localhost",
                    "*"}) {
    auto scratch = in6_addr{};
    auto known = inet_pton(AF_INET, text, &scratch) == 1
              || inet_pton(AF_INET6, text, &scratch) == 1;
    BOOST_TEST(is_ip_address(text) == known, text);
  }
}

BOOST_AUTO_TEST_CASE(the_edit_distance_counts_typing_errors) {
  struct row {
    const char* a;
    const char* b;
    std::size_t distance;
  };
  for (auto [a, b, distance] : std::initializer_list<row>{
         {"", "", 0},
         {"", "abc", 3},
         {"pool_size", "pool_size", 0},
         {"pool_sise", "pool_size", 1},
         {"pool_size", "pol_size", 1},
         {"pool_szie", "pool_size", 1}, // neighbours swapped
         {"poolsize", "pool_size", 1},
         {"kitten", "sitting", 3},
       }) {
    BOOST_TEST(edit_distance(a, b) == distance, a << ' ' << b);
    BOOST_TEST(edit_distance(b, a) == distance, b << ' ' << a);
  }
}

BOOST_AUTO_TEST_CASE(an_address_is_the_same_however_it_is_written) {
  using pairs = std::initializer_list<std::pair<const char*, const char*>>;
  for (auto [a, b] : pairs{{"::1", "0:0:0:0:0:0:0:1"},
                           {"::", "0::0"},
                           {"2001:DB8::a", "2001:0db8:0:0::000A"},
                           {"1::", "1:0:0:0:0:0:0:0"},
                           {"::ffff:1.2.3.4", "::ffff:102:304"}})
    BOOST_TEST((parse_ip_address(a) == parse_ip_address(b)), a);
  BOOST_TEST((parse_ip_address("0.0.0.1") != parse_ip_address("::1")));
  BOOST_TEST((parse_ip_address("1.2.3.4") != parse_ip_address("1.2.3.5")));
  BOOST_TEST(parse_ip_address("0.0.0.0")->is_any());
  BOOST_TEST(parse_ip_address("::0")->is_any());
  BOOST_TEST(!parse_ip_address("::1")->is_any());
}

BOOST_AUTO_TEST_SUITE_END()
