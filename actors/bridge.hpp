#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <asio/awaitable.hpp>

#include "actors/admin_types.hpp"
#include "base/result.hpp"
#include "net/unique_fd.hpp"
#include "proxy/edge/services.hpp"

namespace cenote::actors {

class house;

/// How a coroutine of the edge asks an actor and waits for the answer without
/// blocking anything: the right to answer travels inside the message (see
/// `reply`). The coroutine's executor must run one handler at a time.
class bridge final : public proxy::edge::pool_directory {
public:
  explicit bridge(std::shared_ptr<house> with);

  std::optional<proxy::edge::admission>
  enter(const tenants::pool_spec& spec, client_id who,
        proxy::quota_units& units) override;

  /// Asks again, within the one deadline, when the actor that had the order
  /// died. When the coroutine is cancelled or out of time the order is
  /// abandoned: whoever would answer it takes the seat back.
  asio::awaitable<proxy::edge::subscribe_outcome>
  subscribe(std::shared_ptr<const tenants::pool_spec> spec, client_id who,
            proxy::quota_units units) override;

  asio::awaitable<admin_reply> run(admin_command command);

private:
  std::shared_ptr<house> with_;
};

/// Connects to a daemon's admin socket, for a program that is to speak CAF over
/// it. Blocks. Fails with `os_error`.
[[nodiscard]] result<net::unique_fd> dial_admin_socket(const std::string& path);

} // namespace cenote::actors
