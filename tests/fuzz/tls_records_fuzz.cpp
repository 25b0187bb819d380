// However sealed records are cut, and however little room there is, the same
// text comes out, and the same end.
#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include <openssl/tls1.h>

#include "fuzz.hpp"
#include "net/tls_records.hpp"

using namespace cenote;
using namespace cenote::net;
using cenote::fuzz::check;

namespace {

using bytes = std::vector<std::byte>;

const tls_suite& suite() {
  return *tls_suite::find(TLS1_3_CK_AES_128_GCM_SHA256);
}

tls_secret secret(int number) {
  return tls_secret{bytes(32, static_cast<std::byte>(number))};
}

struct outcome {
  std::string text;
  tls_records::state now = tls_records::state::open;
  std::string_view complaint;
};

/// Records whose inside is the input's: type, whether the next one has a new
/// key, two bytes of length, body.
bytes sealed(std::span<const std::byte> input) {
  auto key = tls_traffic_key{suite(), tls_traffic_key::use::seal, secret(1)};
  bytes out;
  while (input.size() >= 4) {
    const auto size = std::to_integer<std::size_t>(input[2]) * 256
                    + std::to_integer<std::size_t>(input[3]);
    const auto body = input.subspan(4, std::min(size, input.size() - 4));
    check(key.seal(static_cast<tls_content>(input[0]), body, out));
    if ((input[1] & std::byte{1}) != std::byte{0})
      check(key.renew());
    input = input.subspan(4 + body.size());
  }
  // A record that is cut off, or none.
  out.insert(out.end(), input.begin(), input.end());
  return out;
}

template <class Step>
outcome hear(std::span<const std::byte> cipher, bool accepts, Step step) {
  auto from = tls_records::start{};
  from.suite = &suite();
  from.read_secret = secret(1);
  from.write_secret = secret(2);
  from.accepts = accepts;
  from.plain_bytes_max = 1'000;
  from.records_max = 1'000'000;
  auto uut = tls_records{from};
  auto got = outcome{};
  bytes plain(40'000), answers;
  while (!cipher.empty()) {
    auto part = cipher.first(std::min(cipher.size(), step()));
    cipher = cipher.subspan(part.size());
    const auto room = std::min(plain.size(), step());
    for (auto count = room; count == room;) {
      count = uut.decrypt(part, std::span{plain}.first(room), answers);
      got.text.append(reinterpret_cast<const char*>(plain.data()), count);
    }
    check(part.empty());
  }
  got.now = uut.now();
  got.complaint = uut.complaint();
  bytes more;
  check(uut.encrypt(std::span{plain}.first(10), more)
        == (got.now != tls_records::state::failed));
  return got;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  auto input = fuzz::bytes_of(data, size);
  if (input.empty())
    return 0;
  const auto seed = std::to_integer<std::uint32_t>(input[0]);
  const auto accepts = (seed & 1) != 0;
  auto sizes = fuzz::random_sizes{seed, 29};
  const auto cipher = sealed(input.subspan(1));
  const auto whole = hear(cipher, accepts, [] { return std::size_t{1} << 20; });
  const auto single = hear(cipher, accepts, [] { return std::size_t{1}; });
  const auto odd = hear(cipher, accepts, [&] { return sizes.next(); });
  for (const auto* other : {&single, &odd})
    check(whole.text == other->text && whole.now == other->now
          && whole.complaint == other->complaint);
  return 0;
}
