// Any text: what the cheap filter lets pass holds nothing of interest, ranges
// stand in the text, and a prepared statement that is given another name is
// otherwise the same.
#include <string>

#include "session/parse_tree.hpp"
#include "session/sql_filter.hpp"
#include "session/sql_look.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace cenote::session;
using cenote::fuzz::check;

namespace {

constexpr std::string_view other_name = "\"Cenote \"\"1\"";

bool is_inside(text_range what, text_range whole) {
  return what.size == 0
      || (what.at >= whole.at && what.at + what.size <= whole.at + whole.size);
}

bool equal(const std::vector<setting_touched>& a,
           const std::vector<setting_touched>& b) {
  return std::equal(
    a.begin(), a.end(), b.begin(), b.end(), [](const auto& x, const auto& y) {
      return x.name == y.name && x.is_named == y.is_named
          && x.name_parameter == y.name_parameter && x.is_local == y.is_local
          && x.local_parameter == y.local_parameter
          && x.by_function == y.by_function;
    });
}

/// The same but for its name.
void compare(std::string_view old_sql, const sql_statement& old,
             std::string_view new_sql, const sql_statement& fresh) {
  check(old.verb == fresh.verb && old.chains == fresh.chains);
  check(old.types_at.of(old_sql) == fresh.types_at.of(new_sql));
  check(old.query_at.of(old_sql) == fresh.query_at.of(new_sql));
  check(equal(old.settings, fresh.settings));
  check(old.is_plain() == fresh.is_plain());
  check(old.may_leave_temp == fresh.may_leave_temp);
  check(old.drops_something == fresh.drops_something);
}

void rename(std::string_view sql, const sql_look& look, std::size_t which) {
  const auto& old = look.statements[which];
  const auto at = old.name_at;
  std::string spliced{sql.substr(0, at.at)};
  spliced += other_name;
  spliced += sql.substr(at.at + at.size);
  const auto again = look_at(spliced);
  check(again.parsed());
  check(again.statements.size() == look.statements.size());
  for (std::size_t i = 0; i < look.statements.size(); ++i) {
    const auto& fresh = again.statements[i];
    compare(sql, look.statements[i], spliced, fresh);
    if (i == which) {
      check(fresh.name == "Cenote \"1");
      check(fresh.name_at.of(spliced) == other_name);
    } else {
      check(fresh.name == look.statements[i].name);
    }
  }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  const auto sql = std::string_view{reinterpret_cast<const char*>(data), size};
  (void) parse_tree::read(sql);
  const bool asks = asks_for_a_look(sql);
  check(asks_for_a_look(sql, false));
  const auto look = look_at(sql);
  if (!look.parsed())
    return 0;
  check(asks || look.statements.size() < 2);
  std::uint32_t behind = 0;
  for (std::size_t i = 0; i < look.statements.size(); ++i) {
    const auto& one = look.statements[i];
    check(asks || one.is_plain());
    check(one.where.at >= behind && one.where.size > 0);
    behind = one.where.at + one.where.size;
    check(behind <= size);
    check(is_inside(one.name_at, one.where));
    check(is_inside(one.types_at, one.where));
    check(is_inside(one.query_at, one.where));
    const bool is_named = one.verb == sql_verb::prepare
                       || one.verb == sql_verb::execute
                       || one.verb == sql_verb::deallocate;
    check(is_named == (one.name_at.size > 0));
    if (is_named)
      rename(sql, look, i);
  }
  return 0;
}
