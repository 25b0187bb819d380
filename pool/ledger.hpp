#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/strong_id.hpp"
#include "pool/id_index.hpp"

namespace cenote::pool {

/// How a loan ended, in the words of the one who saw the server last.
enum class server_verdict : std::uint8_t {
  clean,   ///< Lend it again.
  tainted, ///< Needs a reset before the next client.
  broken,  ///< Close it: what it would say next is unknown.
};

/// `server` belongs to `client` until the loan is checked in. 0 is "none".
struct assignment {
  client_id client;
  server_id server;
  loan_id loan;

  friend bool operator==(const assignment&, const assignment&) = default;
};

/// What has become of a server that was just given to the ledger.
enum class server_fate : std::uint8_t {
  ignored,   ///< Nothing to do: an ended loan, an unknown server, or not free.
  parked,    ///< In the ledger: idle, or held back by `block`.
  lent,      ///< The first waiter has it: see `turn::next`.
  moving,    ///< Already out of the ledger; caller hands it to another lane.
  resetting, ///< Caller resets it, then says `reset_done` or `server_lost`.
  closing,   ///< Already out of the ledger; caller closes it: `turn::why`.
};

/// The ledger's answer when a server becomes free.
struct turn {
  server_fate fate = server_fate::ignored;
  ec why = ec::none; ///< With `closing`: what the log and the metric say.
  assignment next;   ///< With `lent`: whose turn it is.
};

/// In the queue; the assignment comes out of a later call.
struct queued {};

struct refused {
  ec why; ///< `too_many_waiters` or `pool_draining`.
};

using checkout_outcome = std::variant<assignment, queued, refused>;

/// A server that `retire_due` wants closed. It is out of the ledger already.
struct retirement {
  server_id server;
  ec why; ///< `server_lifetime`, `server_idle` or `server_retired`.
};

/// Counts of one lane, for SHOW POOLS and for the POOL WORKER.
struct ledger_numbers {
  std::size_t idle = 0;
  std::size_t lent = 0;                   ///< sv_active
  std::size_t resetting = 0;              ///< sv_tested
  std::size_t held = 0;                   ///< Free, but a cancel is in flight.
  std::size_t waiting = 0;                ///< cl_waiting
  time_point oldest_waiter_since = never; ///< maxwait; `never`: nobody waits.

  [[nodiscard]] std::size_t servers() const noexcept {
    return idle + lent + resetting + held;
  }

  friend bool operator==(const ledger_numbers&, const ledger_numbers&)
    = default;
};

/// Who gets which server of one lane. Servers are lent last in, first out (the
/// warm one again, so that the others can grow idle and be closed); waiters are
/// served first in, first out.
///
/// One per lane, lives on the lane's shard. Constant time per call unless a
/// call says otherwise, and no allocation once the lane has seen its largest
/// number of servers and waiters. Ids are opaque and never looked into: an id
/// that was used again for someone else is a different id.
///
/// While nobody paused the lane, there is never a waiter and an idle server at
/// the same time. A server that came out of a call as `closing`, as `moving` or
/// in a list to close is forgotten: saying `server_lost` about it is allowed
/// and ignored.
class ledger {
public:
  struct settings {
    /// Clients that may wait, 0 = nobody; one more is refused with
    /// `too_many_waiters`.
    std::size_t waiter_count_max = 10'000;
    /// How long a client may wait; 0 = for ever.
    duration query_wait_max{0};
    /// Servers older than this are closed when free; 0 = never. (PgBouncer's
    /// "use once" is one tick.)
    duration server_lifetime{0};
    /// Servers idle for longer are closed; 0 = never.
    duration server_idle_max{0};
    /// Idle servers are not closed below this number.
    std::size_t server_count_min = 0;
    /// The pool's size; 0 = not limited here. Paces the closings for age, and
    /// what is above it (after a resize) is closed as it becomes free, a server
    /// that was just added included.
    std::size_t server_count_max = 0;

    friend bool operator==(const settings&, const settings&) = default;
  };

  explicit ledger(const settings& with);

  /// New settings hold for those who wait already, too.
  void configure(const settings& with) noexcept;

  [[nodiscard]] const settings& current_settings() const noexcept {
    return settings_;
  }

  // -- clients ----------------------------------------------------------------

  /// Lends the most recently used idle server, or puts the client at the end of
  /// the queue. A client in the queue must not ask again (asserted).
  [[nodiscard]] checkout_outcome checkout(client_id client, time_point now);

  /// Takes a client that gives up out of the queue. False: it was not in it
  /// (perhaps its turn had come; then there is a loan to check in).
  bool leave_queue(client_id client) noexcept;

  [[nodiscard]] bool is_waiting(client_id client) const noexcept;

  /// Ends a loan. `clean` goes to the first waiter at once; too old, stale and
  /// surplus servers are closed instead. An ended loan's id is ignored.
  ///
  /// `waiter_elsewhere`, here and below: since when the oldest waiter of the
  /// pool's other lanes waits. If none of ours waits for longer, what could be
  /// lent or parked is `moving` instead.
  [[nodiscard]] turn checkin(loan_id loan, server_verdict verdict,
                             time_point now,
                             time_point waiter_elsewhere = never);

  /// Appends the clients whose `query_wait_max` is over; they are out of the
  /// queue. Linear in their number.
  void expire_waiters(time_point now, std::vector<client_id>& expired);

  /// When `expire_waiters` has something to do next; `never` if not.
  [[nodiscard]] time_point next_deadline() const noexcept;

  /// Appends everybody in the queue, oldest first, and empties it: a login
  /// failed and there is no server to wait for.
  void take_waiters(std::vector<client_id>& ended);

  // -- servers ----------------------------------------------------------------

  /// A logged-in server joins the lane: new, or handed over by another lane.
  /// Its id must be new to the ledger (asserted).
  [[nodiscard]] turn add_server(server_id server, time_point connected_at,
                                time_point now,
                                time_point waiter_elsewhere = never);

  /// A `resetting` server is clean again. In any other state: ignored.
  [[nodiscard]] turn reset_done(server_id server, time_point now,
                                time_point waiter_elsewhere = never);

  /// The server is gone, whatever its state; unknown ids are ignored. Returns
  /// the loan that ended with it.
  std::optional<assignment> server_lost(server_id server) noexcept;

  /// A cancel is on its way to this server: it must not be lent to anyone else
  /// until PostgreSQL has acknowledged. Counted: each needs its `unblock`. The
  /// present loan goes on.
  void block(server_id server) noexcept;

  /// One cancel of this server is acknowledged (or failed for good). An unknown
  /// server or one without a block is ignored.
  [[nodiscard]] turn unblock(server_id server, time_point now,
                             time_point waiter_elsewhere = never);

  /// The next server that is due to be closed; call until there is none, now
  /// and then (a second or so apart). Order: surplus, lifetime, idle. Closings
  /// for age are `server_lifetime / server_count_max` apart, so that servers
  /// opened together do not all go together. Linear in the idle servers.
  [[nodiscard]] std::optional<retirement> retire_due(time_point now);

  /// Takes out the server that was idle the longest: for a lane that has
  /// waiters, or because the budget of servers asks for it back.
  [[nodiscard]] std::optional<server_id> take_coldest_idle() noexcept;

  /// How many servers of the pool are not in this ledger: its size and its
  /// minimum are for all lanes together.
  void set_elsewhere(std::size_t servers) noexcept {
    elsewhere_ = servers;
  }

  // -- admin ------------------------------------------------------------------

  /// No lending; checkouts queue up, loans run on. Idempotent. PgBouncer's
  /// PAUSE is `pause` and `reconnect`; it is over when `is_quiet`.
  void pause() noexcept;

  /// Ends a pause and appends what can be lent now.
  void resume(std::vector<assignment>& lent);

  /// For good: checkouts are refused with `pool_draining`, the waiters (into
  /// `ended`) and the idle servers (into `to_close`) are handed back, the
  /// others are closed as their loans end.
  void drain(std::vector<client_id>& ended, std::vector<server_id>& to_close);

  /// Replaces all present servers: idle ones are handed back for closing, the
  /// others are closed when they become free. Linear in the servers.
  void reconnect(std::vector<server_id>& to_close);

  // -- numbers ----------------------------------------------------------------

  [[nodiscard]] ledger_numbers numbers() const noexcept;

  [[nodiscard]] bool is_paused() const noexcept {
    return paused_;
  }

  [[nodiscard]] bool is_draining() const noexcept {
    return draining_;
  }

  /// No loan, no reset and no cancel under way: a pause or a drain is complete.
  [[nodiscard]] bool is_quiet() const noexcept;

  /// Servers that should be opened, with `logins` of this lane under way and
  /// `coming` servers of other lanes: one per waiter who has none coming, and
  /// what `server_count_min` lacks. Never above `server_count_max`. 0 while
  /// paused or draining.
  [[nodiscard]] std::size_t
  servers_wanted(std::size_t logins, std::size_t coming = 0) const noexcept;

  /// It is closed as soon as it is free: `reconnect` was called since it came.
  [[nodiscard]] bool is_stale(server_id server) const noexcept;

  /// Who holds this server; none if it is not lent.
  [[nodiscard]] std::optional<assignment>
  loan_of(server_id server) const noexcept;

  /// Walks everything and asserts the invariants. For tests; linear.
  void check() const;

private:
  using slot = std::uint32_t;
  static constexpr slot no_slot = 0xffff'ffff;

  enum class server_state : std::uint8_t {
    free_slot, ///< In no list but the free one.
    idle,      ///< In the idle list, most recently used first.
    lent,
    resetting,
    held, ///< Free to lend, but blocked.
  };
  static constexpr std::size_t server_state_count = 5;

  struct server_entry {
    server_id id;
    client_id client; ///< With `lent`.
    time_point connected_at{};
    time_point idle_since{};  ///< With `idle`.
    slot prev = no_slot;      ///< With `idle`.
    slot next = no_slot;      ///< With `idle`, `free_slot`.
    std::uint32_t loan = 0;   ///< With `lent`: the loan's generation.
    std::uint32_t blocks = 0; ///< Cancels in flight.
    server_state state = server_state::free_slot;
    bool stale = false; ///< Close it as soon as it is free.
  };

  struct waiter_entry {
    client_id id;
    time_point since{};
    slot prev = no_slot;
    slot next = no_slot;
  };

  [[nodiscard]] assignment lend(slot at, client_id client) noexcept;
  [[nodiscard]] turn settle(slot at, time_point now,
                            time_point waiter_elsewhere);
  turn close(slot at, ec why, time_point now) noexcept;
  [[nodiscard]] ec reason_to_close(const server_entry& server,
                                   time_point now) const noexcept;
  [[nodiscard]] bool is_too_old(const server_entry& server,
                                time_point now) const noexcept;
  [[nodiscard]] bool has_surplus() const noexcept;

  void move_to(slot at, server_state to) noexcept;
  void push_idle(slot at) noexcept;
  void unlink_idle(slot at) noexcept;
  void forget(slot at) noexcept;
  void take_idle_servers(std::vector<server_id>& into);
  [[nodiscard]] slot new_server(server_id id);
  [[nodiscard]] std::size_t count(server_state of) const noexcept;
  void check_servers() const;
  void check_waiters() const;

  void push_waiter(client_id client, time_point now);
  [[nodiscard]] client_id pop_waiter() noexcept;
  void unlink_waiter(slot at) noexcept;

  settings settings_;
  std::vector<server_entry> servers_;
  std::vector<waiter_entry> waiters_;
  id_index server_slots_;
  id_index waiter_slots_;
  std::size_t counts_[server_state_count] = {}; ///< By `server_state`.
  slot idle_first_ = no_slot;                   ///< Most recently used.
  slot idle_last_ = no_slot;                    ///< Idle the longest.
  slot servers_free_ = no_slot;
  slot waiter_first_ = no_slot;
  slot waiter_last_ = no_slot;
  slot waiters_free_ = no_slot;
  std::size_t elsewhere_ = 0;
  std::uint32_t loan_generation_ = 0;
  std::optional<time_point> last_age_closing_;
  bool paused_ = false;
  bool draining_ = false;
};

} // namespace cenote::pool
