#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "actors/house.hpp"
#include "pool/backoff.hpp"

namespace cenote::actors {

struct pool_worker_options {
  house_ptr with;
  live_pool_ptr pool;
  /// A predecessor was there: ask the lane what it needs before opening
  /// anything.
  bool is_successor = false;
};

/// Opens the servers of one lane. How many there are is never counted here: the
/// units of the pool's quota are the truth, over every restart.
struct pool_worker_state {
  static inline const char* name = "pool worker";

  pool_worker_actor::pointer self = nullptr;
  house_ptr with;
  live_pool_ptr pool;
  std::optional<pool::backoff> retry;
  /// The last failed login, in the server's own words.
  proxy::refusal last_refusal;
  std::shared_ptr<const tenants::server_target> target;
  /// What the last server of this target said.
  greeting_ptr greet;
  /// One for each login under way.
  std::vector<proxy::quota_unit> login_units;
  std::uint32_t opening = 0; ///< Logins under way that we ordered.
  std::uint32_t wanted = 0;  ///< Servers that waiters could use.
  /// When the lane said so; while somebody waits it says it each second.
  time_point wanted_at{};
  bool is_warm_wanted = false;
  bool is_waiting_for_census = false;
  /// What is queued in ADMISSION; empty without.
  std::optional<slot_request> queued;
  time_point tick_at = never;
  /// Since when PostgreSQL says that it is starting, or ending; `never`
  /// without.
  time_point not_yet_since = never;

  void start(const pool_worker_options& options);
  void warm();
  void on_starving(const proxy::lane_numbers& now);
  void on_opened(greeting_ptr said);
  void on_failed(login_failed what);
  void on_gone();
  void on_census(const proxy::pool_port::census& now);
  void on_granted(slot_grant grant);
  void on_give_back(std::uint32_t count);
  void configure();
  void on_tick();

private:
  [[nodiscard]] time_point now() const;
  /// Servers there are, or that a predecessor's login will make.
  [[nodiscard]] std::uint32_t working() const;
  [[nodiscard]] std::uint32_t logins_wanted() const;
  /// Whether anybody waits for a server that is not under way.
  [[nodiscard]] bool is_anybody_waiting() const;
  /// Whether nobody is told of failures, as the next try may well succeed.
  [[nodiscard]] bool is_patient() const;
  void set_wanted(const proxy::lane_numbers& numbers);
  void look_at_target();
  void login_ended();
  void fill();
  /// Orders one login. False: something is full, or ADMISSION was asked.
  bool open_one(slot_grant grant);
  void queue_up(const proxy::edge::shared_quota_ptr& quota);
  void leave_queue();
  void tell_failing();
  void arm(duration pause);
};

pool_worker_actor::behavior_type pool_worker_behavior(
  pool_worker_actor::stateful_pointer<pool_worker_state> self,
  pool_worker_options options);

} // namespace cenote::actors
