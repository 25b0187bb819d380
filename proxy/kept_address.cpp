#include "proxy/kept_address.hpp"

namespace cenote::proxy {

kept_address::kept_address(const net::packed_address& from,
                           session::value_store& texts)
  : port_{from.port()} {
  if (from.is_unix())
    return;
  if (const auto bytes = from.ipv4()) {
    kind_ = kind::ipv4;
    host_ = *bytes;
  } else {
    kind_ = kind::ipv6;
    host_ = texts.intern(from.host());
  }
}

void kept_address::release(session::value_store& texts) noexcept {
  if (kind_ == kind::ipv6)
    texts.release(host_);
  kind_ = kind::unix_socket;
}

peer_name kept_address::name(const session::value_store& texts) const {
  switch (kind_) {
    case kind::unix_socket:
      break;
    case kind::ipv4:
      return {net::packed_address::from_ipv4(host_, port_).host(), port_};
    case kind::ipv6:
      return {std::string{texts.text(host_)}, port_};
  }
  return {"unix", port_};
}

} // namespace cenote::proxy
