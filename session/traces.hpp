#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/server_dirt.hpp"

/// What a client's work may leave behind in a server's session, as far as its
/// text and PostgreSQL's command tags tell. Whether it did, PostgreSQL is asked
/// (session/left_behind.hpp). Pure.
namespace cenote::session {

/// Kinds of session state. The bits are those of the question to PostgreSQL.
enum class trace : std::uint8_t {
  settings = 1,
  temporary = 2, ///< Tables and whatever else is in pg_temp.
  listens = 4,
  cursors = 8,     ///< WITH HOLD.
  locks = 16,      ///< Session advisory locks.
  statements = 32, ///< By SQL PREPARE.
  libraries = 64,  ///< LOAD: cannot be asked for, nor undone.
};

/// A set of `trace`.
class trace_set {
public:
  constexpr trace_set() noexcept = default;

  constexpr explicit trace_set(std::uint8_t bits) noexcept
    : bits_{bits} {
    // nop
  }

  constexpr trace_set(trace one) noexcept
    : bits_{static_cast<std::uint8_t>(one)} {
    // nop
  }

  [[nodiscard]] static constexpr trace_set all() noexcept {
    return trace_set{std::uint8_t{63}};
  }

  [[nodiscard]] constexpr bool empty() const noexcept {
    return bits_ == 0;
  }

  [[nodiscard]] constexpr bool has(trace one) const noexcept {
    return (bits_ & static_cast<std::uint8_t>(one)) != 0;
  }

  constexpr void add(trace_set more) noexcept {
    bits_ = static_cast<std::uint8_t>(bits_ | more.bits_);
  }

  constexpr void remove(trace_set less) noexcept {
    bits_ = static_cast<std::uint8_t>(bits_ & ~less.bits_);
  }

  constexpr void keep(trace_set only) noexcept {
    bits_ = static_cast<std::uint8_t>(bits_ & only.bits_);
  }

  [[nodiscard]] constexpr std::uint8_t bits() const noexcept {
    return bits_;
  }

  friend constexpr bool operator==(trace_set, trace_set) noexcept = default;

private:
  std::uint8_t bits_ = 0;
};

/// PREPARE, EXECUTE or DEALLOCATE names a prepared statement.
enum class name_use : std::uint8_t { prepare, execute, deallocate };

struct named_in_text {
  name_use use = name_use::execute;
  std::string name;     ///< As PostgreSQL reads it.
  std::uint32_t at = 0; ///< Where the name stands in the text, and its bytes.
  std::uint32_t size = 0;
};

/// RESET, SET … TO DEFAULT, set_config(…, NULL, …): the setting goes back to
/// the server's default, but to its client what it said at its start is the
/// default.
struct undoing {
  enum class form : std::uint8_t {
    reset,
    set,
    set_local,
    null,      ///< set_config(…, NULL, …): `at` is that of the NULL.
    parameter, ///< The same with a `$n`, which may be NULL.
  };

  form how = form::reset;
  std::string name; ///< In lower case; empty: ALL, or `name_parameter` says it.
  std::uint16_t name_parameter = 0; ///< n of `$n`; 0: `name` says it.
  std::uint16_t parameter = 0;      ///< n of the value's `$n`.
  std::uint32_t statement = 0;      ///< Its number in the text, from 0.
  std::uint32_t at = 0; ///< Where it stands in the text, and its bytes.
  std::uint32_t size = 0;

  /// Of set_config.
  [[nodiscard]] bool is_value() const noexcept {
    return how == form::null || how == form::parameter;
  }
};

/// What one SQL text may leave behind whenever it runs.
struct text_traces {
  trace_set kinds;
  /// It undoes settings, and not for the transaction alone.
  bool resets = false;
  /// It may take back a LISTEN, in its transaction.
  bool unlistens = false;
  bool discards = false; ///< DISCARD ALL.
  bool defines = false;  ///< A DO that may define functions or tables.
  /// DEALLOCATE ALL, DISCARD ALL.
  bool forgets_statements = false;
  /// Settings that PostgreSQL must be asked for by name: it lists no custom
  /// ones, nor role and session_authorization.
  std::vector<std::string> settings;
  /// Numbers of parameters that name one.
  std::vector<std::uint16_t> setting_parameters;
  /// In the order of the text.
  std::vector<named_in_text> names;
  /// The same. None where the text may mean something else than it seems to.
  std::vector<undoing> undoings;
  /// The command tag that the client expects of it, if we have made the text of
  /// another one (`said_by`). Static.
  std::string_view says;

  [[nodiscard]] bool empty() const noexcept {
    return kinds.empty();
  }

  /// Like most texts: neither that nor anything to be put into it.
  [[nodiscard]] bool is_nothing() const noexcept {
    return kinds.empty() && undoings.empty();
  }

  [[nodiscard]] bool resets_anything() const noexcept {
    return resets || !undoings.empty();
  }
};

/// It has an EXECUTE, of whatever was prepared.
[[nodiscard]] inline bool runs_prepared(const text_traces& what) noexcept {
  for (const auto& each : what.names)
    if (each.use == name_use::execute)
      return true;
  return false;
}

/// What is put behind the text of a Parse that stands for a RESET or a SET of
/// the client's: whoever sees the text later knows what it says.
inline constexpr std::string_view stands_for_reset = " /* for RESET */";
inline constexpr std::string_view stands_for_set = " /* for SET */";

/// PostgreSQL lists no custom settings, nor role and session_authorization: it
/// must be asked for them by name.
[[nodiscard]] bool is_asked_by_name(std::string_view setting) noexcept;

/// Whether `traces_of` has to be asked: false is certain, allocates nothing,
/// and is what most texts get.
[[nodiscard]] bool may_leave_traces(std::string_view sql) noexcept;

/// Looks at `sql` where its first keyword (or what it mentions) asks for it. A
/// text that PostgreSQL 15's grammar does not know may leave anything.
[[nodiscard]] text_traces traces_of(std::string_view sql);

/// What PostgreSQL's command tags add, for what no text tells: DDL under a
/// search_path that begins with pg_temp, function calls by protocol.
[[nodiscard]] trace_set traces_of(protocol::dirt_set dirt) noexcept;

/// "listen", "temp table", … for people: the first of the set.
[[nodiscard]] std::string_view name(trace_set kinds) noexcept;

} // namespace cenote::session
