// Startup packets: independent of cuts, and what is read can be written and
// read again. The parameter `options` goes through its parser, too.
#include <algorithm>

#include "fuzz.hpp"
#include "protocol/options.hpp"
#include "protocol/reader.hpp"
#include "protocol/startup.hpp"

using namespace cenote;
using namespace cenote::protocol;
using cenote::fuzz::check;

namespace {

struct reading {
  startup_reader::outcome what = startup_reader::outcome::need_data;
  startup_packet packet;
  ec error = ec::none;
  std::size_t left = 0;

  friend bool operator==(const reading&, const reading&) = default;
};

reading read(std::span<const std::byte> input, std::size_t step) {
  startup_reader uut;
  reading got;
  while (!input.empty() && got.what == startup_reader::outcome::need_data) {
    auto part = input.first(std::min(step, input.size()));
    const auto before = part.size();
    got.what = uut.take(part);
    input = input.subspan(before - part.size());
    if (got.what == startup_reader::outcome::need_data)
      check(part.empty());
  }
  if (got.what == startup_reader::outcome::packet)
    got.packet = uut.packet();
  got.error = uut.error();
  got.left = input.size();
  check((got.what == startup_reader::outcome::failed)
        == (got.error != ec::none));
  return got;
}

void read_options(std::string_view text) {
  const auto got = parse_options(text);
  if (!got)
    return;
  const auto again = parse_options(format_options(got->settings));
  check(static_cast<bool>(again));
  check(again->settings == got->settings);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  const auto input = fuzz::bytes_of(data, size);
  read_options(as_text(input));
  if (input.empty())
    return 0;
  const auto whole = read(input, input.size());
  check(read(input, 1) == whole);
  check(read(input, 3) == whole);
  if (whole.what != startup_reader::outcome::packet)
    return 0;
  const auto written
    = std::visit([](const auto& x) { return encoded(x); }, whole.packet);
  check(read(written, written.size()).packet == whole.packet);
  if (const auto* hello = std::get_if<startup_message>(&whole.packet)) {
    read_options(hello->find("options"));
    (void) hello->needs_negotiation();
    (void) hello->protocol_options();
  }
  return 0;
}
