#include "proxy/edge/key_store.hpp"

namespace cenote::proxy::edge {

void key_store::put(std::string_view tenant, std::string_view user,
                    const secret& verifier, const protocol::scram_keys& keys) {
  auto lock = std::lock_guard{mutex_};
  auto at = tenants_.find(tenant);
  if (at == tenants_.end())
    at = tenants_.emplace(tenant, user_map{}).first;
  auto known = at->second.find(user);
  if (known == at->second.end())
    at->second.emplace(std::string{user}, entry{verifier, keys});
  else if (!(known->second.verifier == verifier)) // It has one pair of keys.
    known->second = entry{verifier, keys};
}

std::optional<protocol::scram_keys>
key_store::find(std::string_view tenant, std::string_view user,
                const secret& verifier) const {
  auto lock = std::lock_guard{mutex_};
  auto at = tenants_.find(tenant);
  if (at == tenants_.end())
    return std::nullopt;
  auto found = at->second.find(user);
  if (found == at->second.end() || !(found->second.verifier == verifier))
    return std::nullopt;
  return found->second.keys;
}

void key_store::forget(std::string_view tenant) {
  auto lock = std::lock_guard{mutex_};
  auto at = tenants_.find(tenant);
  if (at != tenants_.end())
    tenants_.erase(at);
}

std::size_t key_store::size() const {
  auto lock = std::lock_guard{mutex_};
  std::size_t sum = 0;
  for (const auto& [tenant, users] : tenants_)
    sum += users.size();
  return sum;
}

} // namespace cenote::proxy::edge
