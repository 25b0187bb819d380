// The lane's listening server, as one that borrows from the ledger.

#include <variant>

#include "proxy/lane.hpp"
#include "proxy/listen_hub.hpp"
#include "proxy/server_link.hpp"
#include "proxy/shard.hpp"

namespace cenote::proxy {

listen_hub& lane::hub() {
  if (hub_ == nullptr)
    hub_ = std::make_unique<listen_hub>(*this);
  return *hub_;
}

bool lane::may_keep(const server_link& server) const noexcept {
  return !server.doomed && !ending_ && !ledger_.is_paused()
      && !ledger_.is_stale(server.id());
}

void lane::checkout_for_hub() {
  auto outcome = ledger_.checkout(listen_hub::waiter, home_.now());
  if (auto* now = std::get_if<pool::assignment>(&outcome))
    return lend(*now);
  if (std::holds_alternative<pool::refused>(outcome))
    return hub_->refused();
  home_.mark(*this);
  arm();
}

void lane::leave_queue_for_hub() noexcept {
  ledger_.leave_queue(listen_hub::waiter);
}

void lane::lend_to_hub(pool::assignment to) {
  auto* server = servers_.find(to.server);
  if (server == nullptr)
    return hub_->refused();
  if (!hub_->wants_server()) {
    hub_->refused();
    return settle(*server, ledger_.checkin(to.loan, pool::server_verdict::clean,
                                           home_.now()));
  }
  ++sums_.server_assignments;
  server->assign(to.loan);
  hub_->take(*server);
}

} // namespace cenote::proxy
