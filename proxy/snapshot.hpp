#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/strong_id.hpp"
#include "proxy/adoption.hpp"
#include "proxy/lane_ref.hpp"
#include "proxy/pool_port.hpp"
#include "tenants/pool_spec.hpp"

namespace cenote::proxy {

enum class client_state : std::uint8_t { active, idle, waiting };

enum class server_state : std::uint8_t {
  active,
  idle,
  used,
  tested, ///< Resetting or recovering.
  being_canceled,
  listening, ///< For clients of the pool: docs/listen.md.
};

/// Sums since the start of the process. Times in microseconds.
struct traffic {
  std::uint64_t server_assignments = 0;
  std::uint64_t transactions = 0;
  std::uint64_t queries = 0;
  std::uint64_t bytes_received = 0; ///< From clients.
  std::uint64_t bytes_sent = 0;     ///< To clients.
  std::uint64_t transaction_time_us = 0;
  std::uint64_t query_time_us = 0;
  std::uint64_t wait_time_us = 0;
  std::uint64_t client_parses = 0;
  std::uint64_t server_parses = 0;
  std::uint64_t binds = 0;
  std::uint64_t logins = 0;
  std::uint64_t pins = 0;          ///< Times that a client kept its server.
  std::uint64_t questions = 0;     ///< Asked about what was left behind.
  std::uint64_t notifications = 0; ///< Told by a listening server, per client.
  std::uint64_t listening_losses = 0; ///< Listening servers lost.
  /// Sent once more because a plan was out of date.
  std::uint64_t repeated_batches = 0;
  std::uint64_t servers_taken = 0; ///< From other lanes of the pool.

  traffic& operator+=(const traffic& other) noexcept;

  friend bool operator==(const traffic&, const traffic&) = default;
};

/// A sum per reason since the start of the process, of one shard.
class reason_sums {
public:
  void add(ec why) noexcept {
    ++sums_[static_cast<std::uint8_t>(why)];
  }

  [[nodiscard]] std::uint64_t of(ec why) const noexcept {
    return sums_[static_cast<std::uint8_t>(why)];
  }

  reason_sums& operator+=(const reason_sums& other) noexcept;

private:
  std::array<std::uint64_t, 256> sums_{};
};

struct client_row {
  client_id id;
  tenants::pool_key pool;
  client_state state = client_state::idle;
  peer_name peer;
  peer_name local;
  std::int64_t connect_time_unix = 0; ///< Seconds.
  std::int64_t request_time_unix = 0; ///< Last request, seconds.
  std::uint64_t wait_us = 0;          ///< How long it has been waiting now.
  std::uint32_t link_pid = 0;         ///< Backend pid of the lent server, or 0.
  server_id link;
  bool is_tls = false;
  std::string application_name;
  std::uint32_t prepared_statements = 0; ///< Named ones; session mode: 0.
  std::string_view pin_reason; ///< Why it keeps its server; empty: it does not.
  std::uint64_t pinned_us = 0; ///< How long it has.
  std::uint32_t channels = 0;  ///< That the listening server hears for it.
};

struct server_row {
  server_id id;
  tenants::pool_key pool;
  server_state state = server_state::idle;
  peer_name peer;
  peer_name local;
  std::int64_t connect_time_unix = 0;
  std::int64_t request_time_unix = 0;
  std::uint32_t backend_pid = 0;
  client_id link;
  bool close_needed = false;
  bool is_tls = false;
  std::string application_name;
  std::uint32_t prepared_statements = 0; ///< As for a client.
};

struct lane_row {
  lane_ref where;
  tenants::pool_key pool;
  tenants::pool_settings settings;
  lane_numbers numbers;
  std::uint32_t clients_active = 0;
  std::uint32_t clients_pinned = 0;
  std::uint32_t channels = 0; ///< That a server listens to for clients.
  std::uint32_t servers_active_cancel = 0;
  std::uint32_t servers_being_canceled = 0;
  std::uint64_t maxwait_us = 0;
  bool paused = false;
  bool draining = false;
  traffic sums;
};

/// What lanes counted that are closed now.
struct ended_row {
  std::string tenant;
  std::string database;
  traffic sums;
};

/// What one shard shows of itself. Taken on the shard, read elsewhere.
struct shard_snapshot {
  std::uint32_t shard = 0;
  const char* engine = "";
  std::vector<lane_row> lanes;
  std::vector<ended_row> ended;
  std::vector<client_row> clients;
  std::vector<server_row> servers;
  reason_sums clients_ended; ///< By us, not by themselves.
  /// Their units were given back though PostgreSQL had not hung up.
  std::uint64_t servers_given_up = 0;
};

/// Collects one snapshot per shard. `arrived` is called on each shard's thread,
/// once per shard; the implementation counts.
class snapshot_sink {
public:
  virtual ~snapshot_sink() = default;
  virtual void arrived(shard_snapshot part) noexcept = 0;
};

} // namespace cenote::proxy
