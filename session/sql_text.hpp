#pragma once

#include <cstddef>
#include <string_view>

/// How PostgreSQL's scanner sees single bytes of SQL, words and comments.
namespace cenote::session {

[[nodiscard]] constexpr char sql_lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

/// PostgreSQL's `space`; version 16 added the vertical tab.
[[nodiscard]] constexpr bool is_space(char c) noexcept {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

[[nodiscard]] constexpr bool is_high(char c) noexcept {
  return static_cast<unsigned char>(c) >= 0x80;
}

[[nodiscard]] constexpr bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}

[[nodiscard]] constexpr bool starts_word(char c) noexcept {
  return (sql_lower(c) >= 'a' && sql_lower(c) <= 'z') || c == '_' || is_high(c);
}

[[nodiscard]] constexpr bool continues_word(char c) noexcept {
  return starts_word(c) || is_digit(c) || c == '$';
}

/// `word` is in lower case.
[[nodiscard]] inline bool is_at(std::string_view sql, std::size_t at,
                                std::string_view word) noexcept {
  if (at > sql.size() || sql.size() - at < word.size())
    return false;
  for (std::size_t i = 0; i < word.size(); ++i)
    if (sql_lower(sql[at + i]) != word[i])
      return false;
  return true;
}

/// `text`, in lower case, stands anywhere in it.
[[nodiscard]] inline bool has_text(std::string_view sql,
                                   std::string_view text) noexcept {
  for (std::size_t at = 0; at + text.size() <= sql.size(); ++at)
    if (is_at(sql, at, text))
      return true;
  return false;
}

[[nodiscard]] inline bool ends_word(std::string_view sql,
                                    std::size_t at) noexcept {
  return at >= sql.size() || !continues_word(sql[at]);
}

/// Behind the comment that begins at `at`; `at` itself if none does.
[[nodiscard]] inline std::size_t skip_comment(std::string_view sql,
                                              std::size_t at) noexcept {
  if (at >= sql.size() || (sql[at] != '-' && sql[at] != '/'))
    return at;
  if (is_at(sql, at, "--")) {
    while (at < sql.size() && sql[at] != '\n' && sql[at] != '\r')
      ++at;
    return at;
  }
  if (!is_at(sql, at, "/*"))
    return at;
  std::size_t depth = 0;
  while (at < sql.size()) {
    if (is_at(sql, at, "/*")) {
      ++depth;
      at += 2;
    } else if (is_at(sql, at, "*/")) {
      at += 2;
      if (--depth == 0)
        return at;
    } else {
      ++at;
    }
  }
  return at;
}

/// The first byte that is not white space, comment, `;` or `more`.
[[nodiscard]] inline std::size_t
skip_blank(std::string_view sql, std::size_t at, char more) noexcept {
  while (at < sql.size()) {
    const char c = sql[at];
    if (is_space(c) || c == ';' || c == more) {
      ++at;
      continue;
    }
    const auto behind = skip_comment(sql, at);
    if (behind == at)
      return at;
    at = behind;
  }
  return at;
}

} // namespace cenote::session
