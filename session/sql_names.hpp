#pragma once

#include <string_view>
#include <vector>

#include "session/pg_parser.hpp"
#include "session/sql_look.hpp"

namespace cenote::session {

/// Where PREPARE, EXECUTE and DEALLOCATE stand in a statement.
enum class naming : std::uint8_t {
  prepare,
  execute,
  explain_execute,
  create_as_execute, ///< Also behind EXPLAIN.
  deallocate,
};

/// Fills `name_at` (and `types_at`, `query_at`) of a statement that parsed;
/// `tokens` are all of the text.
void find_name(std::string_view sql, const std::vector<sql_token>& tokens,
               naming where, sql_statement& of);

} // namespace cenote::session
