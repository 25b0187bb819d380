#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>

#include "base/error.hpp"
#include "base/strong_id.hpp"

namespace cenote::log {

enum class level : std::uint8_t { debug, info, warn, error, off };

enum class format : std::uint8_t { text, json };

/// One `key=value` of a line. Secrets have no way into one.
struct field {
  std::string_view key;
  std::string value;
};

[[nodiscard]] inline field kv(std::string_view key, std::string_view value) {
  return {key, std::string{value}};
}

template <class T>
requires std::is_arithmetic_v<T>
[[nodiscard]] field kv(std::string_view key, T value) {
  return {key, std::to_string(value)};
}

template <class Tag>
[[nodiscard]] field kv(std::string_view key, strong_id<Tag> id) {
  return {key, std::to_string(id.value())};
}

[[nodiscard]] inline field kv(std::string_view key, ec code) {
  return {key, std::string{name(code)}};
}

/// Sets the sink (stderr), the format and the least level. Main thread, once at
/// start; again on a reload is allowed from any thread.
void configure(level least, format how);

/// Whether a line of this level would be written. Any thread, no lock.
[[nodiscard]] bool enabled(level at) noexcept;

/// Writes one line: time, level, event, fields. Any thread; the writing itself
/// is done by a thread of its own, and lines are dropped (and counted) rather
/// than waited for. `event` is a short sentence without values.
void write(level at, std::string_view event,
           std::initializer_list<field> fields = {});

inline void debug(std::string_view event,
                  std::initializer_list<field> fields = {}) {
  if (enabled(level::debug))
    write(level::debug, event, fields);
}

inline void info(std::string_view event,
                 std::initializer_list<field> fields = {}) {
  write(level::info, event, fields);
}

inline void warn(std::string_view event,
                 std::initializer_list<field> fields = {}) {
  write(level::warn, event, fields);
}

inline void error(std::string_view event,
                  std::initializer_list<field> fields = {}) {
  write(level::error, event, fields);
}

/// Formats one line without writing it (used by `write` and by tests).
[[nodiscard]] std::string render(format how, level at, std::string_view event,
                                 std::initializer_list<field> fields,
                                 std::int64_t unix_time_ms);

/// Writes out what is queued. Main thread, before exit.
void flush();

} // namespace cenote::log
