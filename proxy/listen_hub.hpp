#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/strong_id.hpp"
#include "proxy/timed.hpp"
#include "session/listens.hpp"

namespace cenote::proxy {

class client_link;
class lane;
class server_link;

/// The listening server of a lane: which clients listen to what on it, and what
/// it must be told. Its server is one of the pool's, on a loan that ends with
/// the last channel. See docs/listen.md. Shard thread only.
class listen_hub final : public timed {
public:
  /// Who the hub is in the ledger's queue.
  static constexpr client_id waiter{UINT64_MAX};

  explicit listen_hub(lane& in);

  // -- clients ----------------------------------------------------------------

  /// `who` wants these channels; `client_link::shared_listens` is called when
  /// the server listens to them, or was so already.
  void join(client_link& who, std::span<const std::string> channels);

  /// The same with the client's own server as the listening one.
  void join_with(client_link& who, std::span<const std::string> channels,
                 server_link& server);

  void leave(client_link& who, std::span<const std::string> channels);

  /// It is not to hear any more of the change of servers that `join` began.
  void moved(client_link& who) noexcept;

  /// Ends all clients: there is no room for a listening server any more.
  void end_clients();

  [[nodiscard]] bool has_server() const noexcept {
    return server_ != nullptr;
  }

  [[nodiscard]] bool
  listens_to(std::span<const std::string> channels) const noexcept;

  [[nodiscard]] std::size_t channel_count() const noexcept {
    return channels_.size();
  }

  /// The channel that nobody but the hub and those who join it listens to.
  [[nodiscard]] const std::string& fence() const noexcept {
    return fence_;
  }

  /// What channels and payloads are written in; empty: not settled yet.
  [[nodiscard]] const std::string& encoding() const noexcept {
    return encoding_;
  }

  // -- the server -------------------------------------------------------------

  /// A loan is the hub's from now on: a client's that it gave, or one the
  /// ledger assigned.
  void take(server_link& server);

  /// The ledger lends a server. False: it is not wanted any more.
  [[nodiscard]] bool wants_server() const noexcept;

  /// The ledger would not let it wait any longer.
  void refused();

  /// Gives the server up: the pool is paused, or its servers are replaced.
  void drop_server();

  void notified(const session::notification& what,
                std::span<const std::byte> message);

  /// Nothing is owed.
  void server_at_rest();

  void server_lost();

  void on_time(time_point now) override;

private:
  enum class state : std::uint8_t { wanted, asked, listening };

  struct channel {
    std::vector<client_link*> clients;
    state at = state::wanted;
  };

  void add(client_link& who, std::span<const std::string> channels);
  void ask_for_server();
  void try_again_later();
  void tell();
  void answered();
  void forget_loss();
  void warn(bool is_loss, std::string_view what);
  [[nodiscard]] std::vector<client_link*> everybody() const;

  lane& lane_;
  std::map<std::string, channel, std::less<>> channels_;
  std::vector<std::string> untold_;  ///< The server is to (UN)LISTEN to these.
  std::vector<std::string> asked_;   ///< Of the LISTENs under way.
  std::vector<client_link*> moving_; ///< Joined, and still change servers.
  std::string fence_;
  std::string encoding_;
  server_link* server_ = nullptr;
  bool is_set_up_ = false;  ///< The server's own settings were sent.
  bool is_waiting_ = false; ///< In the ledger's queue.
  bool was_lost_ = false;   ///< Clients were told, and will be of the next.
  bool is_busy_ = false;    ///< It owes an answer.
  time_point try_at_ = never;
  duration retry_after_{};
  unsigned failures_ = 0; ///< Of the server, in a row.
  timers::entry timer_;
};

} // namespace cenote::proxy
