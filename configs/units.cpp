#include "configs/units.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <iterator>
#include <limits>
#include <optional>
#include <string>
#include <vector>

namespace cenote::configs {

namespace {

struct unit {
  std::string_view name;
  std::uint64_t factor;
};

constexpr auto time_units
  = std::array{unit{"ms", 1}, unit{"s", 1'000}, unit{"m", 60'000},
               unit{"h", 3'600'000}, unit{"d", 86'400'000}};

constexpr auto size_units = std::array{
  unit{"B", 1},
  unit{"kB", 1'000},
  unit{"KB", 1'000},
  unit{"MB", 1'000'000},
  unit{"GB", 1'000'000'000},
  unit{"KiB", 1ull << 10},
  unit{"MiB", 1ull << 20},
  unit{"GiB", 1ull << 30},
};

/// `text` as a count times its unit, at most `max`.
template <std::size_t N>
std::optional<std::uint64_t> parse_scaled(std::string_view text,
                                          const std::array<unit, N>& units,
                                          std::uint64_t max) {
  auto count = std::uint64_t{0};
  auto* end = text.data() + text.size();
  auto [rest, error] = std::from_chars(text.data(), end, count);
  if (error != std::errc{} || rest == text.data())
    return std::nullopt;
  auto suffix = std::string_view{rest, static_cast<std::size_t>(end - rest)};
  auto at = std::find_if(units.begin(), units.end(),
                         [=](const unit& x) { return x.name == suffix; });
  if (at == units.end() || count > max / at->factor)
    return std::nullopt;
  return count * at->factor;
}

/// Cuts `text` at the next `by`; returns what was before it.
std::string_view take_until(std::string_view& text, char by, bool& was_last) {
  auto at = text.find(by);
  was_last = at == std::string_view::npos;
  auto out = text.substr(0, at);
  text.remove_prefix(was_last ? text.size() : at + 1);
  return out;
}

/// The 16-bit groups of an address, or of one side of a "::".
struct address_groups {
  std::array<std::uint16_t, 8> all{};
  std::size_t count = 0;

  bool add(std::uint16_t group) noexcept {
    if (count == all.size())
      return false;
    all[count++] = group;
    return true;
  }
};

bool read_ipv4(std::string_view text, address_groups& to) noexcept {
  auto was_last = false;
  auto bytes = std::array<std::uint8_t, 4>{};
  for (auto& byte : bytes) {
    auto digits = take_until(text, '.', was_last);
    auto* end = digits.data() + digits.size();
    auto [rest, error] = std::from_chars(digits.data(), end, byte);
    if (error != std::errc{} || rest != end
        || was_last != (&byte == &bytes.back()))
      return false;
    if (digits.size() > 1 && digits[0] == '0')
      return false; // Octal to some readers, decimal to others.
  }
  const auto joined = [&](std::size_t at) {
    return static_cast<std::uint16_t>(bytes[at] << 8 | bytes[at + 1]);
  };
  return to.add(joined(0)) && to.add(joined(2));
}

/// Reads one side of a "::", or all of an address without one.
bool read_ipv6(std::string_view text, bool may_end_in_ipv4,
               address_groups& to) noexcept {
  for (auto was_last = text.empty(); !was_last;) {
    auto group = take_until(text, ':', was_last);
    if (was_last && may_end_in_ipv4 && group.find('.') != group.npos)
      return read_ipv4(group, to);
    auto number = std::uint16_t{0};
    if (group.empty() || group.size() > 4
        || group.find_first_not_of("0123456789abcdefABCDEF") != group.npos)
      return false;
    std::from_chars(group.data(), group.data() + group.size(), number, 16);
    if (!to.add(number))
      return false;
  }
  return true;
}

} // namespace

result<std::chrono::milliseconds> parse_duration(std::string_view text) {
  constexpr auto max = static_cast<std::uint64_t>(duration_max.count());
  if (auto ms = parse_scaled(text, time_units, max))
    return std::chrono::milliseconds{*ms};
  return failure{ec::config_bad_value,
                 "not a time; write for example \"500ms\", \"30s\", \"5m\", "
                 "\"1h\" or \"1d\" (at most \"365d\")"};
}

result<std::chrono::milliseconds> duration_from_seconds(std::int64_t seconds) {
  if (seconds < 0 || seconds > duration_max / std::chrono::seconds{1})
    return failure{ec::config_bad_value,
                   "out of range; a time is 0 to \"365d\""};
  return std::chrono::milliseconds{std::chrono::seconds{seconds}};
}

result<std::uint64_t> parse_size(std::string_view text) {
  constexpr auto max
    = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (auto bytes = parse_scaled(text, size_units, max))
    return *bytes;
  return failure{ec::config_bad_value,
                 "not a size; write for example \"512B\", \"64KiB\" or "
                 "\"1MB\""};
}

result<host_port> parse_host_port(std::string_view text) {
  auto bad = failure{ec::config_bad_value,
                     "not an address; write \"host:port\" or \"[ipv6]:port\""};
  auto colon = text.rfind(':');
  if (colon == std::string_view::npos)
    return bad;
  auto host = text.substr(0, colon);
  auto digits = text.substr(colon + 1);
  if (host.starts_with('[') && host.ends_with(']'))
    host = host.substr(1, host.size() - 2);
  else if (host.find(':') != std::string_view::npos)
    return bad;
  auto port = std::uint16_t{0};
  auto* end = digits.data() + digits.size();
  auto [rest, error] = std::from_chars(digits.data(), end, port);
  if (host.empty() || error != std::errc{} || rest != end || port == 0)
    return bad;
  return host_port{host, port};
}

std::optional<ip_address> parse_ip_address(std::string_view text) noexcept {
  auto out = ip_address{};
  auto before = address_groups{};
  if (text.find(':') == std::string_view::npos) {
    if (!read_ipv4(text, before))
      return std::nullopt;
    std::copy_n(before.all.begin(), before.count, out.groups.begin());
    return out;
  }
  out.is_ipv6 = true;
  auto after = address_groups{};
  const auto gap = text.find("::");
  const auto has_gap = gap != std::string_view::npos;
  if (!read_ipv6(text.substr(0, gap), !has_gap, before)
      || (has_gap && !read_ipv6(text.substr(gap + 2), true, after)))
    return std::nullopt;
  const auto count = before.count + after.count;
  if (has_gap ? count >= out.groups.size() : count != out.groups.size())
    return std::nullopt;
  std::copy_n(before.all.begin(), before.count, out.groups.begin());
  std::copy_backward(
    after.all.begin(),
    std::next(after.all.begin(), static_cast<std::ptrdiff_t>(after.count)),
    out.groups.end());
  return out;
}

bool is_ip_address(std::string_view text) noexcept {
  return parse_ip_address(text).has_value();
}

std::string lower_case(std::string text) {
  for (auto& c : text)
    if (c >= 'A' && c <= 'Z')
      c = static_cast<char>(c - 'A' + 'a');
  return text;
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  // Three rows of the usual table: `before` serves the swaps.
  auto before = std::vector<std::size_t>(b.size() + 1);
  auto last = before;
  auto row = before;
  for (std::size_t j = 0; j <= b.size(); ++j)
    last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      auto differs = a[i - 1] == b[j - 1] ? 0u : 1u;
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + differs});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], before[j - 2] + 1);
    }
    before.swap(last);
    last.swap(row);
  }
  return last[b.size()];
}

} // namespace cenote::configs
