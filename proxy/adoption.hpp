#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/strong_id.hpp"
#include "net/packed_address.hpp"
#include "net/tls.hpp"
#include "net/unique_fd.hpp"
#include "proxy/lane_ref.hpp"
#include "proxy/pool_port.hpp"
#include "proxy/quotas.hpp"

namespace cenote::net {
class stream;
}

namespace cenote::proxy {

/// A client's seat in a pool: its quota units, and the duty to tell the MANAGER
/// when it is gone. Move-only; dropping it gives everything back, on any
/// thread.
class [[nodiscard]] subscription {
public:
  subscription() noexcept = default;
  subscription(client_id who, std::shared_ptr<pool_port> port,
               quota_units units) noexcept;
  subscription(subscription&& other) noexcept;
  subscription& operator=(subscription&& other) noexcept;
  ~subscription();

  [[nodiscard]] client_id who() const noexcept {
    return who_;
  }

  /// The units; whoever takes them tells the port from now on.
  [[nodiscard]] quota_units hand_over() noexcept {
    port_ = nullptr;
    return std::move(units_);
  }

  /// Null if there is no seat.
  [[nodiscard]] pool_port* port() const noexcept {
    return port_.get();
  }

  [[nodiscard]] explicit operator bool() const noexcept {
    return static_cast<bool>(port_);
  }

private:
  client_id who_;
  std::shared_ptr<pool_port> port_;
  quota_units units_;
};

/// An end of a connection as the console shows it.
struct peer_name {
  std::string address; ///< "127.0.0.1", "::1", "unix".
  std::uint16_t port = 0;
};

/// What a client's startup message comes to, as far as its shard wants to know.
/// Never changed: clients that say the same share it.
struct client_profile {
  std::string user; ///< As the client said it, tenant cut off.
  std::string database;
  std::string application_name;
  bool has_long_key = false; ///< Protocol 3.2: BackendKeyData is long.
  /// Startup parameters that are settings (`options` taken apart too), in
  /// order, without user, database, replication, options and cenote's own.
  /// Names are checked identifiers.
  std::vector<std::pair<std::string, std::string>> settings;

  friend bool operator==(const client_profile&, const client_profile&)
    = default;
};

using client_profile_ptr = std::shared_ptr<const client_profile>;

/// All of a client that crosses from the edge to a shard. Whoever holds it owns
/// the socket. The login is complete except for the last words: the shard sends
/// them with the greeting, the key that it makes, and ReadyForQuery, all at
/// once.
struct client_adoption {
  net::unique_fd socket;
  /// Instead of `socket` and `tls`, of a client that logged in on the very
  /// shard: it is on its engine already. Else null.
  net::stream* stream = nullptr;
  std::unique_ptr<net::tls_session>
    tls;                         ///< Null without TLS, never mid-handshake.
  std::vector<std::byte> unread; ///< Read ahead by the edge; comes first.
  /// SCRAM's last message, AuthenticationOk: not sent yet.
  std::vector<std::byte> last_words;
  /// Becomes the ParameterStatus messages, with the client's own values in it.
  std::shared_ptr<const greeting> greet;
  subscription seat;
  client_profile_ptr profile; ///< Never null.
  net::packed_address peer;
  net::packed_address local;
  bool is_tls = false;
};

/// All of a logged-in server that crosses from the edge to a lane.
struct server_adoption {
  net::unique_fd socket;
  std::unique_ptr<net::tls_session> tls;
  std::vector<std::byte> unread; ///< Must be empty in practice; kept for truth.
  std::vector<quota_unit>
    seat; ///< Given back when the server dies, wherever that is.
  std::shared_ptr<const tenants::server_target> target;
  greeting said;
  std::uint32_t backend_pid = 0;
  std::vector<std::byte> backend_key; ///< 4 bytes (3.0) to 256 bytes (3.2).
  peer_name peer;
  peer_name local;
  bool is_tls = false;
  /// Grows with every RECONNECT or change of target; a server of an older epoch
  /// is not lent.
  std::uint64_t epoch = 0;
};

} // namespace cenote::proxy
