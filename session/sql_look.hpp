#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

/// What a statement does to the session, as far as its text tells. Pure; any
/// thread, any number of threads at once.
namespace cenote::session {

/// What a statement is, to a session. Whatever leaves nothing behind, or
/// nothing that the text tells, is `other`.
enum class sql_verb : std::uint8_t {
  other,
  begin, ///< Also START TRANSACTION.
  commit,
  rollback,
  savepoint,
  rollback_to,
  release,
  prepare_transaction,
  set,             ///< SET [SESSION], also SET SESSION CHARACTERISTICS.
  set_local,       ///< SET LOCAL.
  set_transaction, ///< SET TRANSACTION: over with its transaction.
  reset,
  reset_all,
  prepare,
  execute, ///< Also inside EXPLAIN or CREATE TABLE AS.
  deallocate,
  deallocate_all,
  discard_all,
  discard_plans,
  discard_temp,
  discard_sequences,
  listen,
  unlisten,
  unlisten_all,
  declare_hold, ///< A cursor WITH HOLD; one without is `other`.
  close,        ///< An empty name: all of them.
  create_temp,  ///< A table, view or sequence; CREATE TABLE AS, SELECT INTO.
  load,
  do_block,
  call,
};

/// A part of the text, in bytes. An empty one is not there.
struct text_range {
  std::uint32_t at = 0;
  std::uint32_t size = 0;

  [[nodiscard]] std::string_view of(std::string_view text) const noexcept {
    return text.substr(at, size);
  }
  friend bool operator==(const text_range&, const text_range&) = default;
};

/// Whether something that the text may leave open is so.
enum class answer : std::uint8_t {
  no,
  yes,
  by_parameter, ///< A `$n` says it.
  computed,     ///< Only PostgreSQL knows.
};

/// A setting that SET, RESET or set_config() touches.
struct setting_touched {
  /// In lower case; empty when `is_named` is not `yes`.
  std::string name;
  answer is_named = answer::yes;
  std::uint16_t name_parameter = 0; ///< n of `$n`.
  answer is_local = answer::no;
  std::uint16_t local_parameter = 0; ///< n of `$n`.
  bool by_function = false;          ///< set_config().
  bool to_default = false; ///< SET … TO DEFAULT, SET TIME ZONE LOCAL, RESET.
  /// set_config(): whether its value is NULL; where that word or `$n` stands.
  answer is_null = answer::no;
  text_range null_at;
  std::uint16_t null_parameter = 0; ///< n of `$n`.
};

struct sql_statement {
  /// From its first token up to its `;` or the end of the text.
  text_range where;
  sql_verb verb = sql_verb::other;
  /// Of the prepared statement, cursor, channel or savepoint, as PostgreSQL
  /// sees it: folded, unquoted, at most 63 bytes.
  std::string name;
  /// PREPARE, EXECUTE, DEALLOCATE: the token (with its UESCAPE) that gives the
  /// name. Another name in double quotes may stand in its place.
  text_range name_at;
  text_range types_at; ///< PREPARE: `(int, text)` with its brackets, if any.
  text_range query_at; ///< PREPARE: what stands behind AS.
  /// What PREPARE prepares or a cursor reads counts as if it ran at once.
  std::vector<setting_touched> settings;
  bool chains = false; ///< COMMIT or ROLLBACK AND CHAIN.
  /// Takes, or may take, an advisory lock that outlives the transaction.
  bool uses_advisory_session_lock = false;
  bool uses_advisory_unlock = false;
  /// What stands in it is carried out by this client, and not kept in a view or
  /// function for others.
  bool is_own = false;
  /// Makes something temporary that outlives the transaction: no ON COMMIT
  /// DROP. Under a search_path that begins with pg_temp any CREATE may.
  bool may_leave_temp = false;
  bool drops_something = false; ///< DROP of anything.

  /// Whether there is nothing in it that `asks_for_a_look` looks for.
  [[nodiscard]] bool is_plain() const noexcept;
};

/// Why a text was not understood.
enum class look_failure : std::uint8_t {
  none,
  too_long,
  too_deep,
  syntax, ///< To PostgreSQL 15; a newer one may understand it.
};

struct sql_look {
  look_failure failure = look_failure::none;
  std::string error; ///< PostgreSQL's, for `syntax`.
  std::vector<sql_statement>
    statements; ///< In order; empty ones are not there.
  /// With standard_conforming_strings off, strings may end elsewhere than was
  /// believed. A caller whose client has it off takes such a text as one that
  /// did not parse.
  bool has_backslash = false;

  [[nodiscard]] bool parsed() const noexcept {
    return failure == look_failure::none;
  }
};

struct look_limits {
  /// Of the text. One that is 1 MiB long and holds nothing but `1,1,1` keeps
  /// the thread for most of a second; usual SQL costs 0.1 to 0.4 µs a byte.
  std::size_t bytes_max = 64 * 1024;
  /// Of the parse tree; 128 bytes of stack each.
  std::uint32_t depth_max = 16 * 1024;
};

/// Parses, which costs some 10 µs for a short text and allocates. The text is
/// in UTF-8 or all ASCII: in another encoding, look only at a text that has no
/// byte above 0x7f. The default limits need 4 MiB of stack.
[[nodiscard]] sql_look look_at(std::string_view sql, look_limits limits = {});

} // namespace cenote::session
