#include "session/traces.hpp"

#include <algorithm>

#include "session/sql_filter.hpp"
#include "session/sql_look.hpp"
#include "session/sql_text.hpp"

namespace cenote::session {

namespace {

void add_settings(const sql_statement& from, text_traces& to) {
  for (const auto& each : from.settings) {
    if (each.is_local == answer::yes)
      continue;
    to.kinds.add(trace::settings);
    if (each.is_named == answer::by_parameter)
      to.setting_parameters.push_back(each.name_parameter);
    else if (each.is_named == answer::yes && is_asked_by_name(each.name)
             && std::find(to.settings.begin(), to.settings.end(), each.name)
                  == to.settings.end())
      to.settings.push_back(each.name);
  }
}

void add_name(const sql_statement& from, text_traces& to) {
  auto use = name_use::execute;
  if (from.verb == sql_verb::prepare)
    use = name_use::prepare;
  else if (from.verb == sql_verb::deallocate)
    use = name_use::deallocate;
  else if (from.verb != sql_verb::execute)
    return;
  to.names.push_back({use, from.name, from.name_at.at, from.name_at.size});
}

trace_set kinds_of(const sql_statement& what) noexcept {
  trace_set out;
  switch (what.verb) {
    case sql_verb::other:
    case sql_verb::begin:
    case sql_verb::commit:
    case sql_verb::rollback:
    case sql_verb::savepoint:
    case sql_verb::rollback_to:
    case sql_verb::release:
    case sql_verb::prepare_transaction:
    case sql_verb::set: // `settings` tells.
    case sql_verb::set_local:
    case sql_verb::set_transaction:
    case sql_verb::discard_plans:
    case sql_verb::discard_sequences:
      break;
    case sql_verb::reset:
    case sql_verb::reset_all:
      out.add(trace::settings);
      break;
    case sql_verb::execute: // Of whatever was prepared.
      out.add(trace::settings);
      out.add(trace::locks);
      break;
    case sql_verb::prepare:
    case sql_verb::deallocate:
    case sql_verb::deallocate_all:
      out.add(trace::statements);
      break;
    case sql_verb::listen:
    case sql_verb::unlisten:
    case sql_verb::unlisten_all:
      out.add(trace::listens);
      break;
    case sql_verb::declare_hold:
    case sql_verb::close:
      out.add(trace::cursors);
      break;
    case sql_verb::create_temp:
    case sql_verb::discard_temp:
      out.add(trace::temporary);
      break;
    case sql_verb::load:
      out.add(trace::libraries);
      break;
    case sql_verb::discard_all:
    case sql_verb::do_block:
    case sql_verb::call:
      out = trace_set::all();
      break;
  }
  if (what.may_leave_temp || what.drops_something)
    out.add(trace::temporary);
  if (what.uses_advisory_session_lock || what.uses_advisory_unlock)
    out.add(trace::locks);
  return out;
}

/// UNLISTEN, and code that can do anything.
bool unlistens(sql_verb verb) noexcept {
  return verb == sql_verb::unlisten || verb == sql_verb::unlisten_all
      || verb == sql_verb::do_block || verb == sql_verb::call;
}

void add_undoing(const sql_statement& from, std::uint32_t number,
                 text_traces& to) {
  undoing out;
  if (from.verb == sql_verb::reset)
    out.how = undoing::form::reset;
  else if (from.verb == sql_verb::set)
    out.how = undoing::form::set;
  else if (from.verb == sql_verb::set_local)
    out.how = undoing::form::set_local;
  else if (from.verb != sql_verb::reset_all)
    return;
  if (from.verb != sql_verb::reset_all) {
    if (from.settings.size() != 1 || !from.settings.front().to_default)
      return;
    out.name = from.settings.front().name;
  }
  out.statement = number;
  out.at = from.where.at;
  out.size = from.where.size;
  to.resets = to.resets || from.verb != sql_verb::set_local;
  to.undoings.push_back(std::move(out));
}

void add_nulls(const sql_statement& from, std::uint32_t number,
               text_traces& to) {
  for (const auto& each : from.settings) {
    const auto is_literal = each.is_null == answer::yes;
    if (!(is_literal || each.is_null == answer::by_parameter) || !from.is_own
        || each.is_named == answer::computed)
      continue;
    undoing out;
    out.how = is_literal ? undoing::form::null : undoing::form::parameter;
    out.name = each.name;
    out.name_parameter = each.name_parameter;
    out.parameter = each.null_parameter;
    out.statement = number;
    out.at = each.null_at.at;
    out.size = each.null_at.size;
    to.undoings.push_back(std::move(out));
  }
}

/// DROP of what may be the last temporary thing; nothing else asks for a look.
[[gnu::hot]] bool is_drop(std::string_view sql) noexcept {
  constexpr std::string_view word = "drop";
  const auto is_blank
    = [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; };
  std::size_t at = 0;
  while (at < sql.size() && is_blank(sql[at]))
    ++at;
  if (sql.size() - at <= word.size() || !is_at(sql, at, word))
    return false;
  const auto behind = sql[at + word.size()];
  return is_blank(behind) || behind == '/' || behind == '-';
}

/// As it is read with standard_conforming_strings off, but for the characters
/// behind its backslashes.
std::string without_escapes(std::string_view sql) {
  std::string out{sql};
  for (std::size_t at = 0; at + 1 < out.size(); ++at)
    if (out[at] == '\\') {
      out[at] = out[at + 1] = '_';
      ++at;
    }
  return out;
}

/// A DO that has no such word in it defines nothing.
bool may_define(std::string_view sql) noexcept {
  return has_text(sql, "create") || has_text(sql, "alter")
      || has_text(sql, "execute");
}

std::string_view said_by(std::string_view sql) noexcept {
  if (sql.ends_with(stands_for_reset))
    return "RESET";
  return sql.ends_with(stands_for_set) ? "SET" : "";
}

} // namespace

bool is_asked_by_name(std::string_view setting) noexcept {
  return setting.find('.') != std::string_view::npos || setting == "role"
      || setting == "session_authorization";
}

[[gnu::hot]] bool may_leave_traces(std::string_view sql) noexcept {
  return is_drop(sql) || asks_for_a_look(sql);
}

[[gnu::hot]] text_traces traces_of(std::string_view sql) {
  text_traces out;
  if (is_drop(sql))
    out.kinds.add(trace::temporary);
  if (!asks_for_a_look(sql))
    return out;
  const auto look = look_at(sql);
  // With standard_conforming_strings off a backslash moves the end of a string.
  if (!look.parsed() || look.has_backslash) {
    out.kinds = trace_set::all();
    out.unlistens = true;
    const auto otherwise = look_at(without_escapes(sql));
    for (const auto& each : otherwise.statements)
      add_settings(each, out);
  }
  if (has_text(sql, "pg_settings")) // An UPDATE of the view is a SET.
    out.kinds.add(trace::settings);
  std::uint32_t number = 0;
  for (const auto& each : look.statements) {
    out.kinds.add(kinds_of(each));
    add_settings(each, out);
    add_name(each, out);
    out.forgets_statements = out.forgets_statements
                          || each.verb == sql_verb::deallocate_all
                          || each.verb == sql_verb::discard_all;
    out.unlistens = out.unlistens || unlistens(each.verb);
    out.discards = out.discards || each.verb == sql_verb::discard_all;
    out.defines
      = out.defines || (each.verb == sql_verb::do_block && may_define(sql));
    add_undoing(each, number, out);
    add_nulls(each, number++, out);
  }
  out.resets = out.resets || out.discards;
  out.says = said_by(sql);
  if (look.has_backslash)
    out.undoings.clear();
  return out;
}

[[gnu::hot]] trace_set traces_of(protocol::dirt_set dirt) noexcept {
  using kind = protocol::dirt;
  if (dirt.has(kind::opaque))
    return trace_set::all();
  trace_set out;
  if (dirt.has(kind::maybe_temp))
    out.add(trace::temporary);
  if (dirt.has(kind::listens))
    out.add(trace::listens);
  if (dirt.has(kind::libraries))
    out.add(trace::libraries);
  return out;
}

std::string_view name(trace_set kinds) noexcept {
  if (kinds.has(trace::listens))
    return "listen";
  if (kinds.has(trace::temporary))
    return "temporary objects";
  if (kinds.has(trace::locks))
    return "advisory lock";
  if (kinds.has(trace::cursors))
    return "cursor with hold";
  if (kinds.has(trace::statements))
    return "sql prepare";
  if (kinds.has(trace::libraries))
    return "load";
  if (kinds.has(trace::settings))
    return "settings";
  return "";
}

} // namespace cenote::session
