#include "pool/fair_queue.hpp"

#include <algorithm>

namespace cenote::pool {

bool fair_queue::push(std::string_view tenant, request_id request,
                      unsigned weight) {
  if (places_.contains(request))
    return false;
  auto known = tenants_.find(tenant);
  if (known == tenants_.end()) {
    // A newcomer is last in the round; its deficit starts at nothing, so that
    // leaving and coming back gains no turn.
    turns_.push_back({std::string{tenant}, {}, 1, 0});
    known = tenants_.emplace(tenant, std::prev(turns_.end())).first;
  }
  auto which = known->second;
  which->weight = std::max(weight, 1u);
  which->requests.push_back(request);
  places_.emplace(request, place{which, std::prev(which->requests.end())});
  return true;
}

bool fair_queue::cancel(request_id request) {
  const auto found = places_.find(request);
  if (found == places_.end())
    return false;
  const auto [which, at] = found->second;
  places_.erase(found);
  which->requests.erase(at);
  if (which->requests.empty())
    drop(which);
  return true;
}

std::optional<fair_queue::grant> fair_queue::pop() {
  if (turns_.empty())
    return std::nullopt;
  const auto which = turns_.begin();
  if (which->deficit == 0)
    which->deficit = which->weight;
  auto next = grant{which->tenant, which->requests.front()};
  which->requests.pop_front();
  places_.erase(next.request);
  if (which->requests.empty())
    drop(which);
  else if (--which->deficit == 0)
    turns_.splice(turns_.end(), turns_, which);
  return next;
}

bool fair_queue::empty() const noexcept {
  return turns_.empty();
}

std::size_t fair_queue::size() const noexcept {
  return places_.size();
}

std::size_t fair_queue::tenant_count() const noexcept {
  return turns_.size();
}

void fair_queue::drop(turns::iterator which) {
  tenants_.erase(which->tenant);
  turns_.erase(which);
}

} // namespace cenote::pool
