#pragma once

#include <cstddef>
#include <vector>

#include "app/console/statement.hpp"
#include "app/console/view.hpp"

namespace cenote::app {

/// Whether it shows what is paused.
[[nodiscard]] bool needs_paused(subject what) noexcept;

/// Writes the answer to `SHOW what`, up to its CommandComplete. Pure but for
/// MEM, which asks the kernel.
void write_table(std::vector<std::byte>& out, subject what, const view& of);

/// One result of one row and column, for settings that we only pretend to have.
void write_setting(std::vector<std::byte>& out, const fake_setting& what);

/// A row of SHOW CONFIG.
struct config_row {
  std::string key;
  std::string value;
  std::string fallback;
  bool is_changeable = true; ///< By a reload.
};

/// PgBouncer's names, with PgBouncer's units (seconds), where there is such a
/// setting; then cenote's own as `section.key`.
[[nodiscard]] std::vector<config_row> config_rows(const configs::config& of);

} // namespace cenote::app
