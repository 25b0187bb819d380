#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.hpp"

/// A configuration file as a tree with line numbers, before anybody asked what
/// its keys mean. The border to the file formats: readers make it, `check` and
/// `build` look at it.
namespace cenote::configs {

struct value;
struct entry;

struct table {
  int line = 0;
  std::vector<entry> entries;

  [[nodiscard]] const entry* find(std::string_view key) const;
};

/// A value that no setting has the type of (a date, a time).
struct alien {};

struct value {
  int line = 0;
  std::variant<alien, bool, std::int64_t, double, std::string,
               std::vector<value>, table>
    data;
};

struct entry {
  std::string key;
  int line = 0;
  value content;
};

inline const entry* table::find(std::string_view key) const {
  auto at = std::find_if(entries.begin(), entries.end(),
                         [=](const entry& x) { return x.key == key; });
  return at == entries.end() ? nullptr : &*at;
}

/// Where and why a text is not of its format at all.
struct syntax_error {
  int line = 0;
  std::string message;
};

/// Parses TOML 1.0. The one function that knows toml++.
[[nodiscard]] std::variant<table, syntax_error>
read_toml(std::string_view text);

} // namespace cenote::configs
