#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <vector>

#include "base/clock.hpp"
#include "net/engine.hpp"
#include "proxy/data_plane.hpp"
#include "proxy/lane_ref.hpp"
#include "proxy/pool_port.hpp"
#include "proxy/quotas.hpp"
#include "proxy/timed.hpp"

namespace cenote::proxy {

class shard;

/// A server that left its lane. PostgreSQL counts it until its process has
/// ended, which is when it hangs up; so its units are kept until then, and a
/// pool's servers are never more than `pool_size` in pg_stat_activity either.
/// One at rest is told Terminate. One that works, or that was sent half a
/// message, reads an end instead, which it sees when it is done: so what it
/// does is canceled, again and again. Shard thread.
class server_farewell final : public net::stream_sink, public timed {
public:
  /// Who does not hang up in time loses its units all the same.
  static constexpr auto time_max = std::chrono::seconds{5};

  /// What is told when it is over, and to whom.
  struct estate {
    std::vector<quota_unit> seat;
    std::shared_ptr<pool_port> port;
    lane_ref where;
    ec why = ec::none;
    /// Of a server that is not at rest: what stops it.
    std::optional<cancel_order> cancel = {};

    /// Gives the units back, then tells.
    void settle();
  };

  server_farewell(shard& home, estate left);
  server_farewell(const server_farewell&) = delete;
  server_farewell& operator=(const server_farewell&) = delete;

  /// Says it on `last`, whose sink it becomes.
  void begin(net::stream& last);

  void on_bytes(net::slice in) override;
  void on_drained() override;
  void on_closed(const failure& why) override;
  void on_time(time_point now) override;

private:
  void cancel();
  void end();

  shard& home_;
  estate left_;
  net::stream* stream_ = nullptr;
  time_point ends_{};
  duration pause_{}; ///< Until the next cancel.
  timers::entry timer_;
};

} // namespace cenote::proxy
