#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include <asio/awaitable.hpp>

#include "actors/admin_types.hpp"
#include "configs/config.hpp"
#include "proxy/data_plane.hpp"
#include "proxy/edge/counters.hpp"
#include "proxy/edge/quota_book.hpp"
#include "proxy/edge/services.hpp"
#include "tenants/catalog.hpp"

namespace cenote::app {

/// What the console asks of ADMIN; the daemon forwards to
/// `actors::actor_system_host::run`.
class admin_port {
public:
  virtual ~admin_port() = default;

  /// May be cancelled, which leaves the operation running.
  virtual asio::awaitable<actors::admin_reply>
  run(actors::admin_command command) = 0;
};

/// What a console is made of. Everything outlives it.
struct console_parts {
  proxy::data_plane& shards;
  admin_port& admin;
  const tenants::catalog_cell& catalog;
  const proxy::edge::quota_book& quotas;
  /// The configuration in force, for SHOW CONFIG; any thread. May be empty or
  /// return null: then there is nothing to show.
  std::function<std::shared_ptr<const configs::config>()> config;
  std::string version = "0.1.0";
  /// What avg_ columns are averages of.
  std::chrono::milliseconds stats_period{60'000};
  /// How long a shard may take to show itself.
  std::chrono::milliseconds snapshot_time_max{2'000};
};

struct console_state;

/// The console database "pgbouncer": PgBouncer's commands, with its columns.
/// Its sessions run on the edges' threads.
class console final : public proxy::edge::console_service {
public:
  explicit console(console_parts parts);
  ~console() override;
  console(const console&) = delete;
  console& operator=(const console&) = delete;

  /// The edge is made after the console; null for none. Before the edge's
  /// io_context runs.
  void watch(const proxy::edge::edge_counters* counters) noexcept;

  /// Serves one session from AuthenticationOk (which it sends) to its end. Its
  /// frame may be destroyed with the io_context, after the console.
  asio::awaitable<void> serve(net::edge_stream stream, std::string user,
                              bool may_change) override;

  /// Ends the wait of a command; whoever waits for nothing goes on.
  bool cancel(const proxy::cancel_key& key) override;

  /// Takes a sample per stats period; ends when cancelled or with the
  /// io_context. Spawn it once, on an edge's io_context.
  asio::awaitable<void> sample_forever();

private:
  std::shared_ptr<console_state> state_;
};

} // namespace cenote::app
