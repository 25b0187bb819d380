// The first byte is a tag, the rest a body. What decodes encodes to itself.
#include <algorithm>

#include "fuzz.hpp"
#include "protocol/frontend_messages.hpp"
#include "protocol/reader.hpp"

using namespace cenote;
using namespace cenote::protocol;
using cenote::fuzz::check;

namespace {

template <class Message>
void decode(std::span<const std::byte> body, bool is_exact = true) {
  const auto got = Message::decode(body);
  if (!got) {
    check(got.error().code == ec::protocol_violation);
    return;
  }
  const auto out = encoded(*got);
  const auto again = std::span{out}.subspan(5);
  if (is_exact)
    check(std::equal(again.begin(), again.end(), body.begin(), body.end()));
  else
    check(static_cast<bool>(Message::decode(again)));
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  if (size == 0)
    return 0;
  const auto body = fuzz::bytes_of(data + 1, size - 1);
  switch (data[0]) {
    case 'Q':
      decode<query_message>(body);
      break;
    case 'P':
      // A negative count of types becomes 0.
      decode<parse_message>(body, false);
      break;
    case 'B':
      decode<bind_message>(body);
      break;
    case 'D':
      decode<describe_message>(body);
      break;
    case 'C':
      decode<close_message>(body);
      break;
    case 'E':
      decode<execute_message>(body);
      break;
    case 'S':
      decode<sync_message>(body);
      break;
    case 'f':
      decode<copy_fail_message>(body);
      break;
    case 'p':
      decode<password_message>(body);
      decode<sasl_initial_response>(body);
      decode<sasl_response>(body);
      break;
  }
  return 0;
}
