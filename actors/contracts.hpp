#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/replies_to.hpp>
#include <caf/type_id.hpp>
#include <caf/typed_actor.hpp>

#include "actors/messages.hpp"
#include "registry/contracts.hpp"
#include "tenants/catalog.hpp"

namespace cenote::actors {

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, admin_command& x) {
  return f(caf::meta::type_name("cenote::actors::admin_command"), x.verb,
           x.target, x.wait, x.time_max_ms);
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, admin_pool_row& x) {
  return f(caf::meta::type_name("cenote::actors::admin_pool_row"), x.tenant,
           x.user, x.database, x.mode, x.shard, x.lane, x.clients, x.servers,
           x.servers_max, x.state);
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, admin_tenant_row& x) {
  return f(caf::meta::type_name("cenote::actors::admin_tenant_row"), x.tenant,
           x.pools, x.clients, x.servers);
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, admin_reply& x) {
  return f(caf::meta::type_name("cenote::actors::admin_reply"), x.code, x.text,
           x.count, x.pools, x.tenants, x.paused);
}

} // namespace cenote::actors

// Only what leaves the process has a type id; it goes by name on the wire.
CAF_BEGIN_TYPE_ID_BLOCK(cenote_actors, caf::id_block::cenote_registry::end)

CAF_ADD_TYPE_ID(cenote_actors, (cenote::actors::admin_command))
CAF_ADD_TYPE_ID(cenote_actors, (cenote::actors::admin_pool_row))
CAF_ADD_TYPE_ID(cenote_actors, (cenote::actors::admin_reply))
CAF_ADD_TYPE_ID(cenote_actors, (cenote::actors::admin_tenant_row))

CENOTE_ADD_ATOM(cenote_actors, announce)
CENOTE_ADD_ATOM(cenote_actors, apply)
CENOTE_ADD_ATOM(cenote_actors, cancel)
CENOTE_ADD_ATOM(cenote_actors, census)
CENOTE_ADD_ATOM(cenote_actors, configure)
CENOTE_ADD_ATOM(cenote_actors, drain)
CENOTE_ADD_ATOM(cenote_actors, drained)
CENOTE_ADD_ATOM(cenote_actors, ended)
CENOTE_ADD_ATOM(cenote_actors, failed)
CENOTE_ADD_ATOM(cenote_actors, give_back)
CENOTE_ADD_ATOM(cenote_actors, gone)
CENOTE_ADD_ATOM(cenote_actors, granted)
CENOTE_ADD_ATOM(cenote_actors, idle)
CENOTE_ADD_ATOM(cenote_actors, leave)
CENOTE_ADD_ATOM(cenote_actors, opened)
CENOTE_ADD_ATOM(cenote_actors, pause)
CENOTE_ADD_ATOM(cenote_actors, queue)
CENOTE_ADD_ATOM(cenote_actors, resume)
CENOTE_ADD_ATOM(cenote_actors, retire)
CENOTE_ADD_ATOM(cenote_actors, returned)
CENOTE_ADD_ATOM(cenote_actors, run)
CENOTE_ADD_ATOM(cenote_actors, starving)
CENOTE_ADD_ATOM(cenote_actors, subscribe)
CENOTE_ADD_ATOM(cenote_actors, tick)
CENOTE_ADD_ATOM(cenote_actors, warm)

CAF_END_TYPE_ID_BLOCK(cenote_actors)

// Local messages: copied by pointer, never serialised.
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cenote::client_id)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cenote::actors::admin_order)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cenote::actors::drain_order)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cenote::actors::drain_report)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cenote::actors::greeting_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cenote::actors::login_failed)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cenote::actors::login_refused)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cenote::actors::slot_grant)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cenote::actors::slot_request)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cenote::actors::subscribe_order)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cenote::proxy::lane_numbers)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cenote::proxy::pool_port::census)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cenote::proxy::refusal)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cenote::tenants::catalog_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cenote::tenants::pool_key)

namespace cenote::actors {

/// The MANAGER actor interface. One MANAGER per pool key; it hears of a client
/// twice, when it joins and when it leaves.
using manager_actor = caf::typed_actor<
  // Seats a client, or refuses it: `pool_draining`, `tenant_banned`, a failing
  // server's own words. While the pool was never greeted by a server the client
  // waits for the first login. Undone by `leave`; an asker who gave up is
  // noticed when it is answered.
  caf::reacts_to<atom::subscribe, subscribe_order>,
  // A client is gone. Idempotent: an unknown client is ignored.
  caf::reacts_to<atom::leave, client_id>,
  // No lending. Replies true when no server is lent any more, false when a
  // `resume` came first. Idempotent: who got no answer asks again.
  caf::replies_to<atom::pause>::with<bool>,
  // Lends again. Idempotent.
  caf::replies_to<atom::resume>::with<void>,
  // The pool is to be closed because nobody is there. True: nobody is, and
  // nobody gets a seat from now on. False: somebody came.
  caf::replies_to<atom::retire>::with<bool>,
  // The pool's settings, target or flags changed: look at them again.
  caf::reacts_to<atom::configure>,
  // From POOL WORKER: a login failed. Whoever waits for the first login is told
  // the same.
  caf::reacts_to<atom::failed, login_refused>,
  // From the lane: a server is there, and this is how it greets.
  caf::reacts_to<atom::opened, greeting_ptr>,
  // From the lane: `pause` took full effect.
  caf::reacts_to<atom::pause, bool>,
  // From the lane: who is there. Replaces what MANAGER thought.
  caf::reacts_to<atom::census, proxy::pool_port::census>,
  // INTERNAL: Runs the idle clock.
  caf::reacts_to<atom::tick>>;

/// The POOL WORKER actor interface. One per lane; it opens servers, as many as
/// are wanted and the quotas give units for.
using pool_worker_actor = caf::typed_actor<
  // From MANAGER: a client waits for the pool's first greeting. Answered by
  // `failed` to MANAGER or by the lane's `opened`. Idempotent.
  caf::reacts_to<atom::warm>,
  // From the lane: waiters could use more servers. Said again every second.
  caf::reacts_to<atom::starving, proxy::lane_numbers>,
  // From the lane: a login ended well.
  caf::reacts_to<atom::opened, greeting_ptr>,
  // From the edge: a login failed.
  caf::reacts_to<atom::failed, login_failed>,
  // From the lane: a server is gone.
  caf::reacts_to<atom::gone>,
  // From the lane: what is there. Replaces what POOL WORKER thought.
  caf::reacts_to<atom::census, proxy::pool_port::census>,
  // The pool's settings, target or flags changed: look at them again.
  caf::reacts_to<atom::configure>,
  // From ADMISSION: the unit this worker queued for.
  caf::reacts_to<atom::granted, slot_grant>,
  // From ADMISSION: others starve under a quota this pool has units of. Gives
  // back so many idle servers if it has them.
  caf::reacts_to<atom::give_back, std::uint32_t>,
  // INTERNAL: Tries again what could not be done before.
  caf::reacts_to<atom::tick>>;

/// The ADMISSION actor interface. One per node; where a shared quota is full,
/// tenants take turns here.
using admission_actor = caf::typed_actor<
  // Queues a worker for a unit. Answered by `granted`. Idempotent per ticket:
  // may be repeated, and is after a restart of ADMISSION.
  caf::reacts_to<atom::queue, slot_request, pool_worker_actor>,
  // The worker does not need it any more. Idempotent.
  caf::reacts_to<atom::cancel, std::uint64_t>,
  // From the quota book, any thread: a unit of the quota at this address came
  // back.
  caf::reacts_to<atom::returned, std::uint64_t>,
  // INTERNAL: Asks more pools to make room for the line of this quota, if it is
  // still the line of this number.
  caf::reacts_to<atom::tick, std::uint64_t, std::uint64_t>>;

/// The TENANT SUPERVISOR actor interface. One per tenant, its name unique. Per
/// pool key it has a MANAGER and a POOL WORKER (rest_for_one).
using tenant_supervisor_actor = caf::typed_actor<
  // Finds or starts the pool and passes the order on to its MANAGER. Refuses
  // with `too_many_pools`, `tenant_down`, `tenant_removed`,
  // `pool_start_failed`. An order that meets a pool at its end waits for the
  // next one, also where a catalog ended it and a later one has it again; where
  // all places for pools are taken, one without clients is ended first,
  // preferably one that never had a server.
  caf::reacts_to<atom::subscribe, subscribe_order>,
  // A new catalog: new limits, new targets, drains what is gone. Idempotent.
  caf::reacts_to<atom::apply, tenants::catalog_ptr>,
  // Ends the matching pools. Replies when the last of them is closed.
  caf::replies_to<atom::drain, drain_order>::with<drain_report>,
  // The operator says: try again. Ends `down`. Idempotent.
  caf::reacts_to<atom::resume>,
  // There is a new REGISTRY: say your name to it.
  caf::reacts_to<atom::announce, registry::registry_actor>,
  // From the lane: its drain is over; so many clients were cut short.
  caf::reacts_to<atom::drained, tenants::pool_key, std::uint32_t>,
  // From MANAGER: nobody was there for the pool's idle time.
  caf::reacts_to<atom::idle, tenants::pool_key>,
  // From NODE SUPERVISOR: is there nothing left to do? True only if there is no
  // pool and none is about to be.
  caf::replies_to<atom::retire>::with<bool>,
  // INTERNAL: Ends a quiet period, kills lanes whose drain never ends.
  caf::reacts_to<atom::tick>>;

/// The NODE SUPERVISOR actor interface. The root: starts everything else, and
/// starts it anew (one_for_one).
using node_supervisor_actor = caf::typed_actor<
  // Passes the order on to the one TENANT SUPERVISOR of that name, which is
  // started if need be. Refuses with `tenant_down`.
  caf::reacts_to<atom::subscribe, subscribe_order>,
  // A new catalog: to all tenants.
  caf::reacts_to<atom::apply, tenants::catalog_ptr>,
  // Ends the matching pools of all tenants. Replies when all are closed.
  caf::replies_to<atom::drain, drain_order>::with<drain_report>,
  // Brings back the matching tenants that are down. Idempotent.
  caf::reacts_to<atom::resume, std::string>,
  // Passes the order on to ADMIN.
  caf::reacts_to<atom::run, admin_order>,
  // The same for a request, from another process or not.
  caf::replies_to<atom::run, admin_command>::with<admin_reply>,
  // From TENANT SUPERVISOR: it has no pool left.
  caf::reacts_to<atom::idle, std::string>,
  // INTERNAL: Ends quiet periods.
  caf::reacts_to<atom::tick>>;

/// The ADMIN actor interface: the one set of operations behind console, HTTP
/// and `cenotectl`.
using admin_actor = caf::typed_actor<
  // Runs an operation for somebody in this process.
  caf::reacts_to<atom::run, admin_order>,
  // Runs an operation. Never fails: a failure is an `admin_reply` too. Waits as
  // long as the operation takes.
  caf::replies_to<atom::run, admin_command>::with<admin_reply>,
  // From the daemon or a shard: what has this number ended. Once, or never.
  caf::reacts_to<atom::ended, std::uint64_t, admin_reply>,
  // INTERNAL: Asks again those who have not answered yet.
  caf::reacts_to<atom::tick>>;

} // namespace cenote::actors
