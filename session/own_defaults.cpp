#include "session/own_defaults.hpp"

#include <algorithm>
#include <array>

#include "protocol/reader.hpp"
#include "session/listens.hpp"
#include "session/pg_parser.hpp"
#include "session/sql_text.hpp"
#include "session/statements.hpp"

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

std::string lowered(std::string_view text) {
  std::string out{text};
  for (auto& c : out)
    c = sql_lower(c);
  return out;
}

/// None: its meaning depends on an encoding.
std::optional<std::string> value_sql(std::string_view value) {
  const auto is_ascii = std::all_of(
    value.begin(), value.end(), [](char c) { return c >= ' ' && c <= '~'; });
  if (!is_ascii)
    return std::nullopt;
  return literal(value);
}

/// What a list of names says, if SET of these names writes it just so: in
/// quotes where a name needs them, and nowhere else, with one blank behind each
/// comma. Else empty.
std::vector<std::string> names_of(std::string_view list) {
  std::vector<std::string> out;
  std::string words; // SQL that parses if none of them is a keyword.
  while (!list.empty()) {
    std::string name;
    const auto is_quoted = list.front() == '"';
    std::size_t at = is_quoted ? 1 : 0;
    for (; at < list.size(); ++at) {
      if (is_quoted && list[at] == '"' && !list.substr(++at).starts_with('"'))
        break;
      if (!is_quoted && list[at] == ',')
        break;
      name += list[at];
    }
    const auto is_plain
      = !name.empty() && !is_digit(name.front())
     && std::all_of(name.begin(), name.end(), [](char c) {
          return (c >= 'a' && c <= 'z') || is_digit(c) || c == '_';
        });
    if (is_plain == is_quoted || name.empty() || name_key(name) != name)
      return {};
    if (is_plain)
      words += "drop function " + name + "(); drop table " + name + ';';
    out.push_back(std::move(name));
    list.remove_prefix(std::min(at, list.size()));
    if (list.empty())
      break;
    if (!list.starts_with(", ") || list.size() == 2)
      return {};
    list.remove_prefix(2);
  }
  if (!words.empty() && !parse_sql(words).text)
    return {};
  return out;
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
  auto said = value_sql(value);
  if (!said)
    return std::nullopt;
  const auto set = (is_local ? "set local " : "set ") + quoted_setting(name);
  if (!is_list_of_names(name))
    return set + " to " + *said;
  std::string list;
  for (const auto& each : names_of(value))
    list += (list.empty() ? " to " : ", ") + literal(each);
  if (!list.empty())
    return set + list;
  const auto call = "begin perform pg_catalog.set_config(" + literal(name)
                  + ", " + literal(value) + (is_local ? ", true" : ", false")
                  + "); end";
  return "do " + literal(call);
}

namespace {

/// A text's calls are read in the order of its tree.
std::vector<replacement> in_order(std::vector<replacement> all) {
  std::sort(all.begin(), all.end(),
            [](auto& a, auto& b) { return a.at < b.at; });
  return all;
}

/// The value of what is set by NULL; empty: it stays NULL.
std::string own_value(const undoing& what, const settings_list& given) {
  std::string out;
  if (what.name_parameter == 0) {
    const auto* own = find(given, what.name);
    return own == nullptr ? out : value_sql(*own).value_or("");
  }
  for (const auto& [name, value] : given)
    if (const auto sql = value_sql(value); sql && find(given, name) == &value)
      out += " when " + literal(lowered(name)) + " then " + *sql;
  if (out.empty())
    return out;
  return "(case pg_catalog.lower($" + std::to_string(what.name_parameter)
       + "::text)" + out + " end)";
}

/// set_config(…, NULL, …) with the client's own value. False: `what` is another
/// thing.
bool put_value(const undoing& what, const settings_list& given,
               std::vector<replacement>& to) {
  if (!what.is_value())
    return false;
  auto own = own_value(what, given);
  if (own.empty())
    return true;
  if (what.how == undoing::form::parameter)
    own = "coalesce($" + std::to_string(what.parameter) + ", " + own + ')';
  to.push_back({what.at, what.size, std::move(own)});
  return true;
}

} // namespace

own_defaults with_own_defaults(const text_traces& text,
                               const settings_list& given) {
  own_defaults out;
  out.is_complete = !text.discards;
  std::uint32_t more = 0;
  for (const auto& each : text.undoings) {
    if (put_value(each, given, out.puts))
      continue;
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
  out.puts = in_order(std::move(out.puts));
  return out;
}

std::vector<replacement> own_text_of_parse(std::string_view sql,
                                           const text_traces& text,
                                           const settings_list& given) {
  std::vector<replacement> out;
  for (const auto& each : text.undoings)
    put_value(each, given, out);
  if (!out.empty() || text.undoings.size() != 1)
    return in_order(std::move(out));
  const auto& each = text.undoings.front();
  const auto* own
    = each.is_value() || each.name.empty() ? nullptr : find(given, each.name);
  // PostgreSQL refuses several statements, whatever they are.
  if (own == nullptr
      || skip_blank(sql, std::size_t{each.at} + each.size, ';') != sql.size())
    return {};
  auto made
    = setting_sql(each.name, *own, each.how == undoing::form::set_local);
  if (!made)
    return {};
  if (each.how == undoing::form::reset)
    *made += stands_for_reset;
  else if (!made->starts_with("set "))
    *made += stands_for_set;
  const auto size = static_cast<std::uint32_t>(sql.size()) - each.at;
  return {{each.at, size, std::move(*made)}};
}

replacement our_name(const named_in_text& use, const statement& what) {
  return {use.at, use.size, '"' + std::string{what.name()} + '"'};
}

replacement harmless_name(const named_in_text& use) {
  return {use.at, use.size, quoted_name(harmless_name(use.name))};
}

std::string put_into(std::string_view text, std::span<const replacement> puts) {
  std::string out;
  std::size_t from = 0;
  for (const auto& put : puts) {
    out += text.substr(from, put.at - from);
    out += put.text;
    from = std::size_t{put.at} + put.size;
  }
  return out += text.substr(from);
}

std::vector<std::byte> definition_with(std::span<const std::byte> definition,
                                       std::span<const replacement> puts) {
  const auto text = text_of(definition);
  const auto made = put_into(text, puts);
  const auto bytes = protocol::as_byte_span(made);
  std::vector<std::byte> out{bytes.begin(), bytes.end()};
  const auto rest = definition.subspan(text.size());
  out.insert(out.end(), rest.begin(), rest.end());
  return out;
}

std::optional<std::vector<std::string>>
statements_behind(const text_traces& text, const settings_list& given) {
  if (text.discards)
    return all_of(given);
  if (text.resets && text.undoings.empty())
    return std::nullopt;
  std::vector<std::string> out;
  for (const auto& each : text.undoings) {
    if (each.is_value())
      continue;
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
