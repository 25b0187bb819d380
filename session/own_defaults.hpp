#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/limits.hpp"
#include "session/startup_values.hpp"
#include "session/traces.hpp"

/// To a client, RESET goes back to what its startup message set; to its server,
/// to a default of the server's. Its statements are given another text, which
/// PostgreSQL then commits and rolls back like any other. Pure.
namespace cenote::session {

class statement;

/// Another text for a part of one.
struct replacement {
  std::uint32_t at = 0;
  std::uint32_t size = 0;
  std::string text;
};

/// The CommandComplete of a statement (counted from 0 in the text as it is
/// sent) says something else to the client; nothing at all if `tag` is empty.
struct retagging {
  std::uint32_t statement = 0;
  std::string_view tag; ///< Static.
};

struct own_defaults {
  std::vector<replacement> puts; ///< In the order of the text.
  std::vector<retagging> retags; ///< The same.
  bool is_complete = true; ///< False: something is still undone otherwise.
};

/// What a Query must say instead, for a client that `given` was set for at its
/// start.
[[nodiscard]] own_defaults with_own_defaults(const text_traces& text,
                                             const settings_list& given);

/// The body of a Parse that may get another text; a longer one is carried out
/// as it is, and what the client has as its defaults comes behind it.
inline constexpr std::size_t own_parse_bytes_max = limits::look_bytes_max;

/// What a Parse must say instead. Empty: as it is. RESET ALL and DISCARD ALL
/// stay, for one text of a Parse is one statement.
[[nodiscard]] std::vector<replacement>
own_text_of_parse(std::string_view sql, const text_traces& text,
                  const settings_list& given);

/// The body of a Parse behind its name, with `puts` in its text.
[[nodiscard]] std::vector<std::byte>
definition_with(std::span<const std::byte> definition,
                std::span<const replacement> puts);

/// Statements that are to be carried out behind the text, which is alone in its
/// Parse. None: something cannot be said.
[[nodiscard]] std::optional<std::vector<std::string>>
statements_behind(const text_traces& text, const settings_list& given);

/// SQL that sets `name` to `value` as a startup message does; it takes no
/// snapshot if that can be avoided: SET TRANSACTION may follow. None: `value`
/// is not printable ASCII, so that its meaning depends on an encoding.
[[nodiscard]] std::optional<std::string>
setting_sql(std::string_view name, std::string_view value, bool is_local);

/// The name of ours that `what` has on servers, where a text has the client's.
[[nodiscard]] replacement our_name(const named_in_text& use,
                                   const statement& what);

/// `harmless_name` in the place of a name that is none of the client's.
[[nodiscard]] replacement harmless_name(const named_in_text& use);

/// Puts `puts`, which do not overlap and are in order, into `text`.
[[nodiscard]] std::string put_into(std::string_view text,
                                   std::span<const replacement> puts);

/// Calls `moved(at, longer_by)` for each of `puts`, with characters: `at` in
/// `text`, counted from 1.
template <class Moved>
void each_move(std::string_view text, std::span<const replacement> puts,
               Moved moved) {
  // Of UTF-8, as PostgreSQL counts positions.
  auto characters = [](std::string_view part) {
    std::int32_t count = 0;
    for (char c : part)
      count += (c & 0xc0) != 0x80 ? 1 : 0;
    return count;
  };
  std::size_t from = 0;
  std::int32_t before = 0;
  for (const auto& put : puts) {
    const auto replaced = characters(text.substr(put.at, put.size));
    before += characters(text.substr(from, put.at - from));
    moved(before + 1, characters(put.text) - replaced);
    before += replaced;
    from = std::size_t{put.at} + put.size;
  }
}

} // namespace cenote::session
