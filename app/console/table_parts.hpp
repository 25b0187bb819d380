#pragma once

#include "app/console/view.hpp"
#include "protocol/rows.hpp"

/// The rows of single tables; `write_table` has written their columns.
namespace cenote::app {

void write_clients(protocol::row_writer& to, const view& of);
void write_servers(protocol::row_writer& to, const view& of);

/// Both, in the long form; `only_active`: those that carry something now.
void write_sockets(protocol::row_writer& to, const view& of, bool only_active);

void write_pools(protocol::row_writer& to, const view& of);
void write_databases(protocol::row_writer& to, const view& of);
void write_users(protocol::row_writer& to, const view& of);

} // namespace cenote::app
