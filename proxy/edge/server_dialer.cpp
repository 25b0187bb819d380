#include "proxy/edge/server_dialer.hpp"

#include <cstddef>
#include <utility>

#include "base/limits.hpp"
#include "net/connect.hpp"
#include "protocol/startup.hpp"
#include "proxy/edge/coroutine.hpp"

namespace cenote::proxy::edge {

namespace {

net::tls_verify verification(tenants::server_tls mode) noexcept {
  switch (mode) {
    case tenants::server_tls::disable:
    case tenants::server_tls::prefer:
    case tenants::server_tls::require:
      return net::tls_verify::none;
    case tenants::server_tls::verify_ca:
      return net::tls_verify::ca;
    case tenants::server_tls::verify_full:
      return net::tls_verify::full;
  }
  return net::tls_verify::full;
}

/// Reads certificate files: work for a thread that may wait for the disk.
struct context_load {
  net::tls_connect_options options;

  result<net::tls_context_ptr> operator()() const {
    return net::make_connecting_tls(options);
  }
};

} // namespace

server_dialer::server_dialer(asio::any_io_executor edge)
  : edge_{std::move(edge)},
    disk_{1} {
  // nop
}

server_dialer::~server_dialer() {
  stop();
}

asio::awaitable<result<net::edge_stream>>
server_dialer::dial(std::string host, std::uint16_t port,
                    const tenants::server_target& target, duration time_max) {
  auto stream = co_await net::connect(std::move(host), port, time_max);
  if (!stream)
    co_return std::move(stream).error();
  stream->grant(limits::server_login_bytes_max - limits::login_bytes_max);
  if (target.tls.mode == tenants::server_tls::disable || stream->peer().is_unix)
    co_return std::move(stream);
  auto done = co_await secure(*stream, target);
  if (!done)
    co_return done.error();
  co_return std::move(stream);
}

asio::awaitable<result<void>>
server_dialer::secure(net::edge_stream& stream,
                      const tenants::server_target& target) {
  auto trust = co_await context_for(target.tls);
  if (!trust)
    co_return failure{ec::server_tls_verify_failed, trust.error().detail};
  auto request = protocol::encoded(protocol::ssl_request{});
  auto sent = co_await stream.write(std::move(request));
  if (!sent)
    co_return failure{ec::server_lost, sent.error().detail};
  auto got = co_await stream.read_exactly(1);
  if (!got)
    co_return failure{ec::server_lost, got.error().detail};
  const auto reply = static_cast<char>(stream.buffered()[0]);
  stream.consume(1);
  // Whatever came with the answer was not said by the server's TLS
  // (CVE-2021-23222).
  if (!stream.buffered().empty())
    co_return failure{ec::server_protocol_violation, "bytes before TLS"};
  if (reply == 'N') {
    if (target.tls.mode == tenants::server_tls::prefer)
      co_return result<void>{};
    co_return ec::server_tls_refused;
  }
  if (reply != 'S')
    co_return failure{ec::server_protocol_violation, "answer to SSLRequest"};
  auto host = target.host;
  co_return co_await stream.tls_connect(std::move(*trust), std::move(host));
}

asio::awaitable<result<net::tls_context_ptr>>
server_dialer::context_for(tenants::server_tls_settings settings) {
  for (const auto& each : contexts_)
    if (each.settings == settings)
      co_return each.tls;
  auto options = net::tls_connect_options{};
  options.verify = verification(settings.mode);
  options.ca_file = settings.ca_file;
  options.certificate_file = settings.certificate_file;
  options.key_file = settings.key_file;
  auto job = context_load{std::move(options)};
  auto loaded = co_await run_beside(disk_, edge_, std::move(job));
  if (loaded)
    contexts_.push_back(context{std::move(settings), *loaded});
  co_return loaded;
}

void server_dialer::forget_certificates() {
  contexts_.clear();
}

void server_dialer::stop() noexcept {
  disk_.join();
}

} // namespace cenote::proxy::edge
