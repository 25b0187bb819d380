// The first byte is a tag, the rest a body. What decodes encodes to something
// that decodes to the same.
#include <algorithm>

#include "fuzz.hpp"
#include "protocol/backend_messages.hpp"

using namespace cenote;
using namespace cenote::protocol;
using cenote::fuzz::check;

namespace {

template <class Message>
void decode(std::span<const std::byte> body) {
  const auto got = Message::decode(body);
  if (!got) {
    check(got.error().code == ec::server_protocol_violation);
    return;
  }
  const auto out = encoded(*got);
  const auto again = Message::decode(std::span{out}.subspan(5));
  check(static_cast<bool>(again));
  check(encoded(*again) == out);
}

void decode_any_authentication(std::span<const std::byte> body) {
  const auto got = decode_authentication(body);
  if (!got) {
    check(got.error().code == ec::server_protocol_violation);
    return;
  }
  std::vector<std::byte> out;
  auto to = writer{out};
  std::visit(
    [&to](const auto& x) {
      if constexpr (requires { x.encode(to); })
        x.encode(to);
    },
    *got);
  if (out.empty()) // A kind that we never send.
    return;
  check(std::equal(out.begin() + 5, out.end(), body.begin(), body.end()));
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  if (size == 0)
    return 0;
  const auto body = fuzz::bytes_of(data + 1, size - 1);
  switch (data[0]) {
    case 'R':
      decode_any_authentication(body);
      break;
    case 'K':
      decode<backend_key_data>(body);
      break;
    case 'S':
      decode<parameter_status>(body);
      break;
    case 'Z':
      decode<ready_for_query>(body);
      break;
    case 'v':
      decode<negotiate_protocol_version>(body);
      break;
    case 'E':
      decode<error_response>(body);
      break;
    case 'N':
      decode<notice_response>(body);
      break;
    case 'C':
      decode<command_complete>(body);
      break;
    case 'I':
      decode<empty_query_response>(body);
      break;
  }
  return 0;
}
