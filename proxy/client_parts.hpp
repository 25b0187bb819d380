#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "proxy/greeting.hpp"
#include "proxy/timed.hpp"
#include "session/listens.hpp"
#include "session/settings.hpp"
#include "session/startup_values.hpp"
#include "session/traces.hpp"

/// What few clients have at a time, and nearly none that are idle: made when it
/// is needed, so that the others are small.
namespace cenote::proxy {

class client_link;

/// A greeting that waits until PostgreSQL has read the client's settings.
struct greeting_due {
  std::shared_ptr<const greeting> words;
  session::startup_settings unread;
  /// Those of `unread` that are reported.
  session::settings_list reported;
};

/// What a client is told that is sent away.
struct client_farewell {
  std::string detail;           ///< Behind the message, for protocol errors.
  std::vector<std::byte> words; ///< PostgreSQL's own error, if it has one.
};

struct client_extras {
  std::unique_ptr<greeting_due> greeting; ///< Null: it was said.
  std::unique_ptr<session::client_listens> listens;
  client_farewell farewell;
  std::uint32_t reset_sequence = 0; ///< The mirror's number of the RESET.
  std::uint32_t reset_batch = 0;    ///< The batch that has it.
  time_point pinned_since{};
};

/// A statement of the client's, as it said it. Borrowed.
struct said_text {
  std::string_view name;
  const session::text_traces* traces = nullptr;
  std::span<const std::byte> definition;
};

/// The deadline of a client.
struct client_alarm final : timed {
  explicit client_alarm(client_link& of) noexcept
    : owner{of} {
    // nop
  }

  void on_time(time_point now) override;

  client_link& owner;
  timers::entry entry{*this};
};

/// Bytes of a client that wait, for a server or for what comes behind them. A
/// shard has spare ones.
struct kept_bytes {
  std::vector<std::byte> bytes;
  time_point since{};
};

using kept_bytes_ptr = std::unique_ptr<kept_bytes>;

} // namespace cenote::proxy
