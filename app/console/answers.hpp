#pragma once

#include <string>
#include <string_view>

#include "actors/admin_types.hpp"
#include "app/console/statement.hpp"
#include "protocol/messages.hpp"

/// What the console says when something cannot be done: PgBouncer's words,
/// because scripts look for them. Pure.
namespace cenote::app {

/// An error with the SQLSTATE of `code` and `message` instead of its own text.
[[nodiscard]] protocol::error_response complaint(ec code,
                                                 std::string_view message);

/// Something PgBouncer can and cenote cannot: 0A000.
[[nodiscard]] protocol::error_response not_supported(std::string what,
                                                     std::string hint = {});

/// A NOTICE.
[[nodiscard]] protocol::notice_response notice(std::string message);

/// Whether a user of role `stats` may do it.
[[nodiscard]] bool may_everybody(const statement& what);

/// What a failed `reply` to `what` is told as.
[[nodiscard]] protocol::error_response
failed_reply(const statement& what, const actors::admin_reply& reply);

} // namespace cenote::app
