#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "proxy/snapshot.hpp"

namespace cenote::proxy {

/// What the lanes of a shard counted that are closed now, so that the sums of a
/// database never go back. Up to `limits::ended_names_max` names are kept; what
/// comes later is counted for "*" of its tenant, because that is what lets
/// clients make names. Shard thread.
class ended_sums {
public:
  void add(const tenants::pool_key& pool, const traffic& sums);

  [[nodiscard]] std::vector<ended_row> rows() const;

private:
  /// By tenant and database.
  std::map<std::pair<std::string, std::string>, traffic> sums_;
};

} // namespace cenote::proxy
