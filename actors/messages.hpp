#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "actors/admin_types.hpp"
#include "actors/reply.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/strong_id.hpp"
#include "proxy/edge/quota_book.hpp"
#include "proxy/greeting.hpp"
#include "proxy/lane_ref.hpp"
#include "proxy/pool_port.hpp"
#include "tenants/pool_spec.hpp"

/// What is in the actors' messages when it is more than one or two values. Only
/// `admin_command` and `admin_reply` leave the process; the rest holds pointers
/// and never does. No message has a secret, a socket or a buffer: a
/// `pool_spec`, whose target knows a password, travels as a pointer.
namespace cenote::actors {

using spec_ptr = std::shared_ptr<const tenants::pool_spec>;
using greeting_ptr = std::shared_ptr<const proxy::greeting>;

/// A seat that was given: the lane, the greeting, and whom to tell when it is
/// free again.
struct seat {
  proxy::lane_ref lane;
  greeting_ptr greet;
  std::shared_ptr<proxy::pool_port> port;
};

using seat_answer = std::variant<proxy::refusal, seat>;

/// A client wants a seat in the pool of `spec`. On its way it passes from NODE
/// SUPERVISOR to TENANT SUPERVISOR to MANAGER; whoever refuses or seats it
/// completes `answer`.
struct subscribe_order {
  client_id who;
  spec_ptr spec;
  reply<seat_answer> answer;
};

/// A server login failed, and what it held, still owned by the message: nobody
/// counts a unit without the login it was for.
struct login_failed {
  proxy::refusal why;
  std::shared_ptr<std::vector<proxy::quota_unit>> seat;
};

/// The pool's server logins fail.
struct login_refused {
  proxy::refusal why;
  time_point retry_at{};     ///< No login before this.
  std::uint32_t working = 0; ///< Servers that the pool has all the same.
};

/// End pools: `target` as in `admin_command`.
struct drain_order {
  std::string target;
  duration time_max{}; ///< For clients in a transaction; 0: end them now.
  ec why = ec::killed_by_admin;
};

/// What came of it.
struct drain_report {
  std::uint32_t pools = 0;
  std::uint32_t clients = 0;   ///< Subscribed when it began.
  std::uint32_t cut_short = 0; ///< Ended in the middle of a transaction.
};

/// A POOL WORKER found a shared quota full.
struct slot_request {
  std::uint64_t ticket = 0; ///< The worker's own number for it.
  proxy::edge::shared_quota_ptr quota;
  tenants::pool_key pool; ///< Whose worker it is; its tenant is whose turn.
};

/// A unit for a worker that waited, still owned by the message: a worker that
/// is gone gives it back by not being there.
struct slot_grant {
  std::uint64_t ticket = 0;
  proxy::edge::shared_quota_ptr quota;
  std::shared_ptr<proxy::quota_unit> unit;
};

/// An admin operation from inside the process.
struct admin_order {
  admin_command command;
  reply<admin_reply> answer;
};

} // namespace cenote::actors
