#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include <asio/awaitable.hpp>

#include "net/edge_stream.hpp"
#include "proxy/edge/authenticate.hpp"
#include "proxy/edge/pool_lookup.hpp"
#include "proxy/edge/rejection.hpp"
#include "proxy/edge/services.hpp"
#include "proxy/edge/settings.hpp"
#include "tenants/catalog.hpp"

namespace cenote::proxy::edge {

/// What a login needs of the world.
struct login_services {
  data_plane& shards;
  pool_directory& pools;
  pool_lookup lookup;
  const tenants::catalog_cell& catalog;
  auth_services auth;
};

/// The next client's number. One counter for all edges of the process.
[[nodiscard]] client_id next_client_id() noexcept;

/// How far a login came: a log field.
enum class login_stage : std::uint8_t {
  startup,
  resolve,
  authenticate,
  subscribe,
  greet,
};

[[nodiscard]] std::string_view name(login_stage stage) noexcept;

/// What is known of a login while it runs, for the log.
struct login_record {
  login_stage stage = login_stage::startup;
  std::string user;
  std::string tenant;
  std::string database;
};

/// A client that is logged in, all but its socket and the last words to it.
struct welcomed {
  welcomed(lane_ref where, client_adoption what)
    : lane{where},
      client{std::move(what)} {
    // nop
  }

  lane_ref lane;
  client_adoption client;
};

/// An authenticated user of the console.
struct console_login {
  console_login(std::string who, bool change)
    : user{std::move(who)},
      may_change{change} {
    // nop
  }

  std::string user;
  bool may_change;
};

/// What came of a connection: a client, a console session, a CancelRequest.
using arrival = std::variant<welcomed, console_login, protocol::cancel_request>;

/// Stages 2 to 6 (DESIGN 5) of one client. The last words to a client are for
/// the shard to say; a console user has heard them. Refusals are returned, not
/// sent. `record` is kept up to date also when the login is cancelled.
asio::awaitable<outcome<arrival>>
log_in(net::edge_stream& stream, edge_settings_ptr settings,
       std::optional<tenants::pool_mode> listener_mode, login_services& with,
       login_record& record);

} // namespace cenote::proxy::edge
