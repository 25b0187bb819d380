#include "proxy/edge/rejection.hpp"

#include "protocol/messages.hpp"

namespace cenote::proxy::edge {

std::vector<std::byte> wire_form(const rejection& why) {
  if (why.is_silent)
    return {};
  auto out = why.farewell;
  if (why.server_error) {
    out.insert(out.end(), why.server_error->begin(), why.server_error->end());
    return out;
  }
  auto said = protocol::error_message(why.why.code, why.extra, why.hint);
  out.insert(out.end(), said.begin(), said.end());
  return out;
}

rejection lost_client(failure why) {
  const bool is_gone = why.code == ec::client_gone || why.code == ec::os_error
                    || why.code == ec::tls_failed
                    || why.code == ec::tls_handshake_failed;
  auto out = rejection{std::move(why)};
  out.is_silent = is_gone;
  return out;
}

} // namespace cenote::proxy::edge
