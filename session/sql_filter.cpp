#include "session/sql_filter.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

#include "session/sql_text.hpp"

namespace cenote::session {

namespace {

/// BEGIN and what else only begins or ends a transaction leave nothing behind.
constexpr std::array<std::string_view, 14> asking_words = {
  "set",     "reset", "prepare", "execute", "listen",   "load",    "deallocate",
  "declare", "close", "explain", "do",      "unlisten", "discard", "call",
};

constexpr std::uint32_t first_letters() noexcept {
  std::uint32_t out = 1u << ('c' - 'a'); // CREATE
  for (auto word : asking_words)
    out |= 1u << (word.front() - 'a');
  return out;
}

enum class opening : std::uint8_t { asks, creates, other };

opening opening_of(std::string_view sql, std::size_t at) noexcept {
  constexpr auto letters = first_letters();
  const char first = at < sql.size() ? sql_lower(sql[at]) : '\0';
  if (first < 'a' || first > 'z' || ((letters >> (first - 'a')) & 1) == 0)
    return opening::other;
  for (auto word : asking_words)
    if (word.front() == first && is_at(sql, at, word)
        && ends_word(sql, at + word.size()))
      return opening::asks;
  if (is_at(sql, at, "create") && ends_word(sql, at + 6))
    return opening::creates;
  return opening::other;
}

bool has_text(std::string_view sql, std::string_view text) noexcept {
  for (std::size_t at = 0; at + text.size() <= sql.size(); ++at)
    if (is_at(sql, at, text))
      return true;
  return false;
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
  explicit needles(std::string_view sql) noexcept
    : sql_{sql} {
    // nop
  }

  /// True: enough seen. Sixteen bytes at a time, of which few are stopped at.
  bool find(std::size_t at) noexcept {
    for (; sql_.size() - at > width; at += width)
      if (look_at_all(at, sql_.data() + at))
        return true;
    std::array<char, width + 1> rest{};
    std::copy(sql_.begin() + static_cast<std::ptrdiff_t>(at), sql_.end(),
              rest.begin());
    return look_at_all(at, rest.data());
  }

  std::size_t first_end = std::string_view::npos; ///< The first `;`.
  bool has_temp_word = false;

private:
  static constexpr std::size_t width = 16;
  using bytes = unsigned char __attribute__((vector_size(width)));
  using words = std::uint64_t __attribute__((vector_size(width)));

  /// Looks where `_c`, `_a`, `_t`, `mp`, `&"` or `;` stand among sixteen bytes
  /// and the one behind them.
  bool look_at_all(std::size_t at, const char* from) noexcept {
    bytes here{};
    bytes next{};
    std::memcpy(&here, from, width);
    std::memcpy(&next, from + 1, width);
    const bytes next_lower = next | 0x20;
    const auto hits
      = ((here == '_')
         & ((next_lower == 'c') | (next_lower == 'a') | (next_lower == 't')))
      | (((here | 0x20) == 'm') & (next_lower == 'p'))
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

  bool look(std::size_t at) noexcept {
    switch (sql_lower(sql_[at])) {
      case '_':
        return (is_at(sql_, at, "_config") && is_behind(at, "set"))
            || is_at(sql_, at, "_advisory")
            || (is_at(sql_, at, "_temp") && is_behind(at, "pg"));
      case ';':
        if (first_end == sql_.npos)
          first_end = at;
        return false;
      case '&': // U&"\0073et_config"
        return is_behind(at, "u");
      case 'm':
        has_temp_word = has_temp_word || is_temp(at + 1);
        return false;
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

bool only_ends(std::string_view sql) noexcept {
  for (char c : sql)
    if (c != ';' && !is_space(c))
      return false;
  return true;
}

} // namespace

bool asks_for_a_look(std::string_view sql, bool is_whole) noexcept {
  if (!is_whole)
    return true;
  const auto at = skip_blank(sql, 0, '(');
  const auto how = opening_of(sql, at);
  if (how == opening::asks)
    return true;
  needles seen{sql};
  if (seen.find(at))
    return true;
  if (seen.has_temp_word && (how == opening::creates || has_text(sql, "into")))
    return true;
  if (how == opening::creates && has_text(sql, "execute"))
    return true;
  if (seen.first_end == sql.npos || only_ends(sql.substr(seen.first_end)))
    return false;
  return !statement_end{sql}.is_last(at);
}

} // namespace cenote::session
