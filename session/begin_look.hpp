#pragma once

#include <optional>
#include <string_view>

namespace cenote::session {

/// A BEGIN that stands alone and is spelled so that PostgreSQL 13 and newer
/// parse it for certain; what its answer looks like.
enum class begin_kind : unsigned char {
  begin,             ///< CommandComplete `BEGIN`.
  start_transaction, ///< CommandComplete `START TRANSACTION`.
};

/// The text of a simple query, without its closing zero byte. Strict: keywords
/// of any case between PostgreSQL's white space, each mode at most once, modes
/// apart by white space or one comma, at most one `;` at the end. Comments,
/// quotes, a second statement, a mode given twice: nullopt, though PostgreSQL
/// may accept it. Pure; allocates nothing; any bytes.
[[nodiscard]] std::optional<begin_kind>
lone_begin(std::string_view sql) noexcept;

/// A COMMIT, END, ROLLBACK or ABORT that stands alone.
enum class end_kind : unsigned char {
  commit,   ///< CommandComplete `COMMIT`; `ROLLBACK` where the block failed.
  rollback, ///< CommandComplete `ROLLBACK`.
};

/// As strict as `lone_begin`; WORK or TRANSACTION may follow, AND CHAIN may
/// not.
[[nodiscard]] std::optional<end_kind> lone_end(std::string_view sql) noexcept;

} // namespace cenote::session
