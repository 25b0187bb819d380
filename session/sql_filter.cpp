#include "session/sql_filter.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

#include "session/sql_text.hpp"

namespace cenote::session {

namespace {

enum class opening : std::uint8_t { asks, creates, updates, other };

struct opening_word {
  std::string_view text;
  opening what = opening::asks;
};

/// BEGIN and what else only begins or ends a transaction leave nothing behind.
/// In the order of their first letters.
constexpr std::array<opening_word, 16> opening_words = {{
  {"call"},
  {"close"},
  {"create", opening::creates},
  {"deallocate"},
  {"declare"},
  {"discard"},
  {"do"},
  {"execute"},
  {"explain"},
  {"listen"},
  {"load"},
  {"prepare"},
  {"reset"},
  {"set"},
  {"unlisten"},
  {"update", opening::updates},
}};

/// Where the words of each letter begin, and the last ones end: most texts are
/// compared with one word, or with none.
constexpr auto words_of_letter = [] {
  std::array<std::uint8_t, 27> out{};
  for (char letter = 'a'; letter <= 'z'; ++letter)
    for (const auto& word : opening_words)
      if (word.text.front() <= letter)
        ++out[static_cast<std::size_t>(letter - 'a' + 1)];
  return out;
}();

opening opening_of(std::string_view sql, std::size_t at) noexcept {
  const char first = at < sql.size() ? sql_lower(sql[at]) : '\0';
  if (first < 'a' || first > 'z')
    return opening::other;
  const auto letter = static_cast<std::size_t>(first - 'a');
  for (auto i = words_of_letter[letter]; i < words_of_letter[letter + 1]; ++i)
    if (const auto& [text, what] = opening_words[i];
        is_at(sql, at, text) && ends_word(sql, at + text.size()))
      return what;
  return opening::other;
}

/// Without the `;` and the white space that end it.
std::string_view without_end(std::string_view sql) noexcept {
  while (!sql.empty() && (sql.back() == ';' || is_space(sql.back())))
    sql.remove_suffix(1);
  return sql;
}

/// Walks over quotes and comments up to the first `;` that ends a statement.
class statement_end {
public:
  explicit statement_end(std::string_view sql) noexcept
    : sql_{sql} {
    // nop
  }

  /// Whether the statement at `at` is the last one for certain.
  bool is_last(std::size_t at) noexcept {
    at_ = at;
    while (at_ < sql_.size() && is_certain_) {
      const char c = sql_[at_];
      if (c == ';')
        return skip_blank(sql_, at_, ';') == sql_.size();
      const auto behind = skip_comment(sql_, at_);
      if (behind != at_)
        at_ = behind;
      else if (c == '\'')
        string(false);
      else if (c == '"')
        quoted_name();
      else if (c == '$')
        dollars();
      else if (starts_word(c))
        word();
      else
        ++at_;
    }
    return is_certain_;
  }

private:
  void string(bool escapes) noexcept {
    for (++at_; at_ < sql_.size(); ++at_) {
      const char c = sql_[at_];
      has_high_ = has_high_ || is_high(c);
      // Without the E it depends on a setting; and in some client encodings
      // this is the second byte of a character.
      if (c == '\\' && (!escapes || has_high_))
        is_certain_ = false;
      if (c == '\\')
        ++at_;
      else if (c == '\'')
        break;
    }
    ++at_;
  }

  void quoted_name() noexcept {
    const auto end = sql_.find('"', at_ + 1);
    at_ = end == sql_.npos ? sql_.size() : end + 1;
  }

  void word() noexcept {
    const auto from = at_;
    while (at_ < sql_.size() && continues_word(sql_[at_])) {
      has_high_ = has_high_ || is_high(sql_[at_]);
      // `1e5$$` is a number and a quote.
      if (sql_[at_++] == '$')
        is_certain_ = false;
    }
    if (at_ - from == 1 && sql_lower(sql_[from]) == 'e' && at_ < sql_.size()
        && sql_[at_] == '\'')
      string(true);
  }

  void dollars() noexcept {
    auto end = at_ + 1;
    if (end < sql_.size() && is_digit(sql_[end])) { // A parameter.
      at_ = end;
      return;
    }
    while (end < sql_.size() && sql_[end] != '$' && continues_word(sql_[end]))
      ++end;
    if (end >= sql_.size() || sql_[end] != '$') {
      ++at_;
      return;
    }
    const auto tag = sql_.substr(at_, end + 1 - at_);
    const auto closing = sql_.find(tag, end + 1);
    at_ = closing == sql_.npos ? sql_.size() : closing + tag.size();
  }

  std::string_view sql_;
  std::size_t at_ = 0;
  bool is_certain_ = true;
  bool has_high_ = false;
};

/// What the one pass over all bytes looks for.
class needles {
public:
  /// `sql` does not end with `;`.
  explicit needles(std::string_view sql) noexcept
    : sql_{sql} {
    // nop
  }

  /// True: enough seen. Sixteen bytes at a time, of which few are stopped at.
  bool find(std::size_t at) noexcept {
    const auto from = at;
    for (; sql_.size() - at > width; at += width)
      if (look_at_all(at, sql_.data() + at))
        return true;
    // Up to the last byte, over some that were looked at already.
    if (sql_.size() - from > width) {
      at = sql_.size() - width - 1;
      return look_at_all(at, sql_.data() + at);
    }
    std::array<char, width + 1> rest{};
    std::copy(sql_.begin() + static_cast<std::ptrdiff_t>(at), sql_.end(),
              rest.begin());
    return look_at_all(at, rest.data());
  }

  bool has_end = false; ///< A `;`, and something behind it.
  bool has_temp_word = false;
  bool has_settings = false; ///< `pg_settings`, of which an UPDATE is a SET.

private:
  static constexpr std::size_t width = 16;
  using bytes = unsigned char __attribute__((vector_size(width)));
  using words = std::uint64_t __attribute__((vector_size(width)));

  /// Looks where two letters that are rare side by side stand, `&"` or `;`,
  /// among sixteen bytes and the one behind them.
  bool look_at_all(std::size_t at, const char* from) noexcept {
    bytes here{};
    bytes next{};
    std::memcpy(&here, from, width);
    std::memcpy(&next, from + 1, width);
    const bytes lower = here | 0x20;
    const bytes next_lower = next | 0x20;
    const auto hits = ((lower == 'n') & (next_lower == 'f'))
                    | ((lower == 'd') & (next_lower == 'v'))
                    | ((lower == 'm') & (next_lower == 'p'))
                    | ((here == '_') & (next_lower == 's'))
                    | ((here == '&') & (next == '"')) | (here == ';');
    words both{};
    std::memcpy(&both, &hits, width);
    if ((both[0] | both[1]) == 0)
      return false;
    for (std::size_t half = 0; half < 2; ++half)
      for (auto left = both[half]; left != 0;) {
        static_assert(std::endian::native == std::endian::little);
        const auto place = static_cast<std::size_t>(std::countr_zero(left)) / 8;
        left &= ~(std::uint64_t{0xff} << (place * 8));
        if (look(at + half * 8 + place))
          return true;
      }
    return false;
  }

  [[gnu::hot]] bool look(std::size_t at) noexcept {
    switch (sql_lower(sql_[at])) {
      case 'n':
        return is_behind(at + 2, "set_conf") && is_at(sql_, at + 2, "ig");
      case 'd':
        return is_behind(at + 2, "_adv") && is_at(sql_, at + 2, "isory");
      case '_':
        has_settings = has_settings
                    || (is_behind(at, "pg") && is_at(sql_, at + 1, "settings"));
        return false;
      case ';':
        has_end = true;
        return false;
      case '&': // U&"\0073et_config"
        return is_behind(at, "u");
      case 'm':
        has_temp_word = has_temp_word || is_temp(at + 1);
        return is_behind(at + 2, "pg_temp");
      default:
        return false;
    }
  }

  bool is_behind(std::size_t at, std::string_view word) const noexcept {
    return at >= word.size() && is_at(sql_, at - word.size(), word);
  }

  /// Whether the word ends with the `p` at `at`, or with `orary` behind it.
  bool is_temp(std::size_t at) const noexcept {
    return is_behind(at + 1, "temp")
        && (at == 3 || !continues_word(sql_[at - 4]))
        && (ends_word(sql_, at + 1)
            || (is_at(sql_, at + 1, "orary") && ends_word(sql_, at + 6)));
  }

  std::string_view sql_;
};

} // namespace

[[gnu::hot]] bool asks_for_a_look(std::string_view sql,
                                  bool is_whole) noexcept {
  if (!is_whole)
    return true;
  const auto at = skip_blank(sql, 0, '(');
  const auto how = opening_of(sql, at);
  if (how == opening::asks)
    return true;
  const auto text = without_end(sql);
  if (at >= text.size())
    return false;
  needles seen{text};
  if (seen.find(at))
    return true;
  if (how == opening::updates && seen.has_settings)
    return true;
  if (seen.has_temp_word && (how == opening::creates || has_text(sql, "into")))
    return true;
  if (how == opening::creates && has_text(sql, "execute"))
    return true;
  return seen.has_end && !statement_end{sql}.is_last(at);
}

} // namespace cenote::session
