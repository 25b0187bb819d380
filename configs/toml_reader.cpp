#include "configs/document.hpp"

// Errors come back as values; the library's exceptions stay off.
#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

namespace cenote::configs {

namespace {

table to_table(const toml::table& from, int line);

value to_value(const toml::node& from) {
  auto out = value{static_cast<int>(from.source().begin.line), alien{}};
  if (auto* flag = from.as_boolean()) {
    out.data = flag->get();
  } else if (auto* whole = from.as_integer()) {
    out.data = whole->get();
  } else if (auto* real = from.as_floating_point()) {
    out.data = real->get();
  } else if (auto* text = from.as_string()) {
    out.data = text->get();
  } else if (auto* fields = from.as_table()) {
    out.data = to_table(*fields, out.line);
  } else if (auto* items = from.as_array()) {
    auto& list = out.data.emplace<std::vector<value>>();
    list.reserve(items->size());
    for (const auto& item : *items)
      list.push_back(to_value(item));
  }
  return out;
}

/// Keys come sorted out of toml++; problems are sorted by line later.
table to_table(const toml::table& from, int line) {
  auto out = table{line, {}};
  out.entries.reserve(from.size());
  for (const auto& [key, content] : from) {
    auto at = static_cast<int>(key.source().begin.line);
    out.entries.push_back({std::string{key.str()}, at, to_value(content)});
  }
  return out;
}

} // namespace

std::variant<table, syntax_error> read_toml(std::string_view text) {
  auto parsed = toml::parse(text);
  if (!parsed) {
    const auto& why = parsed.error();
    return syntax_error{static_cast<int>(why.source().begin.line),
                        std::string{why.description()}};
  }
  return to_table(parsed.table(), 0);
}

} // namespace cenote::configs
