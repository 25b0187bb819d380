#include "session/sql_names.hpp"

#include <algorithm>
#include <span>

#include "session/sql_text.hpp"

namespace cenote::session {

namespace {

class token_view {
public:
  token_view(std::string_view sql, std::span<const sql_token> tokens) noexcept
    : sql_{sql},
      tokens_{tokens} {
    // nop
  }

  [[nodiscard]] std::size_t size() const noexcept {
    return tokens_.size();
  }

  /// The unquoted keyword or punctuation, in lower case.
  [[nodiscard]] bool is(std::size_t which,
                        std::string_view word) const noexcept {
    return which < tokens_.size() && text(which).size() == word.size()
        && is_at(text(which), 0, word);
  }

  /// The first one outside of brackets, from `which` on.
  [[nodiscard]] std::size_t find(std::size_t which,
                                 std::string_view word) const noexcept {
    std::size_t depth = 0;
    for (; which < tokens_.size(); ++which) {
      if (depth == 0 && is(which, word))
        break;
      if (is(which, "("))
        ++depth;
      else if (is(which, ")") && depth > 0)
        --depth;
    }
    return which;
  }

  /// From one token up to another one, both included.
  [[nodiscard]] text_range range(std::size_t from,
                                 std::size_t to) const noexcept {
    if (from > to || to >= tokens_.size())
      return {};
    return {tokens_[from].at, tokens_[to].end - tokens_[from].at};
  }

  /// The token of a name; U&"x" UESCAPE '!' is three.
  [[nodiscard]] std::size_t end_of_name(std::size_t which) const noexcept {
    return is(which + 1, "uescape") ? which + 2 : which;
  }

private:
  [[nodiscard]] std::string_view text(std::size_t which) const noexcept {
    return sql_.substr(tokens_[which].at,
                       tokens_[which].end - tokens_[which].at);
  }

  std::string_view sql_;
  std::span<const sql_token> tokens_;
};

/// The tokens of one statement.
std::span<const sql_token> tokens_of(std::span<const sql_token> all,
                                     text_range where) noexcept {
  auto before
    = [](const sql_token& token, std::uint32_t at) { return token.at < at; };
  const auto from = std::lower_bound(all.begin(), all.end(), where.at, before);
  const auto to
    = std::lower_bound(from, all.end(), where.at + where.size, before);
  return {from, to};
}

std::size_t name_of_execute(const token_view& see, naming where) noexcept {
  if (where == naming::execute)
    return 1;
  if (where == naming::explain_execute)
    return see.find(1, "execute") + 1;
  // A table may be called `execute`, but AS is reserved.
  auto at = see.find(1, "as");
  while (at < see.size() && !see.is(at + 1, "execute"))
    at = see.find(at + 1, "as");
  return at + 2;
}

} // namespace

void find_name(std::string_view sql, const std::vector<sql_token>& tokens,
               naming where, sql_statement& of) {
  const token_view see{sql, tokens_of(tokens, of.where)};
  std::size_t name = 1;
  if (where == naming::deallocate) {
    // `DEALLOCATE prepare` ends that name's life.
    if (see.is(1, "prepare") && see.size() > 2)
      name = 2;
  } else if (where != naming::prepare) {
    name = name_of_execute(see, where);
  }
  const auto last = see.end_of_name(name);
  of.name_at = see.range(name, last);
  if (where != naming::prepare)
    return;
  const auto as = see.find(last + 1, "as");
  if (as > last + 1)
    of.types_at = see.range(last + 1, as - 1);
  of.query_at = see.range(as + 1, see.size() - 1);
}

} // namespace cenote::session
