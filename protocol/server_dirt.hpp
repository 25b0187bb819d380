#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "protocol/body_prefix.hpp"
#include "protocol/message_walker.hpp"

namespace cenote::protocol {

/// Session state that a command may have left on the server.
enum class dirt : std::uint16_t {
  settings = 1,    ///< SET (also SET LOCAL, SET TRANSACTION), RESET.
  statements = 2,  ///< PREPARE, or a Parse with a name.
  listens = 4,     ///< LISTEN. UNLISTEN may have been for another channel.
  cursors = 8,     ///< DECLARE CURSOR, perhaps WITH HOLD.
  maybe_temp = 16, ///< CREATE of anything, SELECT INTO, EXPLAIN.
  libraries = 32,  ///< LOAD. Nothing takes it back, not even DISCARD ALL.
  opaque = 64,     ///< DO, CALL, FunctionCall: code that can do any of these.
  /// An Execute without rows ended "SELECT 0": an empty result, or a CREATE
  /// TEMP TABLE AS that found nothing. Who has read the SQL may ignore it.
  select_nothing = 128,
};

/// What the commands defined anew. Belongs to the database, not the session.
enum class definitions : std::uint8_t {
  none,
  named, ///< What may use functions, if the text names one of them.
  any,   ///< Functions, and what uses them without a name.
};

/// A set of `dirt`.
class dirt_set {
public:
  constexpr dirt_set() noexcept = default;

  [[nodiscard]] constexpr bool empty() const noexcept {
    return bits_ == 0;
  }

  [[nodiscard]] constexpr bool has(dirt what) const noexcept {
    return (bits_ & static_cast<std::uint16_t>(what)) != 0;
  }

  constexpr void add(dirt what) noexcept {
    bits_
      = static_cast<std::uint16_t>(bits_ | static_cast<std::uint16_t>(what));
  }

  constexpr void remove(dirt what) noexcept {
    bits_
      = static_cast<std::uint16_t>(bits_ & ~static_cast<std::uint16_t>(what));
  }

  friend constexpr bool operator==(dirt_set, dirt_set) noexcept = default;

private:
  std::uint16_t bits_ = 0;
};

/// How the command ran that a CommandComplete ends; its tag alone does not tell
/// SELECT from SELECT INTO.
enum class command_rows : std::uint8_t {
  seen,     ///< A RowDescription or DataRow came.
  none,     ///< Simple protocol and none came: it returns no rows.
  not_seen, ///< Extended protocol and none came: empty, or returns no rows.
};

/// Collects `dirt` from the tags of CommandComplete: of each, the first
/// `tag_bytes_max` bytes in fixed memory. What runs inside a SELECT
/// (set_config, pg_advisory_lock, …) leaves no trace in a tag.
class server_dirt {
public:
  static constexpr std::size_t tag_bytes_max = 24;

  [[nodiscard]] dirt_set seen() const noexcept {
    return seen_;
  }

  [[nodiscard]] definitions defined() const noexcept {
    return defined_;
  }

  void clear() noexcept {
    seen_ = {};
    saw_reset_ = false;
    defined_ = definitions::none;
  }

  /// RESET or DISCARD ALL: PostgreSQL's defaults are in force again. That is no
  /// dirt.
  [[nodiscard]] bool saw_reset() const noexcept {
    return saw_reset_;
  }

  void add(dirt what) noexcept {
    seen_.add(what);
  }

  /// A piece of a CommandComplete.
  void read_tag(const piece& part) noexcept {
    tag_.take(part);
  }

  /// It is complete. `is_last`: no later request is outstanding that may have
  /// prepared something after a DEALLOCATE ALL. True: it was a DEALLOCATE ALL
  /// or a DISCARD ALL.
  bool end_tag(command_rows rows, bool is_last) noexcept {
    return judge(tag_.bytes(), rows, is_last);
  }

  /// The same for one that is here as a whole.
  bool take_tag(const piece& whole, command_rows rows, bool is_last) noexcept {
    if (is_harmless(whole, rows))
      return false;
    const auto body = whole.bytes.subspan(header_bytes);
    return judge(body.first(std::min(body.size(), tag_bytes_max)), rows,
                 is_last);
  }

  /// For most of all, at a glance: the CommandComplete, which is here as a
  /// whole, says nothing that is collected here. A SELECT INTO has no rows.
  [[nodiscard]] static bool is_harmless(const piece& whole,
                                        command_rows rows) noexcept {
    const auto body = whole.bytes.subspan(header_bytes);
    if (body.size() < select.size())
      return false;
    const auto first = static_cast<char>(body.front());
    return first == 'B' || first == 'I' || first == 'U' // BEGIN, INSERT, UPDATE
        || (rows == command_rows::seen
            && std::memcmp(body.data(), select.data(), select.size()) == 0);
  }

private:
  static constexpr std::string_view select = "SELECT";

  bool judge(std::span<const std::byte> body, command_rows rows,
             bool is_last) noexcept;

  body_prefix<tag_bytes_max> tag_;
  dirt_set seen_;
  bool saw_reset_ = false;
  definitions defined_ = definitions::none;
};

} // namespace cenote::protocol
