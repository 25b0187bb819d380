#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <caf/actor_control_block.hpp>
#include <caf/replies_to.hpp>
#include <caf/type_id.hpp>
#include <caf/typed_actor.hpp>

#include "registry/caf_compat.hpp"

namespace cenote::registry {

/// A name and who has it. `actors/` knows what kind of actor `actor` is.
struct registration {
  std::string name;
  std::string node;
  caf::strong_actor_ptr actor;
  std::string relay;             ///< Where other nodes send its clients; unused
                                 ///< on a single node.
  std::int64_t time_unix_us = 0; ///< When; the older one wins a conflict.
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, registration& x) {
  return f(caf::meta::type_name("cenote::registry::registration"), x.name,
           x.node, x.actor, x.relay, x.time_unix_us);
}

} // namespace cenote::registry

CAF_BEGIN_TYPE_ID_BLOCK(cenote_registry, caf::first_custom_type_id)

CAF_ADD_TYPE_ID(cenote_registry, (cenote::registry::registration))

CENOTE_ADD_ATOM(cenote_registry, forget)
CENOTE_ADD_ATOM(cenote_registry, members)
CAF_ADD_ATOM(cenote_registry, cenote::atom, register_or_lookup, "reg_lookup")
CENOTE_ADD_ATOM(cenote_registry, whereis)

CAF_END_TYPE_ID_BLOCK(cenote_registry)

namespace cenote::registry {

/// The REGISTRY actor interface. One per node; the one owner of the names whose
/// home this node is. It monitors every registered actor; a name is free again
/// when its actor is down. It keeps nothing over its own restart: who has a
/// name says so again.
using registry_actor = caf::typed_actor<
  // Gives the name to the candidate, or says who has it already. Idempotent:
  // who has the name may ask again. One message, so two who race for a name get
  // the same answer.
  caf::replies_to<atom::register_or_lookup, registration>::with<registration>,
  // Who has the name. Fails with `unknown_tenant`.
  caf::replies_to<atom::whereis, std::string>::with<registration>,
  // The names of the live nodes, sorted.
  caf::replies_to<atom::members>::with<std::vector<std::string>>,
  // Frees the name if this very actor has it. Idempotent; for a supervisor that
  // heard of the actor's end earlier than REGISTRY.
  caf::reacts_to<atom::forget, std::string, caf::strong_actor_ptr>>;

} // namespace cenote::registry
