#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "proxy/data_plane.hpp"

namespace cenote::test {

/// A data plane on which nothing happens. A double overrides what its test
/// looks at.
class quiet_data_plane : public proxy::data_plane {
public:
  proxy::lane_ref open_lane(std::shared_ptr<proxy::pool_port>,
                            const tenants::pool_settings&) override {
    return {};
  }

  void configure_lane(proxy::lane_ref, const tenants::pool_settings&) override {
  }

  void fail_waiters(proxy::lane_ref, proxy::refusal) override {}
  void pause_lane(proxy::lane_ref) override {}
  void resume_lane(proxy::lane_ref) override {}
  void retire_servers(proxy::lane_ref, std::uint64_t,
                      std::shared_ptr<const void>) override {}
  void shrink_lane(proxy::lane_ref, std::uint32_t) override {}
  void drain_lane(proxy::lane_ref, time_point, ec) override {}
  void kill_lane(proxy::lane_ref, ec) override {}
  void close_lane(proxy::lane_ref) override {}
  void report(proxy::lane_ref) override {}
  void end_client(client_id, ec) override {}
  void adopt(proxy::lane_ref, proxy::client_adoption) override {}
  void adopt(proxy::lane_ref, proxy::server_adoption) override {}
  void cancel(proxy::cancel_key) override {}
  void cancel_settled(std::uint32_t, std::uint64_t, bool) override {}

  [[nodiscard]] std::size_t shard_count() const noexcept override {
    return 1;
  }

  void snapshot(std::shared_ptr<proxy::snapshot_sink>, bool) override {}
};

} // namespace cenote::test
