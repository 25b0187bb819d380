#pragma once

#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "configs/load.hpp"

/// What the tests of this folder share.
namespace cenote::configs::test {

inline std::string source_path(std::string_view inside) {
  return std::string{CENOTE_SOURCE_DIR} + '/' + std::string{inside};
}

inline std::string read_file(const std::string& path) {
  auto in = std::ifstream{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, {}};
}

/// An environment that the tests own.
inline load_options options() {
  auto out = load_options{};
  out.environment = [](const std::string& name) -> std::optional<std::string> {
    static const auto all = std::map<std::string, std::string>{
      {"CENOTE_ADMIN_PASSWORD", "s3cr3t-admin"},
      {"ACME_APP_PASSWORD", "s3cr3t-app"},
      {"EMPTY", ""},
    };
    auto at = all.find(name);
    return at == all.end() ? std::nullopt : std::optional{at->second};
  };
  return out;
}

inline loaded load(std::string_view text) {
  return load_text(text, source_path("tests/configs/valid/inline.toml"),
                   options());
}

/// All errors, one a line; for messages of failed checks.
inline std::string errors(const loaded& from) {
  auto out = std::string{};
  for (const auto& item : from.errors)
    out += to_string(item) + '\n';
  return out;
}

} // namespace cenote::configs::test
