#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "configs/document.hpp"
#include "configs/problems.hpp"
#include "configs/schema.hpp"

namespace cenote::configs {

/// One section of a document that `check` has seen: reads keys into typed
/// fields. A key that is absent, or that `check` has complained about, leaves
/// its field alone, so nothing is reported twice.
class section {
public:
  section(const section_rule& rule, const table& from, std::string path,
          problems& out);

  [[nodiscard]] bool has(std::string_view key) const {
    return from_->find(key) != nullptr;
  }

  /// The line of `key`, else of the section.
  [[nodiscard]] int line(std::string_view key = {}) const;

  /// Reports a problem with `key`.
  void error(ec code, std::string_view key, std::string message) const;
  void warn(std::string_view key, std::string message) const;

  void read(std::string_view key, bool& to) const;
  void read(std::string_view key, std::uint16_t& to) const;
  void read(std::string_view key, std::uint32_t& to) const;
  void read(std::string_view key, std::chrono::milliseconds& to) const;
  void read(std::string_view key, std::string& to) const;
  void read(std::string_view key, std::vector<std::string>& to) const;

  template <class T>
  void read(std::string_view key, std::optional<T>& to) const {
    if (good(key) == nullptr)
      return;
    auto value = T{};
    read(key, value);
    to = std::move(value);
  }

  /// Reads a word with `parse`, which returns an optional.
  template <class T, class Parse>
  void read_word(std::string_view key, T& to, Parse parse) const {
    auto text = std::string{};
    read(key, text);
    if (auto parsed = parse(std::string_view{text}))
      to = *parsed;
  }

  template <class T, class Parse>
  void read_word(std::string_view key, std::optional<T>& to,
                 Parse parse) const {
    auto text = std::string{};
    read(key, text);
    if (auto parsed = parse(std::string_view{text}))
      to = parsed;
  }

  /// The subsections called `name`: none, one, or (repeated) many.
  [[nodiscard]] std::vector<section> sections(std::string_view name) const;

private:
  /// The value of `key` if there is one and it fits its rule.
  [[nodiscard]] const value* good(std::string_view key) const;

  const section_rule* rule_;
  const table* from_;
  std::string path_;
  problems* out_;
};

} // namespace cenote::configs
