#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace cenote::pool {

/// Requests for something scarce (server slots under a shared cap), granted so
/// that tenants take turns however many requests each has: deficit round robin
/// with a cost of one per request. Within a tenant: first in, first out.
///
/// A tenant costs memory only while it has requests. Amortised constant time
/// per call, but for one look-up of the tenant by name in `push`.
class fair_queue {
public:
  using request_id = std::uint64_t;

  struct grant {
    std::string tenant;
    request_id request = 0;
  };

  /// Queues a request. `weight` (at least 1) is how many requests in a row the
  /// tenant is granted when its turn comes; the latest one said counts. False:
  /// that request is queued already.
  bool push(std::string_view tenant, request_id request, unsigned weight = 1);

  /// Withdraws a request. False: it is not queued (perhaps it was granted).
  bool cancel(request_id request);

  /// The next to be granted, taken out; nothing when empty.
  [[nodiscard]] std::optional<grant> pop();

  [[nodiscard]] bool empty() const noexcept;
  [[nodiscard]] std::size_t size() const noexcept;
  /// Tenants that have a request queued.
  [[nodiscard]] std::size_t tenant_count() const noexcept;

private:
  struct turn {
    std::string tenant;
    std::list<request_id> requests;
    unsigned weight = 1;
    unsigned deficit = 0; ///< Grants left of the turn under way.
  };
  using turns = std::list<turn>;
  struct place {
    turns::iterator turn;
    std::list<request_id>::iterator request;
  };

  void drop(turns::iterator which);

  turns turns_; ///< In the order of their turns; only tenants with requests.
  std::map<std::string, turns::iterator, std::less<>> tenants_;
  std::unordered_map<request_id, place> places_;
};

} // namespace cenote::pool
