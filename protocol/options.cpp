#include "protocol/options.hpp"

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <utility>

namespace cenote::protocol {

namespace {

/// isspace() in the C locale.
constexpr bool is_space(char c) noexcept {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

/// Splits at white space that no backslash protects.
std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> out;
  std::size_t at = 0;
  for (;;) {
    while (at < text.size() && is_space(text[at]))
      ++at;
    if (at == text.size())
      return out;
    auto& word = out.emplace_back();
    bool escaped = false;
    for (; at < text.size() && (escaped || !is_space(text[at])); ++at) {
      if (!escaped && text[at] == '\\') {
        escaped = true;
      } else {
        escaped = false;
        word += text[at];
      }
    }
  }
}

failure invalid(std::string_view word) {
  constexpr auto code = ec::startup_options_invalid;
  return {code, std::string{describe(code).message} + ": " + std::string{word}};
}

constexpr std::string_view reference_name = "reference";

/// Takes `name=value`, which stood behind `-c` or `--`.
result<void> take_setting(char letter, std::string_view text,
                          startup_options& out) {
  const auto equals = text.find('=');
  if (equals == std::string_view::npos)
    return failure{ec::startup_options_invalid, (letter == '-' ? "--" : "-c ")
                                                  + std::string{text}
                                                  + " requires a value"};
  if (equals == 0)
    return invalid(text);
  auto name = std::string{text.substr(0, equals)};
  auto value = std::string{text.substr(equals + 1)};
  std::replace(name.begin(), name.end(), '-', '_');
  if (name == reference_name)
    out.reference = std::move(value);
  else
    out.settings.push_back({std::move(name), std::move(value)});
  return {};
}

bool is_bare_reference(std::string_view word) noexcept {
  return word.starts_with(reference_name) && word.size() > reference_name.size()
      && word[reference_name.size()] == '=';
}

/// A switch of PostgreSQL 15 (process_postgres_switches): a setting in few
/// letters. Whether the client may set it, PostgreSQL decides.
struct short_switch {
  char letter;
  bool has_argument = false;
  std::string_view setting = {}; ///< Empty: nothing to a client.
  std::string_view value = {};   ///< Empty: the argument.
};

constexpr short_switch short_switches[] = {
  {'B', true, "shared_buffers"},
  {'C', true},
  {'D', true},
  {'E'},
  {'F', false, "fsync", "false"},
  {'N', true, "max_connections"},
  {'O', false, "allow_system_table_mods", "true"},
  {'P', false, "ignore_system_indexes", "true"},
  {'S', true, "work_mem"},
  {'T'},
  {'W', true, "post_auth_delay"},
  {'b'},
  {'e', false, "datestyle", "euro"},
  {'h', true, "listen_addresses"},
  {'i', false, "listen_addresses", "*"},
  {'j'},
  {'k', true, "unix_socket_directories"},
  {'l', false, "ssl", "true"},
  {'n'},
  {'p', true, "port"},
  {'r', true},
  {'s', false, "log_statement_stats", "true"},
  {'v', true},
  // Whose argument says more: `take_switch`.
  {'-', true},
  {'c', true},
  {'d', true},
  {'f', true},
  {'t', true},
};

/// Switches whose argument, by how it begins, names a setting.
struct naming_switch {
  char letter;
  std::string_view argument;
  std::string_view setting;
  std::string_view value;
};

constexpr naming_switch naming_switches[] = {
  {'f', "s", "enable_seqscan", "false"},
  {'f', "i", "enable_indexscan", "false"},
  {'f', "o", "enable_indexonlyscan", "false"},
  {'f', "b", "enable_bitmapscan", "false"},
  {'f', "t", "enable_tidscan", "false"},
  {'f', "n", "enable_nestloop", "false"},
  {'f', "m", "enable_mergejoin", "false"},
  {'f', "h", "enable_hashjoin", "false"},
  {'t', "pa", "log_parser_stats", "true"},
  {'t', "pl", "log_planner_stats", "true"},
  {'t', "e", "log_executor_stats", "true"},
};

/// `-d level`, as set_debug_options.
void take_debug(const std::string& argument, startup_options& out) {
  const auto level = std::strtol(argument.c_str(), nullptr, 10);
  auto set = [&out](std::string_view name, std::string value) {
    out.settings.push_back({std::string{name}, std::move(value)});
  };
  set("log_min_messages",
      level > 0 ? "debug" + std::to_string(level) : "notice");
  if (level >= 2)
    set("log_statement", "all");
  if (level >= 3)
    set("debug_print_parse", "true");
  if (level >= 4)
    set("debug_print_plan", "true");
  if (level >= 5)
    set("debug_print_rewritten", "true");
}

/// `word`: the last one that was read.
result<void> take_switch(const short_switch& which, std::string_view argument,
                         std::string_view word, startup_options& out) {
  if (which.letter == 'c' || which.letter == '-')
    return take_setting(which.letter, argument, out);
  if (which.letter == 'd') {
    take_debug(std::string{argument}, out);
  } else if (which.letter == 'f' || which.letter == 't') {
    const auto* found = std::find_if(
      std::begin(naming_switches), std::end(naming_switches), [&](auto& each) {
        return each.letter == which.letter
            && argument.starts_with(each.argument);
      });
    if (found == std::end(naming_switches))
      return invalid(word);
    out.settings.push_back(
      {std::string{found->setting}, std::string{found->value}});
  } else if (!which.setting.empty()) {
    const auto value = which.value.empty() ? argument : which.value;
    out.settings.push_back({std::string{which.setting}, std::string{value}});
  }
  return {};
}

/// Takes all switches of the word at `at`, and the next word where the last of
/// them has its argument there; `at` is then at that. As getopt.
result<void> take_switches(std::span<const std::string> words, std::size_t& at,
                           startup_options& out) {
  const auto& word = words[at];
  for (std::size_t i = 1; i < word.size(); ++i) {
    const auto* which = std::find_if(
      std::begin(short_switches), std::end(short_switches),
      [letter = word[i]](auto& each) { return each.letter == letter; });
    if (which == std::end(short_switches))
      return invalid(word);
    std::string_view argument;
    if (which->has_argument) {
      argument = std::string_view{word}.substr(i + 1);
      if (argument.empty()) {
        // The next word, whatever it looks like.
        if (at + 1 == words.size())
          return invalid(word);
        argument = words[++at];
      }
    }
    if (auto taken = take_switch(*which, argument, words[at], out); !taken)
      return taken;
    if (which->has_argument)
      break;
  }
  return {};
}

} // namespace

result<startup_options> parse_options(std::string_view options) {
  startup_options out;
  const auto words = split(options.substr(0, options.find('\0')));
  bool switches_ended = false; // By a bare `--`, as getopt has it.
  const std::string* bare = nullptr;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const auto& word = words[i];
    result<void> taken;
    if (is_bare_reference(word)) // Ours, not PostgreSQL's.
      taken = take_setting('c', word, out);
    else if (!switches_ended && word == "--")
      switches_ended = true;
    else if (!switches_ended && word.size() > 1 && word.front() == '-')
      taken = take_switches(words, i, out);
    else if (bare == nullptr)
      bare = &word;
    if (!taken)
      return taken.error();
  }
  // Last, as getopt moves what is no switch behind all of them.
  if (bare != nullptr)
    return invalid(*bare);
  return out;
}

std::string format_options(std::span<const parameter> settings) {
  std::string out;
  auto append_escaped = [&](std::string_view text) {
    for (char c : text) {
      if (c == '\\' || is_space(c))
        out += '\\';
      out += c;
    }
  };
  for (const auto& each : settings) {
    out += out.empty() ? "-c " : " -c ";
    append_escaped(each.name);
    out += '=';
    append_escaped(each.value);
  }
  return out;
}

} // namespace cenote::protocol
