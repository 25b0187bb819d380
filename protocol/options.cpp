#include "protocol/options.hpp"

#include <algorithm>
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
  return {ec::startup_options_invalid, std::string{word}};
}

constexpr std::string_view reference_name = "reference";

/// Takes `name=value` behind a switch.
result<void> take_setting(std::string_view text, startup_options& out) {
  const auto equals = text.find('=');
  if (equals == std::string_view::npos || equals == 0)
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

} // namespace

result<startup_options> parse_options(std::string_view options) {
  startup_options out;
  const auto words = split(options.substr(0, options.find('\0')));
  bool switches_ended = false; // By a bare `--`, as getopt has it.
  for (std::size_t i = 0; i < words.size(); ++i) {
    auto word = std::string_view{words[i]};
    if (is_bare_reference(word)) {
      // Ours, not PostgreSQL's.
    } else if (switches_ended) {
      return invalid(word);
    } else if (word == "--") {
      switches_ended = true;
      continue;
    } else if (word.starts_with("--")) {
      word.remove_prefix(2);
    } else if (word == "-c") {
      // The next word is the argument, whatever it looks like.
      if (++i == words.size())
        return invalid(word);
      word = words[i];
    } else if (word.starts_with("-c")) {
      word.remove_prefix(2);
    } else {
      return invalid(word);
    }
    if (auto taken = take_setting(word, out); !taken)
      return taken.error();
  }
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
