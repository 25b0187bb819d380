#pragma once

#include <cstddef>
#include <vector>

#include <asio/awaitable.hpp>

#include "base/result.hpp"
#include "net/edge_stream.hpp"

namespace cenote::proxy::edge {

/// One whole message of a login, small enough to be copied.
struct login_message {
  login_message(char kind, std::vector<std::byte> content)
    : tag{kind},
      body{std::move(content)} {
    // nop
  }

  char tag;
  std::vector<std::byte> body;
};

/// Reads one message; what follows it stays in `from`. Another tag than `only`
/// (0: any), a length below 4 or a body above `body_bytes_max` fails with
/// `violation` before the body is waited for; else fails like
/// `edge_stream::read_more`.
asio::awaitable<result<login_message>> read_message(net::edge_stream& from,
                                                    std::size_t body_bytes_max,
                                                    ec violation,
                                                    char only = 0);

} // namespace cenote::proxy::edge
