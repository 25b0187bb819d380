#pragma once

namespace cenote::tenants {

struct user;
struct database;
struct tenant;
class catalog;
class catalog_cell;
struct pool_key;
struct pool_settings;
struct pool_spec;
struct server_target;

} // namespace cenote::tenants
