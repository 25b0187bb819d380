#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "app/reload_counters.hpp"
#include "base/result.hpp"
#include "configs/config.hpp"
#include "proxy/data_plane.hpp"
#include "proxy/edge/counters.hpp"
#include "proxy/edge/quota_book.hpp"
#include "tenants/catalog.hpp"

namespace cenote::app {

/// What /health says: 200 with `ok`, else 503.
enum class health : std::uint8_t { starting, ok, shutting_down };

/// What the server shows. Everything outlives it.
struct http_parts {
  proxy::data_plane& shards;
  const proxy::edge::quota_book& quotas;
  const tenants::catalog_cell& catalog;
  const proxy::edge::edge_counters* counters = nullptr; ///< May be null.
  const reload_counters* reloads = nullptr;             ///< Likewise.
  std::function<app::health()> health;                  ///< Any thread.
  std::string version = "0.1.0";
  bool io_uring_refused = false;  ///< Asked for, but epoll it is.
  bool io_submit_refused = false; ///< epoll sends one by one.
  /// How long requests under way may go on when the server ends. More than an
  /// honest one takes.
  std::chrono::milliseconds end_time_max{7'000};
};

/// GET /health and /metrics over plain HTTP, on threads of its own. Bounded:
/// two requests at a time, a few more in the queue, short times, no bodies.
class http_server {
public:
  /// Listens on `where` (port 0: any free one) and serves. Fails with
  /// `os_error`.
  [[nodiscard]] static result<std::unique_ptr<http_server>>
  start(const configs::endpoint& where, http_parts parts);

  /// Ends it; waits for requests under way, up to `end_time_max`. One that
  /// still comes byte by byte then is left alone and gets no answer.
  ~http_server();
  http_server(const http_server&) = delete;
  http_server& operator=(const http_server&) = delete;

  [[nodiscard]] std::uint16_t port() const noexcept;

private:
  struct impl;
  explicit http_server(std::shared_ptr<impl> made) noexcept;

  std::shared_ptr<impl> impl_; ///< Shared with its threads.
};

} // namespace cenote::app
