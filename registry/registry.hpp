#pragma once

#include <map>
#include <string>
#include <vector>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "registry/contracts.hpp"

namespace cenote::registry {

/// Unique names on one node.
struct registry_state {
  static inline const char* name = "registry";

  registry_actor::pointer self = nullptr;
  std::string node;
  std::map<std::string, registration, std::less<>> names;

  registration register_or_lookup(registration candidate);
  caf::result<registration> whereis(const std::string& wanted) const;
  void forget(const std::string& which, const caf::strong_actor_ptr& who);
  void on_down(const caf::actor_addr& who);
};

registry_actor::behavior_type
registry_behavior(registry_actor::stateful_pointer<registry_state> self,
                  std::string node);

} // namespace cenote::registry
