#include "configs/section.hpp"

#include <utility>

#include "base/assert.hpp"
#include "configs/check.hpp"
#include "configs/units.hpp"

namespace cenote::configs {

section::section(const section_rule& rule, const table& from, std::string path,
                 problems& out)
  : rule_{&rule},
    from_{&from},
    path_{std::move(path)},
    out_{&out} {
  // nop
}

int section::line(std::string_view key) const {
  auto* found = from_->find(key);
  return found != nullptr ? found->line : from_->line;
}

void section::error(ec code, std::string_view key, std::string message) const {
  auto dot = path_.empty() || key.empty() ? "" : ".";
  out_->error(code, line(key), path_ + dot + std::string{key},
              std::move(message));
}

void section::warn(std::string_view key, std::string message) const {
  auto dot = path_.empty() || key.empty() ? "" : ".";
  out_->warn(ec::none, line(key), path_ + dot + std::string{key},
             std::move(message));
}

const value* section::good(std::string_view key) const {
  auto* rule = rule_->find_key(key);
  CENOTE_ASSERT(rule != nullptr); // We ask for a key the schema lacks.
  auto* found = from_->find(key);
  if (found == nullptr || !check_value(*rule, found->content))
    return nullptr;
  return &found->content;
}

void section::read(std::string_view key, bool& to) const {
  if (auto* found = good(key))
    if (auto* flag = std::get_if<bool>(&found->data))
      to = *flag;
}

void section::read(std::string_view key, std::uint16_t& to) const {
  if (auto* found = good(key))
    if (auto* number = std::get_if<std::int64_t>(&found->data))
      to = static_cast<std::uint16_t>(*number);
}

void section::read(std::string_view key, std::uint32_t& to) const {
  if (auto* found = good(key))
    if (auto* number = std::get_if<std::int64_t>(&found->data))
      to = static_cast<std::uint32_t>(*number);
}

void section::read(std::string_view key, std::chrono::milliseconds& to) const {
  auto* found = good(key);
  if (found == nullptr)
    return;
  auto parsed = result<std::chrono::milliseconds>{ec::none};
  if (auto* seconds = std::get_if<std::int64_t>(&found->data))
    parsed = duration_from_seconds(*seconds);
  else if (auto* text = std::get_if<std::string>(&found->data))
    parsed = parse_duration(*text);
  if (parsed)
    to = *parsed;
}

void section::read(std::string_view key, std::string& to) const {
  if (auto* found = good(key))
    if (auto* text = std::get_if<std::string>(&found->data))
      to = *text;
}

void section::read(std::string_view key, std::vector<std::string>& to) const {
  auto* found = good(key);
  if (found == nullptr)
    return;
  if (auto* items = std::get_if<std::vector<value>>(&found->data))
    for (const auto& item : *items)
      if (auto* text = std::get_if<std::string>(&item.data))
        to.push_back(*text);
}

std::vector<section> section::sections(std::string_view name) const {
  auto out = std::vector<section>{};
  auto* rule = rule_->find_section(name);
  CENOTE_ASSERT(rule != nullptr);
  auto* found = from_->find(name);
  if (found == nullptr)
    return out;
  auto path
    = path_.empty() ? std::string{name} : path_ + '.' + std::string{name};
  if (auto* one = std::get_if<table>(&found->content.data);
      one != nullptr && !rule->repeated)
    out.emplace_back(*rule, *one, path, *out_);
  if (auto* many = std::get_if<std::vector<value>>(&found->content.data);
      many != nullptr && rule->repeated)
    for (const auto& item : *many)
      if (auto* element = std::get_if<table>(&item.data))
        out.emplace_back(*rule, *element, path, *out_);
  return out;
}

} // namespace cenote::configs
