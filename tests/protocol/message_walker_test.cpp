#include "protocol/message_walker.hpp"

#include <boost/test/unit_test.hpp>

#include <string>

#include "base/limits.hpp"
#include "protocol/body_prefix.hpp"
#include "protocol/reader.hpp"
#include "wire.hpp"

using namespace cenote;
using namespace cenote::protocol;
using namespace cenote::protocol::test;

namespace {

using outcome = message_walker::outcome;

/// What came out of a walker.
struct walk {
  std::string seen; ///< Tag and body size of each complete message.
  bytes out;
  ec error = ec::none;
};

/// Feeds `parts` and checks what must hold of pieces however they are cut.
walk walk_through(message_walker& uut,
                  const std::vector<std::span<const std::byte>>& parts) {
  walk got;
  std::size_t message_bytes = 0;
  bool open = false;
  for (auto part : parts) {
    for (;;) {
      piece next;
      const auto before = part.size();
      const auto what = uut.next(part, next);
      if (what == outcome::failed) {
        got.error = uut.error();
        return got;
      }
      if (what == outcome::need_data) {
        BOOST_TEST(part.empty());
        break;
      }
      BOOST_TEST(!next.bytes.empty());
      BOOST_TEST(part.size() <= before);
      BOOST_TEST(next.starts() == !open);
      if (next.starts()) {
        BOOST_REQUIRE(next.bytes.size() >= header_bytes);
        BOOST_TEST(static_cast<char>(next.bytes[0]) == next.tag);
        message_bytes = 0;
      }
      message_bytes += next.bytes.size();
      open = !next.ends();
      BOOST_TEST(next.ends()
                 == (message_bytes == header_bytes + next.body_bytes));
      if (next.ends())
        got.seen += next.tag + std::to_string(next.body_bytes) + ' ';
      append(got.out, next.bytes);
    }
  }
  return got;
}

/// A pipeline: Parse, Bind, Execute, Sync; then a Query; then Terminate.
const auto pipeline = wire("50 00000010 00 'select 1' 00 0000"
                           "42 0000000c 00 00 0000 0000 0000"
                           "45 00000009 00 00000000"
                           "53 00000004"
                           "51 0000000d 'select 2' 00"
                           "58 00000004");

constexpr std::string_view pipeline_seen = "P12 B8 E5 S0 Q9 X0 ";

} // namespace

BOOST_AUTO_TEST_SUITE(message_walker_test)

BOOST_AUTO_TEST_CASE(every_cut_gives_the_same_messages_and_the_same_bytes) {
  for_every_cut(pipeline, [](const auto& parts) {
    auto uut = message_walker{limits::message_bytes_max};
    const auto got = walk_through(uut, parts);
    BOOST_TEST(got.seen == pipeline_seen, "cut at " << parts[0].size());
    BOOST_TEST((got.out == pipeline), "cut at " << parts[0].size());
    BOOST_TEST(uut.at_boundary());
  });
}

BOOST_AUTO_TEST_CASE(every_pair_of_cuts_gives_the_same_bytes) {
  const auto all = std::span{pipeline};
  for (std::size_t a = 0; a <= all.size(); ++a) {
    for (std::size_t b = a; b <= all.size(); ++b) {
      auto uut = message_walker{limits::message_bytes_max};
      const auto got = walk_through(
        uut, {all.first(a), all.subspan(a, b - a), all.subspan(b)});
      BOOST_TEST((got.seen == pipeline_seen && got.out == pipeline),
                 "cut at " << a << " and " << b);
    }
  }
}

BOOST_AUTO_TEST_CASE(only_complete_messages_are_a_boundary) {
  std::size_t boundaries = 0;
  for (std::size_t cut = 0; cut <= pipeline.size(); ++cut) {
    auto uut = message_walker{limits::message_bytes_max};
    (void) walk_through(uut, {std::span{pipeline}.first(cut)});
    boundaries += uut.at_boundary();
  }
  BOOST_TEST(boundaries == 7u); // Before each of six messages, and at the end.
}

BOOST_AUTO_TEST_CASE(pieces_point_into_the_input_unless_the_header_was_cut) {
  auto uut = message_walker{limits::message_bytes_max};
  auto in = std::span<const std::byte>{pipeline};
  piece next;
  BOOST_REQUIRE(uut.next(in, next) == outcome::piece);
  BOOST_TEST(next.bytes.data() == pipeline.data());
  BOOST_TEST((next.which == part::whole));
}

BOOST_AUTO_TEST_CASE(a_header_without_body_bytes_is_a_first_piece) {
  auto uut = message_walker{limits::message_bytes_max};
  auto in = std::span<const std::byte>{pipeline}.first(5);
  piece next;
  BOOST_REQUIRE(uut.next(in, next) == outcome::piece);
  BOOST_TEST((next.which == part::first));
  BOOST_TEST(next.bytes.size() == 5u);
  BOOST_TEST((uut.next(in, next) == outcome::need_data));
  BOOST_TEST(!uut.at_boundary());
}

BOOST_AUTO_TEST_CASE(each_length_word_is_judged_before_the_body_arrives) {
  const struct {
    std::string_view word;
    std::uint64_t max;
    ec expected;
  } table[] = {
    {"00000000", limits::message_bytes_max, ec::protocol_violation},
    {"00000003", limits::message_bytes_max, ec::protocol_violation},
    {"00000004", limits::message_bytes_max, ec::none},
    {"00000004", 0, ec::none},
    {"00000005", 0, ec::message_too_large},
    {"00000007", 3, ec::none},
    {"00000008", 3, ec::message_too_large},
    {"40000002", limits::message_bytes_max, ec::none},
    {"40000003", limits::message_bytes_max, ec::none},
    {"40000004", limits::message_bytes_max, ec::message_too_large},
    {"7fffffff", limits::message_bytes_max, ec::message_too_large},
    {"7fffffff", UINT64_MAX, ec::none},
    {"80000000", UINT64_MAX, ec::message_too_large},
    {"80000004", UINT64_MAX, ec::message_too_large},
    {"ffffffff", limits::message_bytes_max, ec::message_too_large},
    {"ffffffff", UINT64_MAX, ec::message_too_large},
    {"fffffffb", UINT64_MAX, ec::message_too_large},
  };
  for (const auto& row : table) {
    auto header = wire("51");
    append(header, wire(row.word));
    for_every_cut(header, [&](const auto& parts) {
      auto uut = message_walker{row.max};
      BOOST_TEST(walk_through(uut, parts).error == row.expected, row.word);
    });
  }
}

BOOST_AUTO_TEST_CASE(a_failed_walker_takes_nothing_more) {
  for (std::size_t cut : {0u, 3u, 5u}) {
    const auto bad = wire("51 00000002 'more'");
    auto uut = message_walker{limits::message_bytes_max};
    (void) walk_through(
      uut, {std::span{bad}.first(cut), std::span{bad}.subspan(cut)});
    auto in = std::span<const std::byte>{pipeline};
    piece next;
    BOOST_TEST((uut.next(in, next) == outcome::failed));
    BOOST_TEST(in.size() == pipeline.size());
    BOOST_TEST(uut.error() == ec::protocol_violation);
    BOOST_TEST(!uut.at_boundary());
  }
}

BOOST_AUTO_TEST_CASE(a_body_prefix_is_the_same_at_every_cut) {
  // CommandComplete, then one with a shorter body, then none at all.
  const auto input = wire("43 0000000d 'SELECT 1' 00"
                          "43 00000006 'A' 00"
                          "49 00000004");
  for_every_cut(input, [](const auto& parts) {
    auto uut = body_prefix<6>{};
    auto walker = message_walker{limits::message_bytes_max};
    std::string seen;
    for (auto part : parts) {
      piece next;
      while (walker.next(part, next) == outcome::piece) {
        uut.take(next);
        if (!next.ends())
          continue;
        BOOST_TEST(uut.is_full());
        seen
          += std::string{as_text(uut.bytes())} + (uut.is_whole() ? "!" : "|");
      }
    }
    BOOST_TEST(seen == (std::string{"SELECT|A\0!!", 11}));
  });
}

BOOST_AUTO_TEST_SUITE_END()
