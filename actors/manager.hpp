#pragma once

#include <optional>
#include <vector>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>

#include "actors/house.hpp"
#include "pool/roster.hpp"

namespace cenote::actors {

struct manager_options {
  house_ptr with;
  live_pool_ptr pool;
  /// A predecessor was there: ask the lane who is in the pool before deciding
  /// anything.
  bool is_successor = false;
};

/// Who is in a pool. The seats are `pool::roster`'s; here is what has to do
/// with messages: who waits for the pool's first server, who asked for quiet.
struct manager_state {
  static inline const char* name = "manager";

  manager_actor::pointer self = nullptr;
  house_ptr with;
  live_pool_ptr pool;
  std::optional<pool::roster> seats;
  greeting_ptr greet;
  /// Seated, waiting for the first login.
  std::vector<subscribe_order> cold;
  /// Not looked at yet: the census is on its way.
  std::vector<subscribe_order> held;
  /// No server, and none may be tried before its time.
  std::optional<login_refused> failing;
  std::vector<caf::typed_response_promise<bool>> pausing;
  bool is_waiting_for_census = false;
  bool is_idle_check = false;
  time_point tick_at = never;
  /// When somebody was last seen to have come in by the pool's open door.
  time_point entered_at = time_point::min();

  void start(const manager_options& options);
  void subscribe(subscribe_order order);
  void leave(client_id who);
  caf::result<bool> pause();
  void resume();
  bool retire();
  void configure();
  void on_failed(login_refused what);
  void on_opened(greeting_ptr said);
  void on_paused();
  void on_census(const proxy::pool_port::census& now);
  void on_tick();

private:
  [[nodiscard]] time_point now() const;
  void admit(subscribe_order order);
  void give_seat(const subscribe_order& order);
  void refuse_cold(const proxy::refusal& why);
  void warm();
  void count();
  /// How long the pool may be empty; 0 = any time.
  [[nodiscard]] duration idle_time_max() const;
  /// Leaves the pool's door open as long as anybody would get a seat at once.
  void mind_the_door();
  /// A tick not later than `pause` from now.
  void arm(duration pause);
};

manager_actor::behavior_type
manager_behavior(manager_actor::stateful_pointer<manager_state> self,
                 manager_options options);

} // namespace cenote::actors
