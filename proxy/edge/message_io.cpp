#include "proxy/edge/message_io.hpp"

#include <cstdint>
#include <string>
#include <utility>

#include "protocol/message_walker.hpp"
#include "protocol/reader.hpp"

namespace cenote::proxy::edge {

asio::awaitable<result<login_message>> read_message(net::edge_stream& from,
                                                    std::size_t body_bytes_max,
                                                    ec violation, char only) {
  for (;;) {
    const auto have = from.buffered();
    if (only != 0 && !have.empty() && static_cast<char>(have[0]) != only)
      co_return failure{violation,
                        "message type "
                          + std::to_string(std::to_integer<unsigned>(have[0]))};
    if (have.size() >= protocol::header_bytes)
      break;
    auto got = co_await from.read_more();
    if (!got)
      co_return std::move(got).error();
  }
  auto header = protocol::reader{from.buffered()};
  const auto tag = header.byte1();
  const auto length = static_cast<std::uint32_t>(header.int32());
  if (length < 4 || length - 4 > body_bytes_max)
    co_return failure{violation, "message length " + std::to_string(length)};
  const std::size_t whole = length + 1u;
  while (from.buffered().size() < whole) {
    auto got = co_await from.read_more();
    if (!got)
      co_return std::move(got).error();
  }
  auto body = from.buffered().subspan(protocol::header_bytes,
                                      whole - protocol::header_bytes);
  auto out
    = login_message{tag, std::vector<std::byte>{body.begin(), body.end()}};
  from.consume(whole);
  co_return out;
}

} // namespace cenote::proxy::edge
