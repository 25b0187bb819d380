#pragma once

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "base/result.hpp"
#include "net/engine.hpp"
#include "proxy/data_plane.hpp"

namespace cenote::proxy {

class shard;

/// All shards of the node, and the one implementation of `data_plane`: every
/// call is a post to the lane's shard.
class shards final : public data_plane {
public:
  /// Makes one engine for each shard.
  using engine_maker = result<std::unique_ptr<net::engine>> (*)();

  /// Starts `count` shards, each on a thread of its own. Fails with what
  /// `make_engine` fails with.
  static result<std::unique_ptr<shards>>
  start(std::size_t count, engine_maker make_engine, edge_port& edge);

  ~shards() override;

  /// Ends all threads; links still open are closed without a word. Idempotent.
  void stop() noexcept;

  lane_ref open_lane(std::shared_ptr<pool_port> port,
                     const tenants::pool_settings& settings) override;
  void configure_lane(lane_ref where,
                      const tenants::pool_settings& settings) override;
  void fail_waiters(lane_ref where, refusal why) override;
  void pause_lane(lane_ref where) override;
  void resume_lane(lane_ref where) override;
  void retire_servers(lane_ref where, std::uint64_t epoch,
                      std::shared_ptr<const void> until_told) override;
  void shrink_lane(lane_ref where, std::uint32_t count) override;
  void drain_lane(lane_ref where, time_point deadline, ec why) override;
  void kill_lane(lane_ref where, ec why) override;
  void close_lane(lane_ref where) override;
  void report(lane_ref where) override;
  void end_client(client_id who, ec why) override;
  void adopt(lane_ref where, client_adoption client) override;
  void adopt(lane_ref where, server_adoption server) override;
  [[nodiscard]] lane_ref place(lane_ref where, const subscription& seat,
                               std::uint32_t here) override;
  void adopt_here(shard& home, lane_ref where,
                  client_adoption&& client) override;
  bool open_porches(const porch_maker_ptr& by) override;
  void end_logins(ec why) override;
  void cancel(cancel_key key) override;
  void cancel_settled(std::uint32_t shard, std::uint64_t ticket,
                      bool acknowledged) override;
  [[nodiscard]] std::size_t shard_count() const noexcept override;
  void snapshot(std::shared_ptr<snapshot_sink> to, bool with_links) override;

private:
  shards() = default;

  /// Posts `task(lane&)` to the lane's shard, or to those of all lanes that
  /// `where` means; nothing happens if it is not there.
  template <class Task>
  void with_lane(lane_ref where, Task task);

  /// Where the lane of this number lives; null if there is no such shard.
  [[nodiscard]] shard* home_of(lane_ref where, std::uint32_t index) noexcept;

  std::vector<std::unique_ptr<shard>> shards_;
  std::vector<std::thread> threads_;
  std::atomic<std::uint64_t> last_lane_{0};
  std::atomic<std::uint64_t> last_pause_{0};
};

} // namespace cenote::proxy
