#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "session/left_behind.hpp"

/// LISTEN where servers change: which server a client hears a channel from, and
/// what is said to make it another. See docs/listen.md. Pure.
namespace cenote::session {

struct notification {
  std::string_view channel; ///< Borrowed from the message, as `payload`.
  std::string_view payload;
};

/// The body of a NotificationResponse.
[[nodiscard]] std::optional<notification>
read_notification(std::span<const std::byte> body) noexcept;

/// In double quotes.
[[nodiscard]] std::string quoted_name(std::string_view name);

/// A custom setting that says whether a transaction did what `come_home` says:
/// a rollback, to a savepoint too, takes it back.
inline constexpr std::string_view home_setting = "cenote.home";

/// What one client listens to, and how far a change of servers is.
class client_listens {
public:
  using message = std::shared_ptr<const std::vector<std::byte>>;

  /// The client's own server becomes free of its LISTENs.
  enum class step : std::uint8_t {
    none,
    joining,  ///< The listening server is to LISTEN, too.
    fencing,  ///< Both listen; a fence is on its way to both.
    clearing, ///< UNLISTEN * is on its way to the own server.
  };

  explicit client_listens(std::uint64_t whose)
    : whose_{whose} {
    // nop
  }

  // -- what PostgreSQL says ---------------------------------------------------

  /// The own server's LISTENs when a transaction is over; the marker is taken
  /// out of the settings. Returns the channels that the client does not listen
  /// to any more.
  std::vector<std::string> learned(left_behind& found, std::string_view fence);

  /// DISCARD ALL was done.
  void discarded() noexcept {
    discarded_ = true;
  }

  /// What makes the own server LISTEN to all that the client listens to, once
  /// in a transaction: put in front of what may UNLISTEN, so that PostgreSQL
  /// says what is left.
  [[nodiscard]] std::string come_home() const;

  // -- what is heard ----------------------------------------------------------

  enum class verdict : std::uint8_t { forward, drop, fence };

  /// From the own server; `fence` is the channel of fences.
  [[nodiscard]] verdict hear_own(const notification& what,
                                 std::string_view fence) const noexcept;

  /// From the listening server.
  [[nodiscard]] bool is_shared(std::string_view channel) const noexcept;

  /// A message waits until the client is between two transactions. False: too
  /// much waits already.
  [[nodiscard]] bool keep(message what);

  /// The next one that the client still wants; none if there is none.
  [[nodiscard]] message next();

  // -- the change of servers --------------------------------------------------

  /// Channels that only the own server listens to.
  [[nodiscard]] const std::vector<std::string>& pending() const noexcept {
    return pending_;
  }

  [[nodiscard]] const std::vector<std::string>& shared() const noexcept {
    return shared_;
  }

  /// The own server listens to something.
  [[nodiscard]] bool has_own() const noexcept {
    return has_own_;
  }

  [[nodiscard]] bool is_empty() const noexcept {
    return !has_own_ && shared_.empty() && waiting_.empty();
  }

  [[nodiscard]] step at() const noexcept {
    return step_;
  }

  void go_to(step next) noexcept {
    step_ = next;
  }

  /// The payload of the client's fence.
  [[nodiscard]] std::string fence_payload() const;

  /// The own server has said the fence: what it says from now on, the listening
  /// server says, too.
  void fenced_own();

  /// The listening server has: it is the one to be heard from now on.
  void fenced_shared();

  /// Both have.
  [[nodiscard]] bool is_fenced() const noexcept {
    return own_fenced_ && shared_fenced_;
  }

  /// The own server became the listening one.
  void gave_server();

  /// The listening server is lost, or something failed, before all was done.
  void start_again();

  /// A step failed. Whether that was often enough to `give_up`.
  [[nodiscard]] bool fails_for_good() noexcept {
    return ++failures_ >= failures_max;
  }

  /// The own server keeps what it listens to, for now.
  void give_up();

  /// The own server listens to nothing, or is not the client's any more.
  void left_own() noexcept;

private:
  /// A cancel that came late, a timeout: not the third time.
  static constexpr std::uint8_t failures_max = 3;

  void take_over();
  void forget_unwanted();

  std::uint64_t whose_;
  std::uint64_t round_ = 0; ///< Makes markers and fences differ.
  std::vector<std::string> shared_;
  std::vector<std::string> pending_;
  std::deque<message> waiting_;
  std::size_t waiting_bytes_ = 0;
  step step_ = step::none;
  std::uint8_t failures_ = 0;
  bool has_own_ = false;
  bool own_fenced_ = false;
  bool shared_fenced_ = false;
  bool discarded_ = false;
};

} // namespace cenote::session
