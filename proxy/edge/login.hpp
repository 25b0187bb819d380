#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include <asio/awaitable.hpp>

#include "net/edge_stream.hpp"
#include "proxy/edge/authenticate.hpp"
#include "proxy/edge/begun_login.hpp"
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

/// A client that has its seat; without its socket and its addresses, and as if
/// without TLS.
[[nodiscard]] client_adoption
make_adoption(client_profile_ptr profile, admission&& seat,
              std::vector<std::byte>&& last_words);

/// What the shard wants to know of `whom`.
[[nodiscard]] client_profile_ptr make_profile(identity whom);

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

/// Stages 2 to 6 (DESIGN 5) of one client, from where `begun` is. The last
/// words to a client are for the shard to say; a console user has heard them.
/// Refusals are returned, not sent. `begun.record` is kept up to date also when
/// the login is cancelled.
asio::awaitable<outcome<arrival>> log_in(net::edge_stream& stream,
                                         edge_settings_ptr settings,
                                         begun_login& begun,
                                         login_services& with);

} // namespace cenote::proxy::edge
