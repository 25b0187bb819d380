#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "proxy/adoption.hpp"
#include "proxy/cancel_keys.hpp"
#include "proxy/lane_ref.hpp"
#include "proxy/pool_port.hpp"
#include "proxy/porch.hpp"
#include "proxy/snapshot.hpp"
#include "tenants/pool_spec.hpp"

namespace cenote::proxy {

/// A CancelRequest that must reach a server before that server may be lent
/// again.
struct cancel_order {
  std::shared_ptr<const tenants::server_target> target;
  peer_name server; ///< The address it was reached at.
  std::uint32_t backend_pid = 0;
  std::vector<std::byte> backend_key;
  std::uint32_t shard = 0;
  std::uint64_t ticket = 0; ///< Comes back in `data_plane::cancel_settled`.
};

/// What shards ask of the edge. Any thread, never blocks.
class edge_port {
public:
  virtual ~edge_port() = default;

  /// Delivers a CancelRequest to PostgreSQL and waits for its acknowledgement
  /// (end of stream), within `limits::cancel_time_max`; then calls
  /// `data_plane::cancel_settled`, in every case.
  virtual void deliver_cancel(cancel_order order) noexcept = 0;
};

/// The data plane as the actors and the edge see it: shards and their lanes.
/// Every call is a message to the lane's shard: any thread, never blocks;
/// unknown or closed lanes are ignored. Messages of one caller to one shard
/// keep their order. What is said of a `lane_ref` with several lanes is said to
/// each, and answered once, for all of them.
class data_plane {
public:
  virtual ~data_plane() = default;

  // -- for MANAGER and POOL WORKER --------------------------------------------

  /// Makes a lane on the least loaded shard, or as many as `settings.lanes` and
  /// the number of shards allow, each on another.
  virtual lane_ref open_lane(std::shared_ptr<pool_port> port,
                             const tenants::pool_settings& settings)
    = 0;

  /// Live change of limits and times.
  virtual void configure_lane(lane_ref where,
                              const tenants::pool_settings& settings)
    = 0;

  /// A login failed and the pool has no server: ends its present waiters with
  /// `why`. With at least one live server the waiters go on waiting.
  virtual void fail_waiters(lane_ref where, refusal why) = 0;

  /// No lending until `resume`; loans end as usual. Answered by
  /// `pool_port::paused`.
  virtual void pause_lane(lane_ref where) = 0;
  virtual void resume_lane(lane_ref where) = 0;

  /// Servers with an epoch below `epoch` are closed as they come free
  /// (RECONNECT, change of target). `until_told` is let go, on whatever thread,
  /// when each lane knows: nobody is lent such a server any more. It may be
  /// null.
  virtual void retire_servers(lane_ref where, std::uint64_t epoch,
                              std::shared_ptr<const void> until_told)
    = 0;

  /// Closes up to `count` idle servers, those idle the longest first: other
  /// pools wait for what they hold.
  virtual void shrink_lane(lane_ref where, std::uint32_t count) = 0;

  /// Stops lending for new transactions, lets what is in flight finish until
  /// `deadline`, ends every client with `why` (FATAL), closes the servers.
  /// Answered by `pool_port::drained`.
  virtual void drain_lane(lane_ref where, time_point deadline, ec why) = 0;

  /// Ends every client and server now.
  virtual void kill_lane(lane_ref where, ec why) = 0;

  /// Frees the lane (after drain or kill, or when empty). Clients that arrive
  /// after it are ended with `pool_draining`.
  virtual void close_lane(lane_ref where) = 0;

  /// Answered by `pool_port::reported`.
  virtual void report(lane_ref where) = 0;

  /// Ends one client with `why`. Ignored if it is gone.
  virtual void end_client(client_id who, ec why) = 0;

  // -- for the edge -----------------------------------------------------------

  /// Hands a logged-in client to its lane; of several, to the one with the
  /// fewest clients.
  virtual void adopt(lane_ref where, client_adoption client) = 0;

  /// Hands a logged-in server to its lane; of several, to the first.
  virtual void adopt(lane_ref where, server_adoption server) = 0;

  /// The lane of the pool that a client with this seat should be in: the one on
  /// the shard `here`, unless another has fewer clients. `adopt` takes it as it
  /// is.
  [[nodiscard]] virtual lane_ref place(lane_ref where, const subscription&,
                                       std::uint32_t) {
    return where;
  }

  /// Like `adopt`, at once: on the thread of `where.shard`, which `place` gave,
  /// with a client that is on its engine already or has a socket.
  virtual void adopt_here(shard&, lane_ref, client_adoption&&) {
    // nop
  }

  /// Gives every shard a porch, where clients log in. False: there are no
  /// shards to have one, the caller must accept clients itself. At most once.
  virtual bool open_porches(const porch_maker_ptr&) {
    return false;
  }

  /// Ends the logins under way on the porches.
  virtual void end_logins(ec) {
    // nop
  }

  /// A CancelRequest arrived with this key. A key nobody has does nothing.
  virtual void cancel(cancel_key key) = 0;

  /// The order with this ticket was acknowledged or given up. `acknowledged`:
  /// it will strike nobody any more, or was never sent.
  virtual void cancel_settled(std::uint32_t shard, std::uint64_t ticket,
                              bool acknowledged)
    = 0;

  // -- for the console and metrics --------------------------------------------

  [[nodiscard]] virtual std::size_t shard_count() const noexcept = 0;

  /// Asks every shard for a snapshot.
  virtual void snapshot(std::shared_ptr<snapshot_sink> to, bool with_links) = 0;
};

} // namespace cenote::proxy
