#include "configs/check.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "configs/units.hpp"

namespace cenote::configs {

namespace {

std::string quoted(std::string_view text) {
  return '"' + std::string{text} + '"';
}

template <class Range>
std::string listed(const Range& words) {
  auto out = std::string{};
  for (std::string_view word : words) {
    if (!out.empty())
      out += ", ";
    out += quoted(word);
  }
  return out;
}

failure wrong_type(std::string_view wanted) {
  return {ec::config_wrong_type, "wrong type; expected " + std::string{wanted}};
}

result<void> check_count(const key_rule& rule, const value& content) {
  auto* number = std::get_if<std::int64_t>(&content.data);
  if (rule.kind == value_kind::count_or_auto) {
    auto* word = std::get_if<std::string>(&content.data);
    if (word != nullptr && *word == "auto")
      return {};
    if (number == nullptr)
      return wrong_type("an integer or \"auto\"");
  }
  if (number == nullptr)
    return wrong_type("an integer");
  if (*number < rule.min || *number > rule.max)
    return failure{ec::config_bad_value, "out of range; allowed is "
                                           + std::to_string(rule.min) + " to "
                                           + std::to_string(rule.max)};
  return {};
}

result<void> check_time(const value& content) {
  auto parsed = result<std::chrono::milliseconds>{ec::none};
  if (auto* seconds = std::get_if<std::int64_t>(&content.data))
    parsed = duration_from_seconds(*seconds);
  else if (auto* text = std::get_if<std::string>(&content.data))
    parsed = parse_duration(*text);
  else
    return wrong_type("a time like \"30s\" or whole seconds");
  if (!parsed)
    return parsed.error();
  return {};
}

result<void> check_word(const key_rule& rule, std::string_view word) {
  if (std::find(rule.words.begin(), rule.words.end(), word) != rule.words.end())
    return {};
  return failure{ec::config_bad_value,
                 quoted(word) + " is none of " + listed(rule.words)};
}

bool has_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
  });
}

result<void> check_text(const key_rule& rule, const std::string& text) {
  if (text.empty() && rule.kind != value_kind::any_text)
    return failure{ec::config_bad_value, "must not be empty"};
  if (has_control(text) && rule.kind != value_kind::password)
    return failure{ec::config_bad_value, "control characters are not allowed"};
  if (rule.kind == value_kind::word)
    return check_word(rule, text);
  if (rule.kind == value_kind::address) {
    if (auto parsed = parse_host_port(text); !parsed)
      return parsed.error();
  }
  if (rule.kind == value_kind::mode
      && (text.size() > 4
          || text.find_first_not_of("01234567") != std::string::npos))
    return failure{ec::config_bad_value,
                   "not permission bits; write for example \"0770\""};
  return {};
}

result<void> check_text_list(const value& content) {
  auto* items = std::get_if<std::vector<value>>(&content.data);
  if (items == nullptr)
    return wrong_type("a list of strings");
  for (const auto& item : *items) {
    auto* text = std::get_if<std::string>(&item.data);
    if (text == nullptr)
      return wrong_type("a list of strings");
    if (text->empty() || has_control(*text))
      return failure{ec::config_bad_value,
                     "holds an empty string or control characters"};
  }
  return {};
}

/// Walks the document beside the schema.
class checker {
public:
  explicit checker(problems& out)
    : out_{out} {
    // nop
  }

  void section(const section_rule& rule, const table& found,
               const std::string& path) {
    for (const auto& item : found.entries) {
      auto name = path.empty() ? item.key : path + '.' + item.key;
      if (auto* key = rule.find_key(item.key)) {
        if (auto verdict = check_value(*key, item.content); !verdict)
          out_.error(verdict.error().code, item.line, name,
                     verdict.error().detail);
      } else if (auto* inner = rule.find_section(item.key)) {
        subsection(*inner, item, name);
      } else {
        out_.error(ec::config_unknown_key, item.line, name,
                   "unknown key; " + hint(rule, item.key));
      }
    }
    for (auto keys : {rule.keys, rule.pool_keys})
      for (const auto& key : keys)
        if (key.required && found.find(key.name) == nullptr)
          out_.error(ec::config_missing_key, found.line,
                     path + '.' + std::string{key.name},
                     "missing; this section needs it");
  }

private:
  void subsection(const section_rule& rule, const entry& found,
                  const std::string& path) {
    if (!rule.served)
      out_.warn(ec::none, found.line, path,
                "section [" + path + "] is not served by this version");
    auto* one = std::get_if<table>(&found.content.data);
    auto* many = std::get_if<std::vector<value>>(&found.content.data);
    if (!rule.repeated) {
      if (one == nullptr)
        return wrong_shape(found, path, "expected a section: [" + path + "]");
      return section(rule, *one, path);
    }
    auto wanted = "expected a repeated section: [[" + path + "]]";
    if (many == nullptr)
      return wrong_shape(found, path, wanted);
    for (const auto& item : *many) {
      if (auto* element = std::get_if<table>(&item.data))
        section(rule, *element, path);
      else
        return wrong_shape(found, path, wanted);
    }
  }

  void wrong_shape(const entry& found, const std::string& path,
                   const std::string& wanted) {
    out_.error(ec::config_wrong_type, found.line, path, wanted);
  }

  /// The nearest name of the section; all of them when none is near.
  static std::string hint(const section_rule& rule, const std::string& wrong) {
    auto known = std::vector<std::string_view>{};
    for (auto keys : {rule.keys, rule.pool_keys})
      for (const auto& key : keys)
        known.push_back(key.name);
    for (const auto& inner : rule.sections)
      known.push_back(inner.name);
    // A name far longer than any key is near to none, and comparing it would
    // take time in proportion.
    constexpr auto name_bytes_max = std::size_t{64};
    if (wrong.size() > name_bytes_max)
      return "known here: " + listed(known);
    const auto meant = lower_case(wrong); // As all keys are.
    auto distance = [&](std::string_view x) { return edit_distance(meant, x); };
    auto best
      = std::min_element(known.begin(), known.end(), [&](auto a, auto b) {
          return distance(a) < distance(b);
        });
    if (best != known.end() && distance(*best) <= 1 + best->size() / 3)
      return "did you mean " + quoted(*best) + "?";
    return "known here: " + listed(known);
  }

  problems& out_;
};

} // namespace

result<void> check_value(const key_rule& rule, const value& content) {
  switch (rule.kind) {
    case value_kind::count:
    case value_kind::count_or_auto:
      return check_count(rule, content);
    case value_kind::time:
      return check_time(content);
    case value_kind::flag:
      if (std::holds_alternative<bool>(content.data))
        return {};
      return wrong_type("true or false");
    case value_kind::text_list:
      return check_text_list(content);
    case value_kind::text:
    case value_kind::any_text:
    case value_kind::word:
    case value_kind::password:
    case value_kind::file:
    case value_kind::address:
    case value_kind::mode:
      if (auto* text = std::get_if<std::string>(&content.data))
        return check_text(rule, *text);
      return wrong_type("a string");
  }
  return {};
}

void check(const table& document, problems& out) {
  checker{out}.section(root_section(), document, "");
}

} // namespace cenote::configs
