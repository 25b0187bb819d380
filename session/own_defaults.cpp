#include "session/own_defaults.hpp"

#include <algorithm>
#include <array>

namespace cenote::session {

namespace {

/// SET would read the whole value as one name (GUC_LIST_QUOTE).
bool is_list_of_names(std::string_view name) noexcept {
  constexpr std::array<std::string_view, 5> lists
    = {"search_path", "temp_tablespaces", "local_preload_libraries",
       "session_preload_libraries", "unix_socket_directories"};
  return std::any_of(lists.begin(), lists.end(),
                     [&](auto each) { return is_same_setting(each, name); });
}

/// RESET ALL leaves them alone.
bool outlives_reset_all(std::string_view name) noexcept {
  return is_same_setting(name, "role")
      || is_same_setting(name, "session_authorization");
}

/// As a string, whatever standard_conforming_strings is.
std::string literal(std::string_view text) {
  const auto has_backslash = text.find('\\') != text.npos;
  std::string out = has_backslash ? " E'" : "'";
  for (char c : text) {
    if (c == '\'' || c == '\\')
      out += c;
    out += c;
  }
  return out + '\'';
}

const std::string* find(const settings_list& in,
                        std::string_view name) noexcept {
  const std::string* found = nullptr;
  for (const auto& [key, value] : in)
    if (is_same_setting(key, name))
      found = &value; // The last one counts.
  return found;
}

/// None: one of them cannot be said.
std::optional<std::vector<std::string>> all_of(const settings_list& given) {
  std::vector<std::string> out;
  for (const auto& [name, value] : given) {
    if (outlives_reset_all(name))
      continue;
    auto sql = setting_sql(name, value, false);
    if (!sql)
      return std::nullopt;
    out.push_back(std::move(*sql));
  }
  return out;
}

} // namespace

std::optional<std::string> setting_sql(std::string_view name,
                                       std::string_view value, bool is_local) {
  const auto is_ascii = std::all_of(
    value.begin(), value.end(), [](char c) { return c >= ' ' && c <= '~'; });
  if (!is_ascii)
    return std::nullopt;
  if (!is_list_of_names(name))
    return (is_local ? "set local " : "set ") + quoted_setting(name) + " to "
         + literal(value);
  const auto call = "begin perform pg_catalog.set_config(" + literal(name)
                  + ", " + literal(value) + (is_local ? ", true" : ", false")
                  + "); end";
  return "do " + literal(call);
}

own_defaults with_own_defaults(const text_traces& text,
                               const settings_list& given) {
  own_defaults out;
  out.is_complete = !text.discards;
  std::uint32_t more = 0;
  for (const auto& each : text.undoings) {
    if (each.name.empty()) {
      const auto behind = all_of(given);
      if (!behind) {
        out.is_complete = false;
        continue;
      }
      auto sql = std::string{"reset all"};
      for (const auto& one : *behind) {
        sql += "; " + one;
        out.retags.push_back({each.statement + ++more, {}});
      }
      out.puts.push_back({each.at, each.size, std::move(sql)});
      continue;
    }
    const auto* own = find(given, each.name);
    if (own == nullptr)
      continue;
    const auto is_local = each.how == undoing::form::set_local;
    auto sql = setting_sql(each.name, *own, is_local);
    if (!sql) {
      out.is_complete = out.is_complete && is_local;
      continue;
    }
    out.puts.push_back({each.at, each.size, std::move(*sql)});
    out.retags.push_back({each.statement + more,
                          each.how == undoing::form::reset ? "RESET" : "SET"});
  }
  if (text.resets && text.undoings.empty())
    out.is_complete = false;
  return out;
}

std::optional<std::vector<std::string>>
statements_behind(const text_traces& text, const settings_list& given) {
  std::vector<std::string> out;
  for (const auto& each : text.undoings) {
    if (each.name.empty()) {
      auto all = all_of(given);
      if (!all)
        return std::nullopt;
      for (auto& one : *all)
        out.push_back(std::move(one));
      continue;
    }
    const auto* own = find(given, each.name);
    if (own == nullptr)
      continue;
    auto sql
      = setting_sql(each.name, *own, each.how == undoing::form::set_local);
    if (!sql)
      return std::nullopt;
    out.push_back(std::move(*sql));
  }
  return out;
}

} // namespace cenote::session
