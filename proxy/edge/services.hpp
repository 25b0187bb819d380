#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <asio/awaitable.hpp>

#include "base/strong_id.hpp"
#include "proxy/data_plane.hpp"
#include "proxy/greeting.hpp"
#include "proxy/quotas.hpp"
#include "tenants/model.hpp"
#include "tenants/pool_spec.hpp"

namespace cenote::net {
class edge_stream;
}

namespace cenote::proxy::edge {

/// What MANAGER gives an admitted client.
struct admission {
  lane_ref lane;
  std::shared_ptr<const greeting> greet;
  subscription seat;
};

using subscribe_outcome = std::variant<admission, refusal>;

/// A logged-in (authenticated) client asks for its seat. Implemented by
/// actors/bridge. Completes within the client's login budget or with
/// `subscribe_timeout`; a caller that gives up earlier leaks no seat.
class pool_directory {
public:
  virtual ~pool_directory() = default;

  /// A seat at once, where the pool lets everybody in; then `units` are taken.
  /// Nothing: ask with `subscribe`. Any thread.
  virtual std::optional<admission> enter(const tenants::pool_spec&, client_id,
                                         quota_units&) {
    return std::nullopt;
  }

  virtual asio::awaitable<subscribe_outcome>
  subscribe(std::shared_ptr<const tenants::pool_spec> spec, client_id who,
            quota_units units)
    = 0;
};

/// One server to be opened for a lane. Made by POOL WORKER, carried out by the
/// edge.
struct server_order {
  lane_ref lane;
  std::shared_ptr<pool_port>
    port; ///< Hears `server_opened` or `server_failed`.
  std::shared_ptr<const tenants::server_target> target;
  std::vector<quota_unit> seat;
  duration connect_time_max{}; ///< For connect, TLS and login together.
  std::uint64_t epoch = 0;
};

/// Opens servers. Any thread, never blocks. Every order ends in exactly one
/// `server_opened` (after the adoption was posted to the lane) or
/// `server_failed`.
class server_opener {
public:
  virtual ~server_opener() = default;
  virtual void open(server_order order) noexcept = 0;
};

/// A login to the database "pgbouncer" by an admin user ends up here; the
/// console owns the stream from then on. Implemented in app/.
class console_service {
public:
  virtual ~console_service() = default;
  virtual asio::awaitable<void> serve(net::edge_stream stream, std::string user,
                                      bool may_change)
    = 0;

  /// A CancelRequest. False: the key is no session's. The edge's thread.
  virtual bool cancel(const cancel_key&) {
    return false;
  }
};

} // namespace cenote::proxy::edge
