#include "protocol/server_dirt.hpp"

#include <algorithm>

namespace cenote::protocol {

namespace {

/// The text of a CommandComplete's body, as far as it was kept.
[[gnu::hot]] std::string_view
text_of(std::span<const std::byte> body) noexcept {
  const auto text
    = std::string_view{reinterpret_cast<const char*>(body.data()), body.size()};
  return text.substr(0, text.find('\0'));
}

/// The usual ones, which are often temporary, use functions only if their text
/// says which.
[[gnu::hot]] definitions defined_by(std::string_view tag) noexcept {
  constexpr std::string_view create = "CREATE ";
  if (tag.starts_with("ALTER "))
    return tag == "ALTER EXTENSION" ? definitions::any : definitions::named;
  if (!tag.starts_with(create))
    return definitions::none;
  for (std::string_view each : {"TABLE", "VIEW", "MATERIALIZED", "INDEX",
                                "SEQUENCE", "STATISTICS", "FOREIGN TABLE"})
    if (tag.substr(create.size()).starts_with(each))
      return definitions::named;
  return definitions::any;
}

} // namespace

[[gnu::hot]] bool server_dirt::judge(std::span<const std::byte> body,
                                     command_rows rows, bool is_last) noexcept {
  const auto tag = text_of(body);
  if (tag.empty())
    return false;
  // The tags that matter, by their first letter: most commands end here.
  switch (tag.front()) {
    case 'A':
      defined_ = std::max(defined_, defined_by(tag));
      break;
    case 'C':
      defined_ = std::max(defined_, defined_by(tag));
      if (tag.starts_with("CREATE "))
        seen_.add(dirt::maybe_temp);
      else if (tag == "CALL")
        seen_.add(dirt::opaque);
      break;
    case 'D':
      if (tag == "DECLARE CURSOR")
        seen_.add(dirt::cursors);
      else if (tag == "DO")
        seen_.add(dirt::opaque);
      else if (tag == "DEALLOCATE ALL") {
        if (is_last)
          seen_.remove(dirt::statements);
        return true;
      } else if (tag == "DISCARD ALL") {
        const auto prepared_later = !is_last && seen_.has(dirt::statements);
        const auto loaded = seen_.has(dirt::libraries);
        saw_reset_ = true;
        seen_ = {};
        if (prepared_later)
          seen_.add(dirt::statements);
        if (loaded)
          seen_.add(dirt::libraries);
        return true;
      }
      break;
    case 'E':
      // EXPLAIN ANALYZE CREATE TABLE AS does create the table.
      if (tag == "EXPLAIN")
        seen_.add(dirt::maybe_temp);
      break;
    case 'L':
      if (tag == "LISTEN")
        seen_.add(dirt::listens);
      else if (tag == "LOAD")
        seen_.add(dirt::libraries);
      break;
    case 'P':
      if (tag == "PREPARE")
        seen_.add(dirt::statements);
      break;
    case 'R':
      if (tag == "RESET") {
        seen_.add(dirt::settings);
        saw_reset_ = true;
      }
      break;
    case 'S':
      if (tag == "SET")
        seen_.add(dirt::settings);
      else if (tag.starts_with(select) && rows != command_rows::seen)
        seen_.add(rows == command_rows::not_seen && tag == "SELECT 0"
                    ? dirt::select_nothing
                    : dirt::maybe_temp);
      break;
    default:
      break;
  }
  return false;
}

} // namespace cenote::protocol
