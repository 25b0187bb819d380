#include "session/left_behind.hpp"

#include <algorithm>

#include "session/answer_row.hpp"
#include "session/extended_batch.hpp"
#include "session/statements.hpp"

namespace cenote::session {

namespace {

/// $1: kinds; $2: names of settings. A kind that is not asked for costs
/// nothing: its filter is evaluated once, before anything is read. Everything
/// is named with its schema: the client's search_path may hold anything. All
/// that is in a temporary schema depends on it, and pg_depend has an index for
/// that.
constexpr std::string_view question
  = "select 's', s.name, s.setting from pg_catalog.pg_settings s "
    "where ($1::pg_catalog.int4 operator(pg_catalog.&) 1) "
    "operator(pg_catalog.<>) 0 and s.source operator(pg_catalog.=) 'session' "
    "and s.name operator(pg_catalog.!~~) 'transaction\\_%' "
    "union all select 's', n.n, pg_catalog.current_setting(n.n, true) "
    "from pg_catalog.unnest($2::pg_catalog.text[]) as n(n) "
    "union all select 't', '', '' where ($1 operator(pg_catalog.&) 2) "
    "operator(pg_catalog.<>) 0 and pg_catalog.pg_my_temp_schema() "
    "operator(pg_catalog.<>) '0'::pg_catalog.oid and exists (select from "
    "pg_catalog.pg_depend d where d.refclassid operator(pg_catalog.=) "
    "'pg_catalog.pg_namespace'::pg_catalog.regclass and d.refobjid "
    "operator(pg_catalog.=) pg_catalog.pg_my_temp_schema()) "
    "union all select 'l', c.c, '' from pg_catalog.pg_listening_channels() as "
    "c(c) where ($1 operator(pg_catalog.&) 4) operator(pg_catalog.<>) 0 "
    "union all select 'c', c.name, '' from pg_catalog.pg_cursors c where ($1 "
    "operator(pg_catalog.&) 8) operator(pg_catalog.<>) 0 and c.is_holdable "
    "union all select 'a', '', '' where ($1 operator(pg_catalog.&) 16) "
    "operator(pg_catalog.<>) 0 and exists (select from pg_catalog.pg_locks l "
    "where l.locktype operator(pg_catalog.=) 'advisory' and l.pid "
    "operator(pg_catalog.=) pg_catalog.pg_backend_pid()) "
    "union all select 'p', p.name, '' from pg_catalog.pg_prepared_statements p "
    "where ($1 operator(pg_catalog.&) 32) operator(pg_catalog.<>) 0 and "
    "p.from_sql";

/// As PostgreSQL reads text[].
std::string array_of(std::span<const std::string> names) {
  std::string out = "{";
  for (const auto& name : names) {
    out += out.size() > 1 ? ",\"" : "\"";
    for (char c : name) {
      if (c == '"' || c == '\\')
        out += '\\';
      out += c;
    }
    out += '"';
  }
  return out + '}';
}

} // namespace

void append_question(std::vector<std::byte>& out, std::string& sent, asker how,
                     trace_set kinds, std::span<const std::string> named) {
  constexpr auto statement = statement_identity::asker;
  extended_batch make{out, sent};
  if (how != asker::known) {
    // Perhaps it is there: a question that failed does not tell.
    make.close(statement);
    make.parse(statement, question);
  }
  make.bind(statement, std::to_string(kinds.bits()), array_of(named));
  make.execute();
  if (how == asker::once)
    make.close(statement);
  make.sync();
}

void left_behind_reader::row(std::span<const std::byte> body) {
  const auto row = read_answer_row(body);
  if (!row) {
    found_.is_cut = true;
    return;
  }
  switch (row->kind) {
    case 's':
      return row->has_value ? setting(row->name, row->value) : void();
    case 't':
      return found_.kinds.add(trace::temporary);
    case 'l':
      found_.kinds.add(trace::listens);
      if (found_.channels.size() < channels_max)
        found_.channels.emplace_back(row->name);
      return;
    case 'c':
      return found_.kinds.add(trace::cursors);
    case 'a':
      return found_.kinds.add(trace::locks);
    case 'p':
      found_.kinds.add(trace::statements);
      if (found_.statements.size() < settings_max)
        found_.statements.emplace_back(row->name);
      return;
    default:
      found_.is_cut = true;
  }
}

void left_behind_reader::setting(std::string_view name,
                                 std::string_view value) {
  // A role that was not changed.
  if (name == "role" && value == "none")
    return;
  bytes_ += name.size() + value.size();
  if (found_.settings.size() >= settings_max || bytes_ > bytes_max) {
    found_.is_cut = true;
    return;
  }
  found_.settings.emplace_back(name, value);
}

} // namespace cenote::session
