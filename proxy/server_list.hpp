#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "base/strong_id.hpp"
#include "pool/id_table.hpp"

namespace cenote::proxy {

class server_link;

/// The servers of a lane: owns them, and finds one by its id in one look.
class server_list {
public:
  server_list() = default;
  server_list(const server_list&) = delete;
  server_list& operator=(const server_list&) = delete;
  ~server_list();

  /// Its id must not be there (asserted).
  server_link& add(std::unique_ptr<server_link> which);

  /// Out of the list. Null: it is not there.
  [[nodiscard]] std::unique_ptr<server_link> take(server_id id) noexcept;

  /// Null: it is not there.
  [[nodiscard]] server_link* find(server_id id) const noexcept {
    return servers_.find(id.value()).link;
  }

  [[nodiscard]] std::size_t size() const noexcept {
    return servers_.size();
  }

  [[nodiscard]] bool empty() const noexcept {
    return servers_.size() == 0;
  }

  /// Calls `each(server_link&)` for all, in no order.
  template <class Each>
  void for_each(Each each) const {
    servers_.for_each([&](const cell& at) { each(*at.link); });
  }

private:
  struct cell {
    std::uint64_t id = 0;
    server_link* link = nullptr; ///< Owned.
  };

  struct id_of {
    std::uint64_t operator()(const cell& at) const noexcept {
      return at.id;
    }
  };

  pool::id_table<cell, id_of> servers_;
};

} // namespace cenote::proxy
