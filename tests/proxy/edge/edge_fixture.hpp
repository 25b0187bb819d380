#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <asio/io_context.hpp>

#include "net/tls.hpp"
#include "net/unique_fd.hpp"
#include "protocol/messages.hpp"
#include "proxy/edge/edge.hpp"
#include "proxy/edge/key_store.hpp"
#include "proxy/edge/quota_book.hpp"
#include "proxy/edge/services.hpp"
#include "proxy/shard.hpp"
#include "tenants/catalog.hpp"
#include "tests/support/quiet_data_plane.hpp"

/// The real edge on real sockets, all on the test's own thread: whoever waits
/// for something runs the edge's loop meanwhile.
namespace cenote::test {

using bytes = std::vector<std::byte>;

/// Says what comes up to a pool.
struct fake_port final : proxy::pool_port {
  const tenants::pool_key& key() const noexcept override {
    return own_key;
  }
  void client_left(client_id) noexcept override {
    ++clients_left;
  }
  void starving(proxy::lane_ref, const proxy::lane_numbers&) noexcept override {
  }
  void server_opened(proxy::lane_ref,
                     const proxy::greeting& said) noexcept override {
    opened.push_back(said);
  }
  void server_failed(proxy::lane_ref, proxy::refusal why,
                     std::vector<proxy::quota_unit>) noexcept override {
    failed.push_back(std::move(why));
  }
  void server_gone(proxy::lane_ref, ec) noexcept override {}
  void drained(proxy::lane_ref, std::uint32_t) noexcept override {}
  void paused(proxy::lane_ref) noexcept override {}
  void reported(proxy::lane_ref, census) noexcept override {}

  tenants::pool_key own_key;
  int clients_left = 0;
  std::vector<proxy::greeting> opened;
  std::vector<proxy::refusal> failed;
};

/// Whether the logins under test begin on a porch: CENOTE_TEST_PORCH is set.
bool on_porch();

/// Keeps what is handed over, and says the last words as a shard would. With
/// `on_porch` there is one real shard, run by the test, and everybody who logs
/// in belongs to another.
struct fake_shards final : quiet_data_plane {
  struct settled_cancel {
    std::uint32_t shard;
    std::uint64_t ticket;
    bool acknowledged;
  };

  void adopt(proxy::lane_ref where, proxy::client_adoption client) override;
  void adopt(proxy::lane_ref, proxy::server_adoption server) override {
    servers.push_back(std::move(server));
  }
  bool open_porches(const proxy::porch_maker_ptr& by) override;
  void end_logins(ec why) override;

  void cancel(proxy::cancel_key key) override {
    cancels.push_back(std::move(key));
  }
  void cancel_settled(std::uint32_t shard, std::uint64_t ticket,
                      bool acknowledged) override {
    settled.push_back({shard, ticket, acknowledged});
  }

  std::vector<proxy::client_adoption> clients;
  std::vector<proxy::server_adoption> servers;
  std::vector<proxy::cancel_key> cancels;
  std::vector<settled_cancel> settled;
  std::unique_ptr<proxy::edge_port> no_edge;
  std::unique_ptr<proxy::shard> home; ///< With the porch; else null.
};

/// Admits everybody, or nobody with `no`.
struct fake_pools final : proxy::edge::pool_directory {
  std::optional<proxy::edge::admission>
  enter(const tenants::pool_spec& spec, client_id who,
        proxy::quota_units& units) override;

  asio::awaitable<proxy::edge::subscribe_outcome>
  subscribe(std::shared_ptr<const tenants::pool_spec> spec, client_id who,
            proxy::quota_units units) override;

  std::shared_ptr<fake_port> port = std::make_shared<fake_port>();
  std::shared_ptr<const proxy::greeting> greet;
  std::optional<proxy::refusal> no;
  std::vector<tenants::pool_spec> asked;

private:
  proxy::edge::admission admit(client_id who, proxy::quota_units units) const;
};

struct fake_console final : proxy::edge::console_service {
  asio::awaitable<void> serve(net::edge_stream stream, std::string user,
                              bool may_change) override;

  struct visit {
    std::string user;
    bool may_change;
  };
  std::vector<visit> visits;
};

/// A server message as a client sees it.
struct heard {
  char tag = 0; ///< 0: the connection has ended.
  bytes body;
};

struct edge_fixture;

/// A client that does nothing by itself.
class wire_client {
public:
  wire_client(edge_fixture& at, std::uint16_t port);

  void send(std::span<const std::byte> what);
  void send(std::string_view what);

  template <class Message>
  void say(const Message& message) {
    send(protocol::encoded(message));
  }

  /// One byte that is no message: the answer to an SSLRequest.
  char answer();

  /// The next message, or tag 0 at the end of the connection.
  heard next();

  /// The code and text of the ErrorResponse that must come next: "28P01 ...".
  std::string error();

  /// Whether the other side has closed without a word.
  bool is_closed();

  /// All bytes up to the end of the connection.
  bytes rest();

  void start_tls(const std::string& host = "localhost");
  void shut_down() noexcept;
  void close() noexcept;

private:
  bool fill();
  void send_raw(std::span<const std::byte> what);

  edge_fixture& at_;
  net::unique_fd fd_;
  bytes have_;
  std::unique_ptr<net::tls_session> tls_;
  bool ended_ = false;
};

/// A startup message with these parameters.
protocol::startup_message hello(std::vector<protocol::parameter> parameters);

/// Logs in as libpq would, whatever is asked for. Returns the tags seen, an
/// AuthenticationRequest as its number ("10 11 12 0 S S"), and the text of an
/// ErrorResponse, which ends it.
std::string log_in(wire_client& client, const protocol::startup_message& as,
                   const std::string& password,
                   const std::string& nonce = "abcdefghijklmnopqrstuvwx");

struct edge_fixture {
  explicit edge_fixture(proxy::edge::edge_settings with = {});
  ~edge_fixture();

  /// Runs the edge until `done`; fails the test after 20 seconds.
  void run_until(const std::function<bool()>& done);

  /// Lets a new edge listen on a fresh port of 127.0.0.1.
  void start(std::optional<tenants::pool_mode> mode = {});

  [[nodiscard]] std::uint16_t port() const {
    return edge->ports().at(0);
  }

  [[nodiscard]] std::uint64_t failures(ec code) const {
    return edge->counters().logins_failed.of(code);
  }

  /// Nobody is in between any more.
  void settle();

  asio::io_context io{1};
  fake_shards shards;
  fake_pools pools;
  fake_console console;
  proxy::edge::quota_book quotas;
  tenants::catalog_cell catalog;
  proxy::edge::edge_settings_cell settings;
  proxy::edge::key_store keys;
  std::unique_ptr<proxy::edge::edge> edge;
};

/// Tenant "acme" (SNI "acme.example") and the default tenant, with a user per
/// kind of credential and method; every password is `the_password`.
tenants::catalog_ptr some_catalog();
inline constexpr std::string_view the_password = "wonder'land \\1";

/// Settings that offer TLS with the tests' certificate.
proxy::edge::edge_settings with_tls(proxy::edge::client_tls mode);

} // namespace cenote::test
