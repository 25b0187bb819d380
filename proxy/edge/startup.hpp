#pragma once

#include <string>
#include <variant>

#include <asio/awaitable.hpp>

#include "net/edge_stream.hpp"
#include "protocol/startup.hpp"
#include "proxy/edge/rejection.hpp"
#include "proxy/edge/settings.hpp"

namespace cenote::proxy::edge {

/// What a client wants, as far as its first packets tell: to log in, or to have
/// a query cancelled.
using first_wish
  = std::variant<protocol::startup_message, protocol::cancel_request>;

/// Stage 2 (DESIGN 5): TLS, SSLRequest, GSSENCRequest, up to and including the
/// startup message, by the rules of PostgreSQL's ProcessStartupPacket. A newer
/// minor version and protocol options are answered here
/// (NegotiateProtocolVersion); the login goes on with at most 3.2. An
/// incomplete packet and a bad length are answered with silence, as PostgreSQL
/// does. Fails with `startup_malformed`, `startup_too_large`,
/// `unsupported_protocol`, `bytes_before_tls`, `tls_required`,
/// `tls_handshake_failed`, or like `edge_stream::read_more`.
/// `tls_was_refused`: somebody has answered an SSLRequest already, with no.
asio::awaitable<outcome<first_wish>> read_startup(net::edge_stream& stream,
                                                  edge_settings_ptr settings,
                                                  bool tls_was_refused = false);

} // namespace cenote::proxy::edge
