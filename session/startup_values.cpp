#include "session/startup_values.hpp"

#include <algorithm>
#include <string_view>

namespace cenote::session {

namespace {

constexpr std::size_t application_name = 0;
static_assert(reported_names[application_name] == "application_name");

/// PostgreSQL replaces all other bytes of an application_name.
bool is_printable(std::string_view value) noexcept {
  return std::all_of(value.begin(), value.end(),
                     [](char c) { return c >= ' ' && c <= '~'; });
}

} // namespace

settings_list unread_settings(const settings_list& given,
                              const reported_values& reported) {
  settings_list out;
  bool is_news = false;
  for (const auto& [name, value] : given) {
    const auto index = reported_index(name);
    const auto is_custom = name.find('.') != std::string::npos;
    if (is_custom || (index == application_name && is_printable(value)))
      continue;
    is_news = is_news || (index && reported.get(*index) != value);
    out.emplace_back(name, value);
  }
  if (!is_news)
    std::erase_if(out, [&](const auto& each) {
      const auto index = reported_index(each.first);
      return index && reported.knows(*index);
    });
  return out;
}

const reported_values*
startup_values::find(const startup_settings& unread) const noexcept {
  for (const auto& each : known_)
    if (each.unread == unread)
      return &each.made;
  return nullptr;
}

void startup_values::learn(const startup_settings& unread,
                           const reported_values& made) {
  if (!unread)
    return;
  std::size_t bytes = 0;
  for (const auto& [name, value] : *unread)
    bytes += name.size() + value.size();
  if (bytes > list_bytes_max)
    return;
  for (auto& each : known_)
    if (each.unread == unread) {
      each.made = made;
      return;
    }
  if (known_.size() < lists_max) {
    known_.push_back({unread, made});
    return;
  }
  known_[oldest_] = {unread, made};
  oldest_ = (oldest_ + 1) % lists_max;
}

} // namespace cenote::session
