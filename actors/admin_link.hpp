#pragma once

#include <caf/fwd.hpp>

#include "actors/house.hpp"
#include "net/unique_fd.hpp"

/// How `cenotectl` reaches ADMIN: CAF speaks over a unix socket that the edge
/// accepted and checked. No port that speaks CAF is ever opened.
namespace cenote::actors {

/// Loads what CAF needs to speak to another process. Before the system starts.
void load_admin_link(caf::actor_system_config& with);

/// Hands CAF the daemon's end of a connection. Any thread; the thread that
/// calls it first is bound to nothing.
void attach_admin_link(caf::actor_system& system, const house_ptr& with,
                       net::unique_fd connection);

} // namespace cenote::actors
