#include "app/console/statement.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace cenote::app {

namespace {

/// PgBouncer's is 63; a tenant's name, a dot and a database's name fit here.
constexpr std::size_t argument_bytes_max = 255;

constexpr auto verbs = std::array{
  std::pair<std::string_view, verb>{"DISABLE", verb::disable},
  std::pair<std::string_view, verb>{"ENABLE", verb::enable},
  std::pair<std::string_view, verb>{"KILL", verb::kill},
  std::pair<std::string_view, verb>{"KILL_CLIENT", verb::kill_client},
  std::pair<std::string_view, verb>{"PAUSE", verb::pause},
  std::pair<std::string_view, verb>{"RECONNECT", verb::reconnect},
  std::pair<std::string_view, verb>{"RELOAD", verb::reload},
  std::pair<std::string_view, verb>{"RESUME", verb::resume},
  std::pair<std::string_view, verb>{"SELECT", verb::show},
  std::pair<std::string_view, verb>{"SET", verb::set},
  std::pair<std::string_view, verb>{"SHOW", verb::show},
  std::pair<std::string_view, verb>{"SHUTDOWN", verb::shutdown},
  std::pair<std::string_view, verb>{"SUSPEND", verb::suspend},
  std::pair<std::string_view, verb>{"WAIT_CLOSE", verb::wait_close},
};

/// In the order of `subject`.
constexpr auto subjects = std::array<std::string_view, subject_count>{
  "ACTIVE_SOCKETS", "CLIENTS", "CONFIG",         "DATABASES",    "DNS_HOSTS",
  "DNS_ZONES",      "FDS",     "HELP",           "LISTS",        "MEM",
  "PEER_POOLS",     "PEERS",   "POOLS",          "SERVERS",      "SOCKETS",
  "STATE",          "STATS",   "STATS_AVERAGES", "STATS_TOTALS", "TOTALS",
  "USERS",          "VERSION",
};

constexpr auto fake_settings = std::array{
  fake_setting{"application_name", ""},
  fake_setting{"bytea_output", "hex"},
  fake_setting{"client_encoding", "UTF8"},
  fake_setting{"client_min_messages", "notice"},
  fake_setting{"datestyle", "ISO"},
  fake_setting{"default_transaction_isolation", "read committed"},
  fake_setting{"extra_float_digits", "2"},
  fake_setting{"intervalstyle", "postgres"},
  fake_setting{"is_superuser", "on"},
  fake_setting{"server_encoding", "UTF8"},
  fake_setting{"standard_conforming_strings", "on"},
  fake_setting{"timezone", "GMT"},
  fake_setting{"transaction_isolation", "read committed"},
};

constexpr bool is_space(char c) noexcept {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/// What a name may be made of without quotes: PgBouncer's letters, and those
/// that are in `tenant.database`.
constexpr bool is_word(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
      || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
}

std::string_view trimmed(std::string_view text) noexcept {
  while (!text.empty() && is_space(text.front()))
    text.remove_prefix(1);
  while (!text.empty() && is_space(text.back()))
    text.remove_suffix(1);
  return text;
}

/// Takes words off the front of a statement.
class scanner {
public:
  explicit scanner(std::string_view text) noexcept
    : left_{text} {
    // nop
  }

  /// The next word, or nothing at the end. `quote`: also a text in those. What
  /// is no word makes the scanner fail.
  std::optional<std::string> word(char quote) {
    skip_space();
    if (left_.empty())
      return std::nullopt;
    if (left_.front() == quote)
      return quoted(quote);
    auto size = static_cast<std::size_t>(
      std::find_if_not(left_.begin(), left_.end(), is_word) - left_.begin());
    if (size == 0)
      return failed();
    auto out = std::string{left_.substr(0, size)};
    left_.remove_prefix(size);
    // `a"b"` is no two words.
    if (!left_.empty() && !is_space(left_.front()) && left_.front() != '=')
      return failed();
    return out;
  }

  bool take(char c) {
    skip_space();
    if (left_.empty() || left_.front() != c)
      return false;
    left_.remove_prefix(1);
    return true;
  }

  [[nodiscard]] char peek() {
    skip_space();
    return left_.empty() ? '\0' : left_.front();
  }

  /// Nothing failed and nothing is left.
  [[nodiscard]] bool is_done() {
    skip_space();
    return ok_ && left_.empty();
  }

private:
  void skip_space() {
    while (!left_.empty() && is_space(left_.front()))
      left_.remove_prefix(1);
  }

  std::optional<std::string> failed() {
    ok_ = false;
    return std::nullopt;
  }

  std::optional<std::string> quoted(char quote) {
    auto out = std::string{};
    for (std::size_t at = 1; at < left_.size(); ++at) {
      if (left_[at] != quote) {
        out += left_[at];
        continue;
      }
      if (at + 1 < left_.size() && left_[at + 1] == quote) {
        out += quote;
        ++at;
        continue;
      }
      left_.remove_prefix(at + 1);
      if (!left_.empty() && !is_space(left_.front()) && left_.front() != '=')
        return failed();
      return out;
    }
    return failed();
  }

  std::string_view left_;
  bool ok_ = true;
};

result<statement> parse_set(scanner from, std::string_view text) {
  auto out = statement{verb::set, {}, {}};
  auto key = from.word('"');
  if (!key || key->empty())
    return failure{ec::admin_syntax, invalid_command(text)};
  if (!from.take('=')) {
    auto to = from.word('"');
    if (!to || upper(*to) != "TO")
      return failure{ec::admin_syntax, invalid_command(text)};
  }
  auto value = from.word(from.peek() == '\'' ? '\'' : '"');
  if (!value || !from.is_done())
    return failure{ec::admin_syntax, invalid_command(text)};
  if (key->size() > argument_bytes_max || value->size() > argument_bytes_max)
    return failure{ec::admin_syntax, "bad arguments"};
  out.argument = std::move(*key);
  out.value = std::move(*value);
  return out;
}

} // namespace

std::string_view name(verb what) noexcept {
  for (const auto& [word, each] : verbs)
    if (each == what && word != "SELECT")
      return word;
  return "";
}

std::string upper(std::string_view text) {
  auto out = std::string{text};
  for (auto& c : out)
    if (c >= 'a' && c <= 'z')
      c = static_cast<char>(c - 'a' + 'A');
  return out;
}

std::optional<subject> parse_subject(std::string_view word) {
  auto at = std::find(subjects.begin(), subjects.end(), upper(word));
  if (at == subjects.end())
    return std::nullopt;
  return static_cast<subject>(at - subjects.begin());
}

std::string invalid_command(std::string_view text) {
  constexpr std::size_t shown_bytes_max = 512;
  return "invalid command '"
       + std::string{trimmed(text).substr(0, shown_bytes_max)}
       + "', use SHOW HELP;";
}

std::vector<std::string_view> split(std::string_view text) {
  auto out = std::vector<std::string_view>{};
  auto quote = '\0';
  std::size_t begin = 0;
  for (std::size_t at = 0; at <= text.size(); ++at) {
    const bool is_end = at == text.size();
    if (!is_end && quote != '\0') {
      if (text[at] == quote)
        quote = '\0';
      continue;
    }
    if (!is_end && (text[at] == '"' || text[at] == '\'')) {
      quote = text[at];
      continue;
    }
    if (!is_end && text[at] != ';')
      continue;
    auto one = trimmed(text.substr(begin, at - begin));
    if (!one.empty())
      out.push_back(one);
    begin = at + 1;
  }
  return out;
}

result<statement> parse(std::string_view text) {
  auto from = scanner{text};
  auto first = from.word('"');
  if (!first)
    return failure{ec::admin_syntax, invalid_command(text)};
  auto known = std::find_if(
    verbs.begin(), verbs.end(),
    [word = upper(*first)](const auto& each) { return each.first == word; });
  if (known == verbs.end())
    return failure{ec::admin_syntax, invalid_command(text)};
  if (known->second == verb::set)
    return parse_set(from, text);
  auto out = statement{known->second, {}, {}};
  auto argument = from.word('"');
  if (!from.is_done())
    return failure{ec::admin_syntax, invalid_command(text)};
  if (argument)
    out.argument = std::move(*argument);
  if (out.argument.size() > argument_bytes_max)
    return failure{ec::admin_syntax, "bad arguments"};
  return out;
}

const fake_setting* find_fake_setting(std::string_view name) {
  const auto wanted = upper(name);
  auto at = std::find_if(
    fake_settings.begin(), fake_settings.end(),
    [&wanted](const fake_setting& each) { return upper(each.name) == wanted; });
  return at == fake_settings.end() ? nullptr : &*at;
}

} // namespace cenote::app
