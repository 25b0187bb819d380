#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// PostgreSQL's own scanner and parser (libpg_query, of version 15). The only
/// place that includes it. Works on any number of threads at once: it keeps
/// some memory for each thread that ever used it and frees it when the thread
/// ends.
namespace cenote::session {

/// Frees with free(3).
struct c_free {
  void operator()(char* what) const noexcept;
};

/// The parse tree as JSON, or why there is none.
struct parsed_json {
  std::unique_ptr<char, c_free> text; ///< Null: it did not parse.
  std::string error;
};

/// `sql` holds no NUL. The parser itself refuses more than some thousand
/// brackets; writing the tree takes up to 128 bytes of stack for each level,
/// and a level needs two bytes of text (`1+1+1`): bound `nesting_of` or the
/// size before.
[[nodiscard]] parsed_json parse_sql(const std::string& sql);

/// What the scanner sees. Comments are left out.
struct sql_token {
  std::uint32_t at = 0; ///< In bytes.
  std::uint32_t end = 0;
};

/// None when the scanner refuses it. `sql` holds no NUL.
[[nodiscard]] std::optional<std::vector<sql_token>>
scan_sql(const std::string& sql);

/// At least how deep the parse tree of these tokens can be. Counts the tokens
/// on the longest way down through brackets; what stands beside it behind a
/// comma does not count.
[[nodiscard]] std::uint32_t nesting_of(std::string_view sql,
                                       const std::vector<sql_token>& tokens);

} // namespace cenote::session
