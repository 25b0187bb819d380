#include "registry/registry.hpp"

namespace cenote::registry {

registration registry_state::register_or_lookup(registration candidate) {
  auto [at, is_new] = names.try_emplace(candidate.name, candidate);
  if (is_new)
    self->monitor(candidate.actor);
  return at->second;
}

caf::result<registration>
registry_state::whereis(const std::string& wanted) const {
  auto at = names.find(wanted);
  if (at == names.end())
    return caf::make_error(ec::unknown_tenant);
  return at->second;
}

void registry_state::forget(const std::string& which,
                            const caf::strong_actor_ptr& who) {
  auto at = names.find(which);
  if (at == names.end() || at->second.actor != who)
    return;
  self->demonitor(caf::actor_cast<caf::actor_addr>(at->second.actor));
  names.erase(at);
}

void registry_state::on_down(const caf::actor_addr& who) {
  std::erase_if(names, [&who](const auto& entry) {
    return caf::actor_cast<caf::actor_addr>(entry.second.actor) == who;
  });
}

registry_actor::behavior_type
registry_behavior(registry_actor::stateful_pointer<registry_state> self,
                  std::string node) {
  install_handlers(self, registry_state::name);
  self->state.self = self;
  self->state.node = std::move(node);
  self->set_down_handler(
    [self](caf::down_msg& down) { self->state.on_down(down.source); });
  return {
    [self](atom::register_or_lookup, registration& candidate) {
      return self->state.register_or_lookup(std::move(candidate));
    },
    [self](atom::whereis, const std::string& wanted) {
      return self->state.whereis(wanted);
    },
    [self](atom::members) {
      return std::vector<std::string>{self->state.node};
    },
    [self](atom::forget, const std::string& which,
           const caf::strong_actor_ptr& who) {
      self->state.forget(which, who);
    },
  };
}

} // namespace cenote::registry
