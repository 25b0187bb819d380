#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/strong_id.hpp"
#include "net/engine.hpp"
#include "net/mailbox.hpp"
#include "pool/id_table.hpp"
#include "proxy/adoption.hpp"
#include "proxy/cancel_keys.hpp"
#include "proxy/client_parts.hpp"
#include "proxy/data_plane.hpp"
#include "proxy/ended_sums.hpp"
#include "proxy/porch.hpp"
#include "proxy/server_farewell.hpp"
#include "proxy/timed.hpp"
#include "session/settings.hpp"

namespace cenote::proxy {

class client_link;
class lane;
class server_link;

/// One data-plane thread: an engine, the lanes placed here and all their links.
/// Only `post`, `stop` and the load counters may be called from elsewhere.
class shard {
public:
  shard(std::uint32_t index, std::unique_ptr<net::engine> engine,
        edge_port& edge);
  ~shard();
  shard(const shard&) = delete;
  shard& operator=(const shard&) = delete;

  // -- any thread -------------------------------------------------------------

  /// Runs `task` (noexcept) on the shard, in the order of one caller's posts.
  template <class Task>
  void post(Task&& task) {
    if (mail_.post(std::forward<Task>(task)))
      engine_->wake();
  }

  /// Makes `run` return after this turn. Links still open are closed without a
  /// word.
  void stop() noexcept;

  /// How much lives here, for placing new lanes.
  [[nodiscard]] std::uint32_t load() const noexcept {
    return load_.load(std::memory_order_relaxed);
  }

  // -- the thread -------------------------------------------------------------

  /// The thread's body: turns until `stop`.
  void run();

  /// One turn: mail, sockets, timers, burials. Waits at most until `until`.
  void turn(time_point until);

  // -- shard thread only ------------------------------------------------------

  [[nodiscard]] std::uint32_t index() const noexcept {
    return index_;
  }

  /// Before any of them runs: all shards of the node, by index.
  void set_peers(std::vector<shard*> all) {
    peers_ = std::move(all);
  }

  [[nodiscard]] shard& peer(std::uint32_t index) noexcept {
    return *peers_[index];
  }

  [[nodiscard]] net::engine& io() noexcept {
    return *engine_;
  }

  [[nodiscard]] time_point now() const noexcept {
    return engine_->now();
  }

  [[nodiscard]] timers& clocks() noexcept {
    return timers_;
  }

  [[nodiscard]] session::value_store& values() noexcept {
    return values_;
  }

  [[nodiscard]] session::settings_store& lists() noexcept {
    return lists_;
  }

  /// A buffer for messages of our own, empty at every use.
  [[nodiscard]] std::vector<std::byte>& scratch() noexcept {
    scratch_.clear();
    return scratch_;
  }

  [[nodiscard]] std::string& tag_scratch() noexcept {
    tag_scratch_.clear();
    return tag_scratch_;
  }

  void open_lane(lane_id id, std::shared_ptr<pool_port> port,
                 const tenants::pool_settings& settings,
                 std::uint32_t index = 0);
  void close_lane(lane_id id);
  [[nodiscard]] lane* find_lane(lane_id id) noexcept;

  void adopt(lane_id where, client_adoption&& client);
  void adopt(lane_id where, server_adoption server);

  /// Has the porch made.
  void build(porch_maker& by);
  void end_logins(ec why);

  /// All clients that are here, whichever lane's. Forgetting is idempotent.
  void remember_client(client_link& who);
  void forget_client(client_link& who) noexcept;
  /// Null: it is not here (any more).
  [[nodiscard]] client_link* find_client(client_id who) const noexcept {
    return clients_.find(who.value());
  }

  /// Of the clients here.
  [[nodiscard]] cancel_keys& keys() noexcept {
    return cancel_keys_;
  }
  void cancel(const cancel_key& key);
  void end_client(client_id who, ec why);
  /// Counts and logs a client's end.
  void tell_ended(ec why, client_id who, const std::string& pool,
                  const std::string& peer);
  void count_given_up() noexcept {
    ++servers_given_up_;
  }

  /// Sends a CancelRequest for a server of a lane on its way;
  /// `server_link::cancel_settled` hears the end.
  void order_cancel(lane_id where, server_id which, cancel_order order);
  void cancel_settled(std::uint64_t ticket, bool acknowledged);
  [[nodiscard]] server_id next_server_id() noexcept;

  /// Links are freed after the turn: their callbacks may be on the stack.
  void bury(std::unique_ptr<client_link> link);
  void bury(std::unique_ptr<server_link> link);

  /// A server ends: `last` is told so.
  void see_off(net::stream& last, server_farewell::estate left);
  /// The same for one that is not on the engine yet.
  void see_off(net::unique_fd socket, std::unique_ptr<net::tls_session> tls,
               server_farewell::estate left);
  void over(server_farewell& which);

  /// The lane is asked for its demand at the end of the turn, once.
  void mark(lane& which);

  /// Buffers for held bytes go round, so that waiting allocates nothing in the
  /// long run.
  [[nodiscard]] std::vector<std::byte> take_buffer();
  void give_buffer(std::vector<std::byte> buffer) noexcept;

  [[nodiscard]] kept_bytes_ptr take_kept();
  void give_kept(kept_bytes_ptr spent) noexcept;

  [[nodiscard]] shard_snapshot snapshot(bool with_links);

private:
  void fire_timers();
  void finish_turn();
  void ask_marked();

  std::uint32_t index_;
  std::unique_ptr<net::engine> engine_;
  edge_port& edge_;
  std::vector<shard*> peers_;
  net::mailbox mail_;
  std::atomic<bool> stopping_{false};
  std::atomic<std::uint32_t> load_{0};

  timers timers_;
  session::value_store values_;
  session::settings_store lists_;
  std::vector<std::byte> scratch_;
  std::string tag_scratch_;
  std::vector<std::vector<std::byte>> buffers_;
  std::vector<kept_bytes_ptr> kept_;

  std::vector<std::unique_ptr<client_link>> dead_clients_;
  std::vector<std::unique_ptr<server_link>> dead_servers_;
  std::vector<std::unique_ptr<server_farewell>> leaving_servers_;
  std::vector<std::unique_ptr<server_farewell>> gone_servers_;
  std::unordered_map<lane_id, std::unique_ptr<lane>> lanes_;
  std::vector<std::unique_ptr<lane>> dead_lanes_;
  ended_sums ended_;
  std::vector<lane*> marked_;
  cancel_keys cancel_keys_;
  struct id_of_client {
    std::uint64_t operator()(const client_link* of) const noexcept;
  };
  pool::id_table<client_link*, id_of_client> clients_;
  struct victim {
    lane_id where;
    server_id which;
  };
  std::unordered_map<std::uint64_t, victim> tickets_;
  std::unique_ptr<porch> porch_; ///< May be null.
  reason_sums clients_ended_;
  std::uint64_t servers_given_up_ = 0;
  std::uint64_t last_ticket_ = 0;
  std::uint64_t last_server_ = 0;
};

} // namespace cenote::proxy
