#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "proxy/quotas.hpp"
#include "tenants/catalog.hpp"
#include "tenants/pool_spec.hpp"

namespace cenote::proxy::edge {

/// A quota that several pools share. While `queued` is not zero, somebody waits
/// in ADMISSION's queue: nobody may take a unit past it.
struct shared_quota {
  quota_ptr units;
  std::atomic<std::uint32_t> queued{0};
};

using shared_quota_ptr = std::shared_ptr<shared_quota>;

/// What a client needs a unit of: its user's, database's, tenant's, the node's
/// quota. Valid for as long as it is held; limits follow the catalog.
using client_quotas = quota_list;

/// What a server of one pool needs a unit of. Valid for as long as it is held;
/// limits follow the catalog.
struct server_quotas {
  quota_ptr pool;                       ///< `pool_size`; all lanes together.
  std::vector<shared_quota_ptr> shared; ///< Database, tenant, host, node.
  shared_quota_ptr logins; ///< Logins under way to the host; not kept.
};

/// Hears that a unit came back that somebody wanted. Any thread, must not
/// block.
class quota_listener {
public:
  virtual ~quota_listener() = default;
  virtual void unit_returned(quota& which) noexcept = 0;
};

/// All quotas of the node by name: found or made, never two for one name. The
/// units outlive everything that may be restarted; they are the truth about how
/// many clients and servers there are. Any thread; a lock is taken per login of
/// a client and per new pool, never on the way of a byte.
class quota_book {
public:
  quota_book();
  ~quota_book();
  quota_book(const quota_book&) = delete;
  quota_book& operator=(const quota_book&) = delete;

  /// The quotas that a client counts against, as a list of its own: for who
  /// keeps it for the next ones. `user` is the client's own user within the
  /// tenant (not `spec.key.user`).
  [[nodiscard]] client_quotas client_quotas_of(const tenants::pool_spec& spec,
                                               std::string_view user);

  /// One unit of each. Fails with `too_many_clients_user`, `_tenant` (also for
  /// the database) or `too_many_clients` and takes nothing then.
  [[nodiscard]] static result<quota_units> take(const client_quotas& from);

  /// The quotas that servers of this pool count against, with the limits of
  /// `spec`.
  [[nodiscard]] server_quotas quotas_of(const tenants::pool_spec& spec);

  /// Takes over the limits of a new catalog; also before the first client, else
  /// the node has the built-in limits. Forgets names that nobody uses any more.
  void apply(const tenants::catalog& now);

  /// Who hears of units that came back; null for nobody.
  void listen(std::shared_ptr<quota_listener> who);

  /// Units in use, for SHOW and metrics.
  [[nodiscard]] quota::count node_clients() const noexcept;
  [[nodiscard]] quota::count node_servers() const noexcept;

private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

} // namespace cenote::proxy::edge
