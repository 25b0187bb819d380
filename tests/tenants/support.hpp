#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tenants/catalog.hpp"

/// Short forms for the tables of this folder.
namespace cenote::tenants::test {

inline credential plain(std::string text) {
  return plain_password{secret{std::move(text)}};
}

inline user make_user(std::string name, std::string password = "pw") {
  auto out = user{};
  out.name = std::move(name);
  out.password = plain(std::move(password));
  return out;
}

inline database make_database(std::string name, std::string host = "h") {
  auto out = database{};
  out.name = std::move(name);
  out.host = std::move(host);
  return out;
}

inline tenant make_tenant(std::string id, std::vector<database> databases = {},
                          std::vector<user> users = {}) {
  auto out = tenant{};
  out.id = std::move(id);
  out.databases = std::move(databases);
  out.users = std::move(users);
  return out;
}

inline catalog make_catalog(std::vector<tenant> all,
                            pool_options defaults = {}) {
  return catalog{std::move(all), std::move(defaults), node_limits{}};
}

} // namespace cenote::tenants::test
