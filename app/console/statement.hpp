#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

/// The console's language, as PgBouncer's: `WORD [WORD]`, `SET key = value`,
/// statements separated by `;`. Pure.
namespace cenote::app {

enum class verb : std::uint8_t {
  show, ///< Also `SELECT x`.
  set,
  pause,
  resume,
  reconnect,
  kill,
  kill_client,
  wait_close,
  reload,
  shutdown,
  suspend,
  disable,
  enable,
};

/// Upper case: the tag of its CommandComplete.
[[nodiscard]] std::string_view name(verb what) noexcept;

/// What SHOW can show.
enum class subject : std::uint8_t {
  active_sockets,
  clients,
  config,
  databases,
  dns_hosts,
  dns_zones,
  fds,
  help,
  lists,
  mem,
  peer_pools,
  peers,
  pools,
  servers,
  sockets,
  state,
  stats,
  stats_averages,
  stats_totals,
  totals,
  users,
  version,
};

inline constexpr std::size_t subject_count = 22;

/// Any case; empty for any other word.
[[nodiscard]] std::optional<subject> parse_subject(std::string_view word);

struct statement {
  verb what = verb::show;
  std::string argument; ///< Unquoted, case kept; the key of a SET.
  std::string value;    ///< Of a SET.
};

/// The statements of `text`, without their `;`, as views into it. A `;` within
/// quotes separates nothing; what is blank is no statement.
[[nodiscard]] std::vector<std::string_view> split(std::string_view text);

/// Fails with `admin_syntax`; its detail is what to tell the operator.
[[nodiscard]] result<statement> parse(std::string_view text);

/// The message for a statement that nobody understands.
[[nodiscard]] std::string invalid_command(std::string_view text);

[[nodiscard]] std::string upper(std::string_view text);

/// A server setting that drivers like to see and to set. `value` is what SHOW
/// says; SET is ignored.
struct fake_setting {
  std::string_view name;
  std::string_view value;
};

/// Any case; null for any other name.
[[nodiscard]] const fake_setting* find_fake_setting(std::string_view name);

} // namespace cenote::app
