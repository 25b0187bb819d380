#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "pool/ledger.hpp"
#include "proxy/adoption.hpp"
#include "proxy/client_list.hpp"
#include "proxy/data_plane.hpp"
#include "proxy/pool_port.hpp"
#include "proxy/server_list.hpp"
#include "proxy/snapshot.hpp"
#include "proxy/timed.hpp"
#include "session/startup_values.hpp"
#include "session/statements.hpp"
#include "session/watch.hpp"
#include "tenants/pool_spec.hpp"

namespace cenote::proxy {

class client_link;
class listen_hub;
class server_link;
class shard;
struct server_handover;

/// The part of a pool that lives on one shard: its clients, its servers, and
/// the ledger that says who gets which. Everything here runs on the shard's
/// thread.
class lane final : public timed {
public:
  /// `index`: its place on the board of a pool with several lanes.
  lane(shard& home, lane_id id, std::shared_ptr<pool_port> port,
       const tenants::pool_settings& settings, std::uint32_t index = 0);
  ~lane();

  // -- who is here ------------------------------------------------------------

  void adopt(client_adoption&& client);
  void adopt(server_adoption server);
  void adopt(server_handover server);

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

  /// The same for one that can be told so on `last`: its seat is kept until it
  /// has hung up. `cancel` stops what it does, if it is not at rest.
  void see_off(server_link& server, net::stream& last, ec why,
               std::optional<cancel_order> cancel);

  void gone(client_link& client);

  /// Cancel barrier: no lending of this server until as many `unblock`s.
  void block(const server_link& server) noexcept;
  void unblock(server_link& server);

  // -- what the actors decide -------------------------------------------------

  void configure(const tenants::pool_settings& settings);
  void fail_waiters(const refusal& why);
  /// `number` is the same in all lanes of the pool, and no other pause's.
  void pause(std::uint64_t number);
  void resume();
  void retire_servers(std::uint64_t epoch);
  /// Returns how many it closed.
  std::uint32_t shrink(std::uint32_t count);
  void drain(time_point deadline, ec why);
  void kill(ec why);
  /// Its part of `pool_port::reported`.
  [[nodiscard]] pool_port::census census() const;
  [[nodiscard]] pool_port& port() const noexcept {
    return *port_;
  }

  /// Hands servers over, asks other lanes for idle ones, says `starving` if
  /// more are wanted than was said. End of turn.
  void end_turn();

  // -- what other lanes of the pool ask: lane_moves.cpp -----------------------

  /// The lane at this place has waiters and saw idle servers here.
  void asked_by(std::uint32_t index);

  /// They were gone when it was asked.
  void denied();

  /// Something may have changed for its waiters.
  void look_again();

  void on_time(time_point now) override;

  // -- for links --------------------------------------------------------------

  /// Null: it is not here (any more).
  [[nodiscard]] server_link* find_server(server_id which) const noexcept {
    return servers_.find(which);
  }

  [[nodiscard]] shard& home() noexcept {
    return home_;
  }

  /// Its number among the lanes of the pool.
  [[nodiscard]] std::uint32_t index() const noexcept {
    return index_;
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
    return is_replication_;
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

  /// How a client was greeted, for the next one that says the same of itself
  /// and is told the same.
  struct welcome {
    client_profile_ptr profile;
    std::shared_ptr<const greeting> defaults;
    std::shared_ptr<const greeting> said;
    session::reported_values told;
    session::startup_settings startup;
    session::startup_settings given;
    std::vector<std::byte> words; ///< The ParameterStatus messages.
  };

  /// The last one's; may be null.
  [[nodiscard]] std::unique_ptr<welcome>& last_welcome() noexcept {
    return last_welcome_;
  }

  /// What PostgreSQL made of its clients' startup settings.
  [[nodiscard]] session::startup_values& startup_values() noexcept {
    return startup_values_;
  }

  /// Which functions change sessions.
  [[nodiscard]] session::watch& watch() noexcept {
    return watch_;
  }

  /// Another lane of the pool has seen new ones. `is_fresh`: a loan begins. Not
  /// before one does is the list of before a RECONNECT forgotten: who still has
  /// an old server must not keep it to be asked after.
  void look_for_definitions(bool is_fresh) noexcept {
    if (is_fresh && std::exchange(watch_is_old_, false))
      watch_.changed();
    if (!is_shared())
      return;
    const std::uint64_t now = board().definitions;
    if (std::exchange(definitions_seen_, now) != now)
      watch_.changed();
  }

  /// A client made new ones, or they may be others for another reason.
  void definitions_changed() noexcept {
    watch_.changed();
    if (is_shared())
      definitions_seen_ = ++board().definitions;
  }

  /// For `session::statement::renew`.
  [[nodiscard]] std::uint64_t next_edition() noexcept {
    return is_shared() ? ++board().editions : ++editions_;
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
    const auto all = is_shared() ? ++board().pinned : pinned_count_;
    return settings_.pinned_max == 0 || all <= settings_.pinned_max;
  }

  void unpin() noexcept {
    --pinned_count_;
    if (is_shared())
      --board().pinned;
  }

  /// Whether one server listens for all clients: with a single one it would be
  /// the only server, and a hub is one lane's.
  [[nodiscard]] bool shares_listens() const noexcept {
    return follows_sessions() && has_room_for_hub() && !is_shared()
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
  void settle(server_link& server, pool::turn what,
              const lane_board::need& elsewhere = {});
  void lend(pool::assignment to);
  void lend_to_hub(pool::assignment to);
  void carry_out(const pool::assignment& what);
  [[nodiscard]] client_link* find_client(client_id who) const noexcept;
  [[nodiscard]] static bool
  has_client_times(const tenants::pool_settings& of) noexcept;
  void close_server(server_id id, ec why);
  /// Takes it off every list; what it held is the caller's.
  [[nodiscard]] std::vector<quota_unit> strike(server_link& server);
  /// With one server less.
  void make_do();
  /// It came too late.
  void turn_away(server_adoption server);
  void end_clients(const std::vector<client_id>& who, const refusal& why);
  void end_clients(const std::vector<client_id>& who, ec why);
  void note_greeting(std::shared_ptr<const greeting> said);
  void configure_watch() noexcept {
    watch_.configure(follows_sessions() && !is_replication()
                       ? settings_.function_watch_interval
                       : std::chrono::milliseconds{0});
  }
  void tell_demand(std::size_t coming);
  void retire_all();
  void tell_paused();
  void tell_drained();
  void arm();
  [[nodiscard]] bool has_room_for_hub() const noexcept {
    return settings_.pool_size != 1 && settings_.tenant_servers_max != 1
        && settings_.database_servers_max != 1
        && settings_.host_servers_max != 1;
  }

  // -- several lanes: lane_moves.cpp ------------------------------------------

  /// The pool has other lanes.
  [[nodiscard]] bool is_shared() const noexcept {
    return mine_ != nullptr;
  }
  [[nodiscard]] lane_board& board() const noexcept {
    return port_->board();
  }
  [[nodiscard]] bool may_lend() const noexcept {
    return !ledger_.is_paused() && !ending_;
  }
  [[nodiscard]] bool has_servers() const noexcept;
  [[nodiscard]] std::size_t servers_wanted(std::size_t coming) const noexcept;
  void count_elsewhere() noexcept;
  [[nodiscard]] lane_board::need look_around() noexcept {
    return is_shared() ? look_at_others() : lane_board::need{};
  }
  [[nodiscard]] lane_board::need look_at_others() noexcept;
  [[nodiscard]] lane_board::need neediest_waiter() const noexcept;
  void publish() noexcept {
    if (is_shared())
      publish_changes();
  }
  void publish_changes() noexcept;
  void begin_move(server_id server, std::uint32_t to);
  void give_up_move(std::uint32_t to);
  void take_back();
  bool offer_idle();
  void send_moving();
  [[nodiscard]] std::size_t ask_others();
  void wake_waiters();
  template <class Task>
  void post_to(std::uint32_t index, Task task);

  [[nodiscard]] static pool::ledger::settings
  ledger_settings(const tenants::pool_settings& from) noexcept;

  shard& home_;
  lane_id id_;
  std::shared_ptr<pool_port> port_;
  std::uint32_t index_;               ///< On the board.
  lane_board::place* mine_ = nullptr; ///< Null: there is no other lane.
  tenants::pool_settings settings_;
  pool::ledger ledger_;
  session::statement_cache statements_; ///< Outlives the links.
  session::watch watch_;
  std::uint64_t definitions_seen_ = 0;
  bool watch_is_old_ = false;
  std::uint64_t editions_ = 0;
  timers::entry timer_;
  std::unique_ptr<listen_hub> hub_; ///< Outlives the links.
  client_list clients_;             ///< Owned.
  server_list servers_;
  std::vector<pool::assignment> lending_;
  std::vector<client_id> client_scratch_;
  std::vector<server_id> server_scratch_;
  std::shared_ptr<const greeting> last_greeting_;
  session::startup_values startup_values_;
  std::unique_ptr<welcome> last_welcome_;
  traffic sums_;
  std::uint64_t epoch_ = 0;
  std::size_t wanted_told_ = 0;
  time_point tell_again_at_ = never;
  time_point drain_deadline_ = never;
  std::uint64_t pause_number_ = 0;
  /// Out of the ledger, to be sent to another lane at the end of the turn.
  struct move {
    server_id server;
    std::uint32_t to = 0;
  };
  std::vector<move> moving_;
  std::vector<move> move_scratch_;
  time_point move_again_at_ = never; ///< One could not move just now.
  time_point ask_at_ = never;        ///< Others, for what they have idle.
  std::size_t waiting_told_ = 0;     ///< Of ours in `lane_board::waiting`.
  std::uint32_t cut_short_ = 0;
  std::uint32_t pinned_count_ = 0;
  std::optional<ec> ending_;
  bool is_replication_; ///< Of the key, which is far away.
  bool times_clients_ = false;
  bool is_lending_ = false;
  bool was_denied_ = false;
  bool pause_unanswered_ = false;
  bool drain_unanswered_ = false;
};

} // namespace cenote::proxy
