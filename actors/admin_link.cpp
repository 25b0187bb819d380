#include "actors/admin_link.hpp"

#include <set>
#include <string>
#include <utility>

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/io/basp_broker.hpp>
#include <caf/io/middleman.hpp>
#include <caf/io/network/default_multiplexer.hpp>

namespace cenote::actors {

void load_admin_link(caf::actor_system_config& with) {
  with.load<caf::io::middleman>();
}

void attach_admin_link(caf::actor_system& system, const house_ptr& with,
                       net::unique_fd connection) {
  auto admin = with->admin();
  if (!admin)
    return; // Being restarted; the other end sees the connection close.
  auto& middleman = system.middleman();
  auto broker = middleman.named_broker<caf::io::basp_broker>(caf::atom("BASP"));
  auto& multiplexer
    = dynamic_cast<caf::io::network::default_multiplexer&>(middleman.backend());
  auto scribe = multiplexer.new_scribe(connection.release());
  caf::anon_send(
    broker, caf::publish_atom_v, std::move(scribe), std::uint16_t{1},
    caf::actor_cast<caf::strong_actor_ptr>(admin), system.message_types(admin));
}

} // namespace cenote::actors
