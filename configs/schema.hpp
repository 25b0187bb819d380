#pragma once

#include <cstdint>
#include <span>
#include <string_view>

/// Every section and key of the configuration, in one table. The check, the
/// hints for typing errors and the tests of the shipped reference file read it;
/// a key that is not here does not exist.
namespace cenote::configs {

enum class value_kind : std::uint8_t {
  count,         ///< Integer within `min` and `max`.
  count_or_auto, ///< The same, or "auto".
  time,          ///< "30s" or whole seconds.
  flag,          ///< true or false.
  text,          ///< Not empty.
  any_text,      ///< May be empty.
  word,          ///< One of `words`.
  text_list,
  password, ///< Literal, env:NAME, file:PATH; never quoted in a message.
  file,     ///< Path of a readable file.
  address,  ///< "host:port".
  mode,     ///< Permission bits in octal, "0770".
};

struct key_rule {
  std::string_view name;
  value_kind kind;
  std::string_view fallback; ///< As one would write it; empty = none.
  bool required = false;
  std::int64_t min = 0;
  std::int64_t max = 0;
  std::span<const std::string_view> words = {};
};

struct section_rule {
  std::string_view name;
  bool repeated = false; ///< [[name]]
  bool served = true;    ///< false: checked, then a warning.
  std::span<const key_rule> keys = {};
  std::span<const key_rule> pool_keys = {}; ///< Shared by several sections.
  std::span<const section_rule> sections = {};

  [[nodiscard]] const key_rule* find_key(std::string_view key) const;
  [[nodiscard]] const section_rule* find_section(std::string_view key) const;
};

/// The file itself: a section without name and keys.
[[nodiscard]] const section_rule& root_section() noexcept;

} // namespace cenote::configs
