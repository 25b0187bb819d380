#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "protocol/startup.hpp"

namespace cenote::protocol {

/// What the startup parameter `options` says.
struct startup_options {
  /// In order, `reference` left out; a `-` in a name has become `_`.
  std::vector<parameter> settings;
  /// The tenant: `reference=x`, `--reference=x`, `-c reference=x` or
  /// `-creference=x`; the last one wins.
  std::optional<std::string> reference;

  friend bool operator==(const startup_options&, const startup_options&)
    = default;
};

/// Parses words separated by white space, with a backslash before a character
/// that is meant as it is: `-c name=value`, `-cname=value`, `--name=value`, and
/// PostgreSQL's other switches, which are settings in few letters (`-S 64` is
/// work_mem). As PostgreSQL's pg_split_opts and process_postgres_switches: a
/// backslash at the end is dropped. No value (whose detail begins with the
/// switch), no name, another switch or a bare word is
/// `startup_options_invalid`, its detail PostgreSQL's words. Linear in the
/// input.
[[nodiscard]] result<startup_options> parse_options(std::string_view options);

/// The `options` string that says `settings`: `-c name=value ...`, escaped.
[[nodiscard]] std::string format_options(std::span<const parameter> settings);

} // namespace cenote::protocol
