#include "protocol/startup.hpp"

#include <boost/test/unit_test.hpp>

#include "wire.hpp"

using namespace cenote;
using namespace cenote::protocol;
using namespace cenote::protocol::test;

namespace {

using outcome = startup_reader::outcome;

struct reading {
  outcome what = outcome::need_data;
  startup_packet packet;
  std::size_t behind = 0; ///< Bytes that were left to the caller.
  ec error = ec::none;
};

/// Feeds `parts` until a packet is there.
reading read(startup_reader& uut,
             const std::vector<std::span<const std::byte>>& parts) {
  reading got;
  for (auto part : parts) {
    if (got.what == outcome::need_data)
      got.what = uut.take(part);
    got.behind += part.size();
  }
  if (got.what == outcome::packet)
    got.packet = uut.packet();
  got.error = uut.error();
  return got;
}

reading read(const bytes& whole) {
  startup_reader uut;
  return read(uut, {whole});
}

/// A packet around `body`.
bytes packet(const bytes& body) {
  bytes out;
  auto to = writer{out};
  to.begin_untyped();
  to.byte_n(body);
  to.end();
  return out;
}

bytes packet(std::string_view body) {
  return packet(wire(body));
}

const auto ssl = wire("00000008 04d2162f");
const auto gssenc = wire("00000008 04d21630");
const auto cancel = wire("00000010 04d2162e 00001234 89abcdef");
const auto startup = wire("00000028 00030000"
                          "'user' 00 'app.acme' 00"
                          "'database' 00 'shop' 00"
                          "'x' 00 00"
                          "00");

} // namespace

BOOST_AUTO_TEST_SUITE(startup_test)

BOOST_AUTO_TEST_CASE(every_packet_is_read_at_every_cut_and_encoded_again) {
  cancel_request key{0x1234, wire("89abcdef")};
  startup_message hello;
  hello.parameters = {{"user", "app.acme"}, {"database", "shop"}, {"x", ""}};
  const struct {
    bytes in;
    startup_packet expected;
  } table[] = {
    {ssl, ssl_request{}},
    {gssenc, gssenc_request{}},
    {cancel, key},
    {startup, hello},
  };
  for (const auto& row : table) {
    for_every_cut(row.in, [&](const auto& parts) {
      startup_reader uut;
      const auto got = read(uut, parts);
      BOOST_REQUIRE((got.what == outcome::packet));
      BOOST_TEST((got.packet == row.expected));
      BOOST_TEST(got.behind == 0u);
      BOOST_TEST(uut.at_boundary());
      std::visit([&](const auto& x) { BOOST_TEST((encoded(x) == row.in)); },
                 got.packet);
    });
    for (std::size_t cut = 0; cut < row.in.size(); ++cut) {
      startup_reader uut;
      const auto got = read(uut, {std::span{row.in}.first(cut)});
      BOOST_TEST((got.what == outcome::need_data), "cut at " << cut);
      BOOST_TEST(uut.at_boundary() == (cut == 0));
    }
  }
}

BOOST_AUTO_TEST_CASE(bytes_behind_a_packet_stay_with_the_caller) {
  auto in = ssl;
  append(in, startup);
  for_every_cut(in, [&](const auto& parts) {
    startup_reader uut;
    const auto got = read(uut, parts);
    BOOST_REQUIRE((got.what == outcome::packet));
    BOOST_TEST(std::holds_alternative<ssl_request>(got.packet));
    BOOST_TEST(got.behind == startup.size());
  });
}

BOOST_AUTO_TEST_CASE(a_reader_takes_one_packet_after_the_other) {
  startup_reader uut;
  BOOST_TEST((read(uut, {gssenc}).packet == startup_packet{gssenc_request{}}));
  BOOST_TEST((read(uut, {ssl}).packet == startup_packet{ssl_request{}}));
  BOOST_TEST((read(uut, {startup}).what == outcome::packet));
}

BOOST_AUTO_TEST_CASE(lengths_are_judged_before_the_body_arrives) {
  const struct {
    std::string_view word;
    ec expected;
  } table[] = {
    {"00000000", ec::startup_malformed},
    {"00000003", ec::startup_malformed},
    {"00000004", ec::startup_malformed},
    {"00000007", ec::startup_malformed},
    {"00000008", ec::none},
    {"00002713", ec::none}, // 10,003
    {"00002714", ec::none}, // A body of 10,000
    {"00002715", ec::startup_too_large},
    {"7fffffff", ec::startup_too_large},
    {"80000000", ec::startup_too_large},
    {"ffffffff", ec::startup_too_large},
  };
  for (const auto& row : table) {
    for_every_cut(wire(row.word), [&](const auto& parts) {
      startup_reader uut;
      BOOST_TEST(read(uut, parts).error == row.expected, row.word);
    });
  }
}

BOOST_AUTO_TEST_CASE(a_packet_of_exactly_the_limit_is_read) {
  for (std::size_t size : {9'999u, 10'000u}) {
    auto body = wire("00030000 'user' 00");
    body.resize(size - 2, std::byte{'a'});
    append(body, wire("00 00"));
    const auto got = read(packet(body));
    BOOST_REQUIRE((got.what == outcome::packet));
    BOOST_TEST(std::get<startup_message>(got.packet).find("user").size()
               == size - 11);
  }
}

BOOST_AUTO_TEST_CASE(a_failed_reader_takes_nothing_more) {
  startup_reader uut;
  (void) read(uut, {wire("00000000")});
  const auto got = read(uut, {startup});
  BOOST_TEST((got.what == outcome::failed));
  BOOST_TEST(got.behind == startup.size());
}

BOOST_AUTO_TEST_CASE(the_layout_of_the_startup_message_is_postgresqls) {
  const struct {
    std::string_view body;
    ec expected;
  } table[] = {
    {"00030000 00", ec::none}, // No user: the login's business.
    {"00030000", ec::startup_malformed},
    {"00030000 'user' 00 'a' 00", ec::startup_malformed}, // No terminator.
    {"00030000 'user' 00 'a'", ec::startup_malformed},
    {"00030000 'user' 00 00", ec::startup_malformed}, // A value is missing.
    {"00030000 'user' 00 00 00", ec::none},           // An empty value.
    {"00030000 'user' 00", ec::startup_malformed},
    {"00030000 'user'", ec::startup_malformed},
    {"00030000 00 00", ec::startup_malformed}, // Bytes behind the terminator.
    {"00030000 'user' 00 'a' 00 00 'b'", ec::startup_malformed},
    {"00030000 00 'user' 00 'a' 00 00", ec::startup_malformed},
    {"00030002 00", ec::none},
    {"0003ffff 00", ec::none},
    {"00020000 00", ec::unsupported_protocol},
    {"00040000 00", ec::unsupported_protocol},
    {"04d2162d 00", ec::unsupported_protocol}, // Next to CancelRequest.
    {"00000000 00", ec::unsupported_protocol},
    {"ffffffff 00", ec::unsupported_protocol},
  };
  for (const auto& row : table) {
    for_every_cut(packet(row.body), [&](const auto& parts) {
      startup_reader uut;
      BOOST_TEST(read(uut, parts).error == row.expected, row.body);
    });
  }
}

BOOST_AUTO_TEST_CASE(of_duplicates_the_last_wins) {
  const auto got = read(packet("00030000 'user' 00 'a' 00 'x' 00 '1' 00"
                               "'user' 00 'b' 00 00"));
  const auto& hello = std::get<startup_message>(got.packet);
  BOOST_TEST(hello.find("user") == "b");
  BOOST_TEST(hello.parameters.size() == 3u);
  BOOST_TEST(hello.find("database") == "");
}

BOOST_AUTO_TEST_CASE(cancel_keys_have_4_to_256_bytes) {
  for (std::size_t size : {0u, 3u, 4u, 5u, 255u, 256u, 257u}) {
    auto body = wire("04d2162e 00000007");
    body.resize(body.size() + size, std::byte{0xa5});
    const auto in = packet(body);
    const auto got = read(in);
    if (size < 4 || size > 256) {
      BOOST_TEST(got.error == ec::startup_malformed, size);
      continue;
    }
    const auto& key = std::get<cancel_request>(got.packet);
    BOOST_TEST(key.pid == 7);
    BOOST_TEST(key.key.size() == size);
    BOOST_TEST((encoded(key) == in));
  }
}

BOOST_AUTO_TEST_CASE(a_newer_minor_version_or_an_extension_is_negotiated) {
  const struct {
    std::string_view body;
    bool needed_for_3_0;
    bool needed_for_3_2;
    std::size_t options;
  } table[] = {
    {"00030000 00", false, false, 0},
    {"00030002 00", true, false, 0},
    {"00030003 00", true, true, 0},
    {"00030000 '_pq_.a' 00 '1' 00 '_pq_.b' 00 00 00", true, true, 2},
    {"00030000 '_pq_' 00 '1' 00 00", false, false, 0},
  };
  for (const auto& row : table) {
    const auto got = read(packet(row.body));
    const auto& hello = std::get<startup_message>(got.packet);
    BOOST_TEST(hello.needs_negotiation(0) == row.needed_for_3_0, row.body);
    BOOST_TEST(hello.needs_negotiation() == row.needed_for_3_2, row.body);
    BOOST_TEST(hello.common_version().minor <= minor_version_max, row.body);
    BOOST_TEST(hello.protocol_options().size() == row.options, row.body);
  }
}

BOOST_AUTO_TEST_SUITE_END()
