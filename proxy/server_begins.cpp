// Begins a block that its client is in already: docs/lazy-begin.md.

#include <string_view>
#include <utility>

#include "protocol/messages.hpp"
#include "protocol/writer.hpp"
#include "proxy/client_link.hpp"
#include "proxy/lane.hpp"
#include "proxy/server_link.hpp"
#include "proxy/shard.hpp"

namespace cenote::proxy {

namespace {

using protocol::transaction_status;

/// Fails in a transaction block, whoever asks: there is no such savepoint.
constexpr std::string_view failing_sql = "rollback to cenote_canceled";

} // namespace

void server_link::begin(std::span<const std::byte> query, bool fails) {
  unnamed_is_foreign();
  auto& out = lane_.home().scratch();
  out.insert(out.end(), query.begin(), query.end());
  if (expect_own('Q') != ec::none)
    return fail(ec::server_protocol_violation);
  if (fails) {
    protocol::writer to{out};
    protocol::query_message{failing_sql}.encode(to);
    if (expect_own('Q') != ec::none)
      return fail(ec::server_protocol_violation);
  }
  own_error_.clear();
  beginning_
    = fails ? transaction_status::failed : transaction_status::in_block;
  send_copy(out);
}

void server_link::begun() {
  if (!mirror_.owes_nothing())
    return;
  const auto wanted = *std::exchange(beginning_, std::nullopt);
  auto error = std::exchange(own_error_, {});
  if (mirror_.status() == wanted)
    error.clear();
  else if (error.empty() || mirror_.status() != transaction_status::idle)
    return fail(ec::server_protocol_violation);
  client_->begun(std::move(error));
}

} // namespace cenote::proxy
