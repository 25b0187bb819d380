#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/thread_pool.hpp>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "net/edge_stream.hpp"
#include "net/tls.hpp"
#include "tenants/pool_spec.hpp"

namespace cenote::proxy::edge {

/// Reaches servers, up to TLS. For one edge, on its thread.
class server_dialer {
public:
  explicit server_dialer(asio::any_io_executor edge);
  ~server_dialer();
  server_dialer(const server_dialer&) = delete;
  server_dialer& operator=(const server_dialer&) = delete;

  /// Connects to `host`:`port` and speaks TLS as `target` wants it (never over
  /// a unix socket, like libpq); certificates are checked for `target.host`.
  /// Fails like `net::connect` and `edge_stream::tls_connect`, and with
  /// `server_tls_refused`, `server_protocol_violation`,
  /// `server_tls_verify_failed` (its files are unusable). Reads at most
  /// `limits::server_login_bytes_max` in all.
  asio::awaitable<result<net::edge_stream>>
  dial(std::string host, std::uint16_t port,
       const tenants::server_target& target, duration time_max);

  /// Reads certificate files anew from now on. Edge thread.
  void forget_certificates();

  /// Ends the thread that reads files. Idempotent.
  void stop() noexcept;

private:
  struct context {
    tenants::server_tls_settings settings;
    net::tls_context_ptr tls;
  };

  asio::awaitable<result<net::tls_context_ptr>>
  context_for(tenants::server_tls_settings settings);
  asio::awaitable<result<void>> secure(net::edge_stream& stream,
                                       const tenants::server_target& target);

  asio::any_io_executor edge_;
  std::vector<context> contexts_; ///< One per distinct settings: few.
  asio::thread_pool disk_;
};

} // namespace cenote::proxy::edge
