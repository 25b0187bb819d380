// However the input is cut, the same messages and the same bytes come out.
#include <cstdlib>
#include <string>
#include <vector>

#include "fuzz.hpp"
#include "protocol/body_prefix.hpp"
#include "protocol/message_walker.hpp"
#include "protocol/reader.hpp"

using namespace cenote;
using namespace cenote::protocol;
using cenote::fuzz::check;

namespace {

constexpr std::uint64_t message_bytes_max = 4096;

struct walk {
  std::string seen; ///< Tag, size and prefix of each complete message.
  std::vector<std::byte> out;
  ec error = ec::none;
  bool at_boundary = true;
};

/// Cuts `input` every `step(n)` bytes.
template <class Step>
walk walk_through(std::span<const std::byte> input, Step step) {
  auto uut = message_walker{message_bytes_max};
  auto prefix = body_prefix<8>{};
  walk got;
  std::size_t message_bytes = 0;
  bool open = false;
  for (std::size_t n = 0; !input.empty(); ++n) {
    auto part = input.first(std::min(input.size(), step(n)));
    input = input.subspan(part.size());
    piece next;
    auto what = uut.next(part, next);
    for (; what == message_walker::outcome::piece;
         what = uut.next(part, next)) {
      check(!next.bytes.empty());
      check(next.starts() == !open);
      if (next.starts())
        message_bytes = 0;
      open = !next.ends();
      message_bytes += next.bytes.size();
      check(next.body_bytes <= message_bytes_max);
      check(next.ends() == (message_bytes == header_bytes + next.body_bytes));
      prefix.take(next);
      got.out.insert(got.out.end(), next.bytes.begin(), next.bytes.end());
      if (!next.ends())
        continue;
      check(prefix.is_full());
      got.seen += next.tag + std::to_string(next.body_bytes);
      got.seen += as_text(prefix.bytes());
    }
    if (what == message_walker::outcome::failed)
      break;
    check(part.empty());
  }
  got.error = uut.error();
  got.at_boundary = uut.at_boundary();
  return got;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  auto input = fuzz::bytes_of(data, size);
  if (input.empty())
    return 0;
  // The first byte is the seed of the cuts.
  auto sizes
    = fuzz::random_sizes{std::to_integer<std::uint32_t>(input[0]) + 1, 13};
  input = input.subspan(1);
  const auto whole
    = walk_through(input, [&](std::size_t) { return input.size(); });
  const auto single
    = walk_through(input, [](std::size_t) { return std::size_t{1}; });
  const auto odd
    = walk_through(input, [&](std::size_t) { return sizes.next(); });
  check(whole.error == single.error && whole.error == odd.error);
  check(whole.seen == single.seen && whole.seen == odd.seen);
  // All that came out is what went in; only a header that is bad or not yet
  // complete is held back.
  check(whole.out == single.out && whole.out == odd.out);
  check(whole.at_boundary == single.at_boundary);
  check(whole.out.size() <= input.size());
  check(std::equal(whole.out.begin(), whole.out.end(), input.begin()));
  if (whole.error == ec::none)
    check(input.size() - whole.out.size() < header_bytes);
  return 0;
}
