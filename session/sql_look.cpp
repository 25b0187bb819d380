#include "session/sql_look.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include "session/parse_tree.hpp"
#include "session/pg_parser.hpp"
#include "session/settings.hpp"
#include "session/sql_names.hpp"
#include "session/sql_text.hpp"

namespace cenote::session {

namespace {

using node = parse_tree::node;

std::string lowered(std::string text) {
  for (auto& c : text)
    c = sql_lower(c);
  return text;
}

/// WITH HOLD in the options of a cursor (CURSOR_OPT_HOLD of parsenodes.h).
constexpr std::int64_t cursor_hold = 0x20;

bool is_temp_schema(std::string_view name) noexcept {
  return name == "pg_temp" || name.starts_with("pg_temp_");
}

// -- set_config and the functions of advisory locks ---------------------------

/// What an argument is, seen through its casts.
node without_casts(node argument) noexcept {
  auto inner = argument.first_child();
  while (inner.key() == "TypeCast")
    inner = inner.find("arg").first_child();
  return inner;
}

std::uint16_t parameter_number(node what) noexcept {
  const auto number = what.find("number").number();
  return number > 0 && number <= UINT16_MAX ? static_cast<std::uint16_t>(number)
                                            : std::uint16_t{0};
}

/// As PostgreSQL reads a boolean that is given as text.
answer boolean_of(std::string_view text) {
  const auto from = text.find_first_not_of(" \t\n\r\f\v");
  if (from == text.npos)
    return answer::computed;
  text = text.substr(from, text.find_last_not_of(" \t\n\r\f\v") + 1 - from);
  const auto value = parse_bool(text);
  if (!value)
    return answer::computed;
  return *value ? answer::yes : answer::no;
}

void read_name(node argument, setting_touched& to) {
  const auto what = without_casts(argument);
  to.is_named = answer::computed;
  if (what.key() == "ParamRef") {
    to.is_named = answer::by_parameter;
    to.name_parameter = parameter_number(what);
  } else if (what.key() == "A_Const") {
    if (const auto text = what.find("sval").find("sval")) {
      to.is_named = answer::yes;
      to.name = lowered(text.text());
    }
  }
}

void read_is_local(node argument, setting_touched& to) {
  const auto what = without_casts(argument);
  to.is_local = answer::computed;
  if (what.key() == "ParamRef") {
    to.is_local = answer::by_parameter;
    to.local_parameter = parameter_number(what);
  } else if (what.key() == "A_Const") {
    if (what.find("isnull").is_true())
      to.is_local = answer::no;
    else if (const auto constant = what.find("boolval"))
      to.is_local
        = constant.find("boolval").is_true() ? answer::yes : answer::no;
    else if (const auto text = what.find("sval"))
      to.is_local = boolean_of(text.find("sval").text());
  }
}

void read_value(node argument, std::string_view sql, setting_touched& to) {
  const auto what = without_casts(argument);
  const auto at = static_cast<std::size_t>(what.find("location").number());
  auto end = at;
  if (what.key() == "ParamRef" && at < sql.size() && sql[at] == '$') {
    for (++end; end < sql.size() && is_digit(sql[end]);)
      ++end;
    to.is_null = answer::by_parameter;
    to.null_parameter = parameter_number(what);
  } else if (what.key() == "A_Const" && what.find("isnull").is_true()
             && is_at(sql, at, "null")) {
    end = at + 4;
    to.is_null = answer::yes;
  }
  to.null_at
    = {static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(end - at)};
}

void read_set_config(node call, std::string_view sql, sql_statement& to) {
  setting_touched out;
  out.by_function = true;
  out.is_named = out.is_local = answer::computed;
  const auto args = call.find("args");
  const auto first = args.first_child();
  const auto third = first.sibling().sibling();
  const bool is_usual
    = third && !third.sibling() && !call.find("func_variadic").is_true();
  if (is_usual) {
    read_name(first, out);
    read_value(first.sibling(), sql, out);
    read_is_local(third, out);
  }
  to.settings.push_back(std::move(out));
}

void read_call(node call, std::string_view sql, sql_statement& to) {
  auto part = call.find("funcname").first_child();
  std::string schema;
  auto name = part.find("String").find("sval").text();
  while (part = part.sibling(), part) {
    schema = std::move(name);
    name = part.find("String").find("sval").text();
  }
  if (!schema.empty() && schema != "pg_catalog")
    return;
  if (name == "set_config")
    read_set_config(call, sql, to);
  else if (name.starts_with("pg_advisory_unlock"))
    to.uses_advisory_unlock = true;
  else if (name.starts_with("pg_advisory_lock")
           || name.starts_with("pg_try_advisory_lock"))
    to.uses_advisory_session_lock = true;
}

/// Whatever stands somewhere inside.
void read_insides(node statement, std::string_view sql, sql_statement& to) {
  const bool creates
    = statement.key().starts_with("Create") || statement.key() == "DefineStmt"
   || statement.key() == "ViewStmt" || statement.key() == "CompositeTypeStmt";
  for (auto at = statement.first_child(); at; at = at.next_in(statement)) {
    if (at.key() == "FuncCall") {
      read_call(at, sql, to);
    } else if (at.key() == "intoClause") {
      const auto target = at.find("rel");
      const bool is_temp = target.find("relpersistence").raw() == "t"
                        || is_temp_schema(target.find("schemaname").raw());
      if (is_temp && to.verb == sql_verb::other)
        to.verb = sql_verb::create_temp;
      to.may_leave_temp = to.may_leave_temp || is_temp;
    } else if (creates && (at.key() == "schemaname" || at.key() == "sval")) {
      to.may_leave_temp = to.may_leave_temp || is_temp_schema(at.raw());
    }
  }
}

// -- statements ---------------------------------------------------------------

void read_transaction(node what, sql_statement& to) {
  struct kind {
    std::string_view name;
    sql_verb verb;
  };
  constexpr std::array<kind, 8> kinds = {{
    {"TRANS_STMT_BEGIN", sql_verb::begin},
    {"TRANS_STMT_START", sql_verb::begin},
    {"TRANS_STMT_COMMIT", sql_verb::commit},
    {"TRANS_STMT_ROLLBACK", sql_verb::rollback},
    {"TRANS_STMT_SAVEPOINT", sql_verb::savepoint},
    {"TRANS_STMT_RELEASE", sql_verb::release},
    {"TRANS_STMT_ROLLBACK_TO", sql_verb::rollback_to},
    {"TRANS_STMT_PREPARE", sql_verb::prepare_transaction},
  }};
  for (const auto& [name, verb] : kinds)
    if (what.find("kind").raw() == name)
      to.verb = verb;
  to.name = what.find("savepoint_name").text();
  to.chains = what.find("chain").is_true();
}

void read_set(node what, sql_statement& to) {
  const auto kind = what.find("kind").raw();
  const bool is_local = what.find("is_local").is_true();
  auto name = what.find("name").text();
  if (kind == "VAR_RESET_ALL") {
    to.verb = sql_verb::reset_all;
    return;
  }
  if (kind == "VAR_SET_MULTI" && name != "SESSION CHARACTERISTICS") {
    to.verb = sql_verb::set_transaction;
    return;
  }
  to.verb = kind == "VAR_RESET" ? sql_verb::reset
          : is_local            ? sql_verb::set_local
                                : sql_verb::set;
  auto add = [&](std::string touched) {
    setting_touched out;
    out.name = lowered(std::move(touched));
    out.is_local = is_local ? answer::yes : answer::no;
    out.to_default = kind == "VAR_RESET" || kind == "VAR_SET_DEFAULT";
    to.settings.push_back(std::move(out));
  };
  if (kind != "VAR_SET_MULTI") {
    add(std::move(name));
    return;
  }
  // SET SESSION CHARACTERISTICS AS TRANSACTION: transaction_read_only and so on
  // set default_transaction_read_only.
  auto mode = what.find("args").first_child();
  for (; mode; mode = mode.sibling())
    add("default_" + mode.find("DefElem").find("defname").text());
}

void read_discard(node what, sql_statement& to) {
  const auto target = what.find("target").raw();
  if (target == "DISCARD_PLANS")
    to.verb = sql_verb::discard_plans;
  else if (target == "DISCARD_TEMP")
    to.verb = sql_verb::discard_temp;
  else if (target == "DISCARD_SEQUENCES")
    to.verb = sql_verb::discard_sequences;
  else
    to.verb = sql_verb::discard_all;
}

/// CREATE TABLE, VIEW, SEQUENCE, TABLE AS, by the key of what is created.
void read_create(node relation, std::string_view on_commit, sql_statement& to) {
  const bool is_temp = relation.find("relpersistence").raw() == "t"
                    || is_temp_schema(relation.find("schemaname").raw());
  if (!is_temp)
    return;
  if (to.verb == sql_verb::other)
    to.verb = sql_verb::create_temp;
  to.may_leave_temp = on_commit != "ONCOMMIT_DROP";
}

using reader = void (*)(node, sql_statement&);

struct statement_kind {
  std::string_view key;
  reader read;
};

constexpr std::array<statement_kind, 17> kinds = {{
  {"TransactionStmt", read_transaction},
  {"VariableSetStmt", read_set},
  {"DiscardStmt", read_discard},
  {"PrepareStmt",
   [](node what, sql_statement& to) {
     to.verb = sql_verb::prepare;
     to.name = what.find("name").text();
   }},
  {"ExecuteStmt",
   [](node what, sql_statement& to) {
     to.verb = sql_verb::execute;
     to.name = what.find("name").text();
   }},
  {"DeallocateStmt",
   [](node what, sql_statement& to) {
     const auto name = what.find("name");
     to.verb = name ? sql_verb::deallocate : sql_verb::deallocate_all;
     to.name = name.text();
   }},
  {"ListenStmt",
   [](node what, sql_statement& to) {
     to.verb = sql_verb::listen;
     to.name = what.find("conditionname").text();
   }},
  {"UnlistenStmt",
   [](node what, sql_statement& to) {
     const auto name = what.find("conditionname");
     to.verb = name ? sql_verb::unlisten : sql_verb::unlisten_all;
     to.name = name.text();
   }},
  {"DeclareCursorStmt",
   [](node what, sql_statement& to) {
     if ((what.find("options").number() & cursor_hold) != 0)
       to.verb = sql_verb::declare_hold;
     to.name = what.find("portalname").text();
   }},
  {"ClosePortalStmt",
   [](node what, sql_statement& to) {
     to.verb = sql_verb::close;
     to.name = what.find("portalname").text();
   }},
  {"CreateStmt",
   [](node what, sql_statement& to) {
     read_create(what.find("relation"), what.find("oncommit").raw(), to);
   }},
  {"ViewStmt",
   [](node what, sql_statement& to) {
     read_create(what.find("view"), {}, to);
   }},
  {"CreateSeqStmt",
   [](node what, sql_statement& to) {
     read_create(what.find("sequence"), {}, to);
   }},
  {"CreateTableAsStmt",
   [](node what, sql_statement& to) {
     const auto into = what.find("into");
     read_create(into.find("rel"), into.find("onCommit").raw(), to);
   }},
  {"LoadStmt", [](node, sql_statement& to) { to.verb = sql_verb::load; }},
  {"DoStmt", [](node, sql_statement& to) { to.verb = sql_verb::do_block; }},
  {"CallStmt", [](node, sql_statement& to) { to.verb = sql_verb::call; }},
}};

void read_kind(node what, sql_statement& to) {
  for (const auto& [key, read] : kinds)
    if (what.key() == key)
      read(what, to);
  to.drops_something = what.key().starts_with("Drop");
}

/// Fills what the tree says of a statement; where its name is to be looked for.
std::optional<naming> read_statement(node what, std::string_view sql,
                                     sql_statement& to) {
  auto inner = what;
  const bool explains = what.key() == "ExplainStmt";
  if (explains)
    inner = what.find("query").first_child();
  const bool creates = inner.key() == "CreateTableAsStmt";
  // What it explains may run as well; but DECLARE does not.
  if (inner.key() != "DeclareCursorStmt" || !explains)
    read_kind(inner, to);
  if (creates) {
    const auto query = inner.find("query").first_child();
    if (query.key() == "ExecuteStmt")
      read_kind(query, to);
  }
  read_insides(inner, sql, to);
  constexpr std::array<std::string_view, 6> own
    = {"SelectStmt", "InsertStmt",  "UpdateStmt",
       "DeleteStmt", "PrepareStmt", "DeclareCursorStmt"};
  to.is_own = std::find(own.begin(), own.end(), inner.key()) != own.end();
  if (to.verb == sql_verb::prepare)
    return naming::prepare;
  if (to.verb == sql_verb::deallocate)
    return naming::deallocate;
  if (to.verb != sql_verb::execute)
    return {};
  return creates  ? naming::create_as_execute
       : explains ? naming::explain_execute
                  : naming::execute;
}

/// Where a statement is; PostgreSQL begins behind the `;` of the one before.
text_range range_of(std::string_view sql, node raw) noexcept {
  const auto from
    = static_cast<std::size_t>(raw.find("stmt_location").number());
  const auto size = static_cast<std::size_t>(raw.find("stmt_len").number());
  const auto to = size == 0 ? sql.size() : std::min(sql.size(), from + size);
  const auto at = std::min(skip_blank(sql, from, ';'), to);
  return {static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(to - at)};
}

bool is_shallow(look_failure& failure, const std::string& sql,
                const look_limits& limits,
                std::optional<std::vector<sql_token>>& tokens) {
  // Two bytes of text make a level at most.
  if (sql.size() / 2 <= limits.depth_max)
    return true;
  tokens = scan_sql(sql);
  if (!tokens)
    failure = look_failure::syntax;
  else if (nesting_of(sql, *tokens) > limits.depth_max)
    failure = look_failure::too_deep;
  return failure == look_failure::none;
}

} // namespace

bool sql_statement::is_plain() const noexcept {
  const bool is_plain_verb
    = verb == sql_verb::other || verb == sql_verb::begin
   || verb == sql_verb::commit || verb == sql_verb::rollback
   || verb == sql_verb::savepoint || verb == sql_verb::rollback_to
   || verb == sql_verb::release;
  return is_plain_verb && settings.empty() && !uses_advisory_session_lock
      && !uses_advisory_unlock && !may_leave_temp;
}

sql_look look_at(std::string_view text, look_limits limits) {
  sql_look out;
  if (text.size() > limits.bytes_max || text.size() > UINT32_MAX / 2) {
    out.failure = look_failure::too_long;
    return out;
  }
  const auto sql = std::string{text};
  out.has_backslash = text.find('\\') != text.npos;
  if (text.find('\0') != text.npos) { // No message can hold one.
    out.failure = look_failure::syntax;
    return out;
  }
  std::optional<std::vector<sql_token>> tokens;
  if (!is_shallow(out.failure, sql, limits, tokens))
    return out;
  const auto json = parse_sql(sql);
  const auto tree = json.text ? parse_tree::read(json.text.get())
                              : std::optional<parse_tree>{};
  if (!tree) {
    out.failure = look_failure::syntax;
    out.error = json.error;
    return out;
  }
  auto raw = tree->root().find("stmts").first_child();
  for (; raw; raw = raw.sibling()) {
    auto& fresh = out.statements.emplace_back();
    fresh.where = range_of(sql, raw);
    const auto named
      = read_statement(raw.find("stmt").first_child(), sql, fresh);
    if (!named)
      continue;
    if (!tokens)
      tokens = scan_sql(sql);
    if (tokens)
      find_name(sql, *tokens, *named, fresh);
  }
  return out;
}

} // namespace cenote::session
