#include "proxy/ended_sums.hpp"

#include "base/limits.hpp"

namespace cenote::proxy {

void ended_sums::add(const tenants::pool_key& pool, const traffic& sums) {
  if (sums == traffic{})
    return;
  auto name = std::pair{pool.tenant, pool.database};
  if (sums_.size() >= limits::ended_names_max && !sums_.contains(name))
    name.second = "*";
  sums_[std::move(name)] += sums;
}

std::vector<ended_row> ended_sums::rows() const {
  auto out = std::vector<ended_row>{};
  out.reserve(sums_.size());
  for (const auto& [name, sums] : sums_)
    out.push_back({name.first, name.second, sums});
  return out;
}

} // namespace cenote::proxy
