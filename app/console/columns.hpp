#pragma once

#include <span>

#include "app/console/statement.hpp"
#include "protocol/rows.hpp"

namespace cenote::app {

/// The columns of `SHOW what`: names, order and types are PgBouncer's, since
/// exporters and scripts go by them; `tenant`, cenote's own, is the last where
/// it is. Empty for HELP, which has no rows.
[[nodiscard]] std::span<const protocol::column> columns(subject what) noexcept;

} // namespace cenote::app
