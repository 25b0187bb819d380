#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "base/clock.hpp"
#include "pool/ledger.hpp"
#include "proxy/adoption.hpp"
#include "proxy/pool_port.hpp"
#include "proxy/snapshot.hpp"
#include "proxy/timed.hpp"
#include "session/startup_values.hpp"
#include "session/statements.hpp"
#include "tenants/pool_spec.hpp"

namespace cenote::proxy {

class client_link;
class listen_hub;
class server_link;
class shard;

/// The part of a pool that lives on one shard: its clients, its servers, and
/// the ledger that says who gets which. Everything here runs on the shard's
/// thread.
class lane final : public timed {
public:
  lane(shard& home, lane_id id, std::shared_ptr<pool_port> port,
       const tenants::pool_settings& settings);
  ~lane();

  // -- who is here ------------------------------------------------------------

  void adopt(client_adoption client);
  void adopt(server_adoption server);

  // -- lending ----------------------------------------------------------------

  /// Lends a server to the client, now or when its turn comes: the client hears
  /// `lend`. Or refuses it.
  void checkout(client_link& client);
  void leave_queue(client_link& client) noexcept;

  /// Ends the loan of `server`.
  void checkin(server_link& server, pool::server_verdict verdict);

  /// `server` is clean again after `checkin(tainted)`.
  void cleaned(server_link& server);

  /// `server` is dead; its link is buried. `why` is for log and metric.
  void lost(server_link& server, ec why);

  void gone(client_link& client);

  /// Cancel barrier: no lending of this server until as many `unblock`s.
  void block(const server_link& server) noexcept;
  void unblock(server_link& server);

  // -- what the actors decide -------------------------------------------------

  void configure(const tenants::pool_settings& settings);
  void fail_waiters(const refusal& why);
  void pause();
  void resume();
  void retire_servers(std::uint64_t epoch);
  void shrink(std::uint32_t count);
  void drain(time_point deadline, ec why);
  void kill(ec why);
  void report();

  /// Says `starving` if more servers are wanted than was said. End of turn.
  void tell_demand();

  void on_time(time_point now) override;

  // -- for links --------------------------------------------------------------

  [[nodiscard]] shard& home() noexcept {
    return home_;
  }

  [[nodiscard]] const tenants::pool_settings& settings() const noexcept {
    return settings_;
  }

  [[nodiscard]] traffic& sums() noexcept {
    return sums_;
  }

  [[nodiscard]] const tenants::pool_key& key() const noexcept {
    return port_->key();
  }

  /// Set while the lane drains: clients end with it when their transaction is
  /// over.
  [[nodiscard]] std::optional<ec> ending() const noexcept {
    return ending_;
  }

  /// Clients have deadlines, beside that of the queue.
  [[nodiscard]] bool times_clients() const noexcept {
    return times_clients_;
  }

  [[nodiscard]] bool is_session() const noexcept {
    return settings_.mode == tenants::pool_mode::session;
  }

  /// A server is opened for each client and ends with it.
  [[nodiscard]] bool is_replication() const noexcept {
    return key().is_replication();
  }

  [[nodiscard]] lane_ref where() const noexcept;
  [[nodiscard]] lane_numbers numbers() const noexcept;
  [[nodiscard]] lane_row row() const;
  void list(std::vector<client_row>& clients,
            std::vector<server_row>& servers) const;
  [[nodiscard]] bool is_empty() const noexcept;

  /// Of all clients and servers here.
  [[nodiscard]] session::statement_cache& statements() noexcept {
    return statements_;
  }

  /// What PostgreSQL made of its clients' startup settings.
  [[nodiscard]] session::startup_values& startup_values() noexcept {
    return startup_values_;
  }

  /// Whether named statements get names of ours: servers change.
  [[nodiscard]] bool renames_statements() const noexcept {
    return !is_session() && settings_.prepared_statements_max > 0;
  }

  /// Whether what a client sets and leaves behind follows it.
  [[nodiscard]] bool follows_sessions() const noexcept {
    return renames_statements();
  }

  /// A client keeps its server. False: too many do.
  [[nodiscard]] bool pin() noexcept {
    ++pinned_count_;
    ++sums_.pins;
    return settings_.pinned_max == 0 || pinned_count_ <= settings_.pinned_max;
  }

  void unpin() noexcept {
    --pinned_count_;
  }

  /// Whether one server listens for all clients: with a single one it would be
  /// the only server.
  [[nodiscard]] bool shares_listens() const noexcept {
    return follows_sessions() && has_room_for_hub()
        && settings_.listen == tenants::listen_policy::shared;
  }

  /// The listening server may have this one: nothing waits for its end.
  [[nodiscard]] bool may_keep(const server_link& server) const noexcept;

  /// Made when it is needed first.
  [[nodiscard]] listen_hub& hub();

  [[nodiscard]] bool has_hub() const noexcept {
    return hub_ != nullptr;
  }

  /// As `checkout`; the hub hears `take` or `refused`.
  void checkout_for_hub();
  void leave_queue_for_hub() noexcept;

  bool marked = false; ///< Of `shard::mark`.

private:
  void settle(server_link& server, pool::turn what);
  void lend(pool::assignment to);
  void lend_to_hub(pool::assignment to);
  void carry_out(const pool::assignment& what);
  [[nodiscard]] static bool
  has_client_times(const tenants::pool_settings& of) noexcept;
  void close_server(server_id id, ec why);
  void end_clients(const std::vector<client_id>& who, ec why);
  void tell_paused();
  void tell_drained();
  void arm();
  [[nodiscard]] bool has_room_for_hub() const noexcept {
    return settings_.pool_size != 1 && settings_.tenant_servers_max != 1
        && settings_.database_servers_max != 1
        && settings_.host_servers_max != 1;
  }
  [[nodiscard]] static pool::ledger::settings
  ledger_settings(const tenants::pool_settings& from) noexcept;

  shard& home_;
  lane_id id_;
  std::shared_ptr<pool_port> port_;
  tenants::pool_settings settings_;
  pool::ledger ledger_;
  session::statement_cache statements_; ///< Outlives the links.
  timers::entry timer_;
  std::unique_ptr<listen_hub> hub_; ///< Outlives the links.
  std::unordered_map<client_id, std::unique_ptr<client_link>> clients_;
  std::unordered_map<server_id, std::unique_ptr<server_link>> servers_;
  std::vector<pool::assignment> lending_;
  std::vector<client_id> client_scratch_;
  std::vector<server_id> server_scratch_;
  std::shared_ptr<const greeting> last_greeting_;
  session::startup_values startup_values_;
  traffic sums_;
  std::uint64_t epoch_ = 0;
  std::size_t wanted_told_ = 0;
  time_point tell_again_at_ = never;
  time_point drain_deadline_ = never;
  std::uint32_t cut_short_ = 0;
  std::uint32_t pinned_count_ = 0;
  std::optional<ec> ending_;
  bool times_clients_ = false;
  bool is_lending_ = false;
  bool pause_unanswered_ = false;
  bool drain_unanswered_ = false;
};

} // namespace cenote::proxy
