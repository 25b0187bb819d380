#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"

/// The loaders' own small parsers. Pure; any input, any thread.
namespace cenote::configs {

/// No time setting may be longer (it would not fit a timer in nanoseconds
/// much above).
inline constexpr std::chrono::milliseconds duration_max
  = std::chrono::hours{24 * 365};

/// A count and a unit: "500ms", "30s", "5m", "1h", "1d". Fails with
/// `config_bad_value` on anything else (signs, fractions, spaces, a missing
/// unit) and above `duration_max`.
[[nodiscard]] result<std::chrono::milliseconds>
parse_duration(std::string_view text);

/// A count of seconds, 0 to `duration_max`.
[[nodiscard]] result<std::chrono::milliseconds>
duration_from_seconds(std::int64_t seconds);

/// A count and a unit: "512B", "64KiB", "1MB"; kB/MB/GB are powers of 1000,
/// KiB/MiB/GiB of 1024. Fails with `config_bad_value` like `parse_duration`.
[[nodiscard]] result<std::uint64_t> parse_size(std::string_view text);

/// "host:port" or "[v6]:port"; port 1 to 65535.
struct host_port {
  std::string_view host; ///< View into the text, without brackets.
  std::uint16_t port = 0;
};

[[nodiscard]] result<host_port> parse_host_port(std::string_view text);

/// A numeric address, the same however it was written.
struct ip_address {
  bool is_ipv6 = false;
  std::array<std::uint16_t, 8> groups{}; ///< The first two of an IPv4 address.

  /// 0.0.0.0 or ::.
  [[nodiscard]] bool is_any() const noexcept {
    return groups == std::array<std::uint16_t, 8>{};
  }

  friend bool operator==(const ip_address&, const ip_address&) = default;
};

/// Reads what `is_ip_address` accepts.
[[nodiscard]] std::optional<ip_address>
parse_ip_address(std::string_view text) noexcept;

/// A numeric IPv4 ("127.0.0.1") or IPv6 ("::1", RFC 4291 section 2.2) address,
/// without zone and brackets.
[[nodiscard]] bool is_ip_address(std::string_view text) noexcept;

/// ASCII letters only.
[[nodiscard]] std::string lower_case(std::string text);

/// Insertions, deletions, replacements and swaps of neighbours that turn `a`
/// into `b`.
[[nodiscard]] std::size_t edit_distance(std::string_view a, std::string_view b);

} // namespace cenote::configs
