#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/strong_id.hpp"
#include "pool/id_table.hpp"

namespace cenote::pool {

/// A set of clients, at 11 to 21 bytes each. One thread.
class id_set {
public:
  /// False: it is there already. Not 0 (asserted).
  bool insert(client_id who) {
    if (contains(who))
      return false;
    ids_.insert(who);
    return true;
  }

  /// False: it was not there.
  bool erase(client_id who) noexcept {
    return ids_.erase(who.value());
  }

  [[nodiscard]] bool contains(client_id who) const noexcept {
    return static_cast<bool>(ids_.find(who.value()));
  }

  [[nodiscard]] std::size_t size() const noexcept {
    return ids_.size();
  }

  [[nodiscard]] bool empty() const noexcept {
    return size() == 0;
  }

  /// Gives its memory back, too.
  void clear() noexcept {
    ids_.clear();
  }

  /// All of them, in no order.
  [[nodiscard]] std::vector<client_id> list() const {
    std::vector<client_id> out;
    out.reserve(size());
    ids_.for_each([&](client_id each) { out.push_back(each); });
    return out;
  }

private:
  struct id_of {
    std::uint64_t operator()(client_id of) const noexcept {
      return of.value();
    }
  };

  id_table<client_id, id_of> ids_;
};

} // namespace cenote::pool
