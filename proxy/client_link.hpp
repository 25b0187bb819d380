#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/strong_id.hpp"
#include "net/engine.hpp"
#include "protocol/message_walker.hpp"
#include "protocol/reply_mirror.hpp"
#include "proxy/adoption.hpp"
#include "proxy/byte_run.hpp"
#include "proxy/snapshot.hpp"
#include "proxy/timed.hpp"
#include "session/client_life.hpp"
#include "session/settings.hpp"

namespace cenote::proxy {

class lane;
class server_link;

/// A logged-in client on its shard: a stream, a walker, a phase.
/// `session::next` decides, this class carries out.
class client_link final : public net::stream_sink, public timed {
public:
  client_link(lane& in, client_adoption from);
  ~client_link();

  /// Attaches the socket, sends BackendKeyData and ReadyForQuery, takes what
  /// the edge had read ahead. False: the engine would not have it.
  bool start(const greeting* pool_defaults);

  // -- the lane ---------------------------------------------------------------

  void lend(server_link& server);

  /// Ends the client: FATAL, then close.
  void refuse(ec why);

  /// The same with PostgreSQL's own ErrorResponse.
  void refuse(const refusal& why);

  // -- the server link --------------------------------------------------------

  void prepared();

  /// PostgreSQL would not take one of the client's settings: its own error goes
  /// on.
  void settings_rejected(std::vector<std::byte> error);

  /// Server bytes to the client. False: stop reading the server until
  /// `on_drained`.
  bool deliver(net::slice bytes, bool ends_message) noexcept;
  bool deliver_copy(std::span<const std::byte> bytes,
                    bool ends_message) noexcept;

  /// A ReadyForQuery passed.
  void reply_complete(char status);

  /// Nothing is owed, nothing is half sent: the loan may end.
  void server_at_rest(protocol::transaction_status status);

  /// The server is lost. `explained`: its own FATAL went to the client already.
  void server_lost(bool explained);

  /// The server can take bytes again.
  void server_drained();

  /// What PostgreSQL told the client of a setting.
  void told(std::size_t index, std::string_view value) {
    told_.set(index, value);
  }

  [[nodiscard]] session::reported_values& told_values() noexcept {
    return told_;
  }

  /// Part of a message was forwarded and the rest has not come yet.
  [[nodiscard]] bool is_mid_message() const noexcept {
    return mid_message_;
  }

  // -- cancel -----------------------------------------------------------------

  void cancel();

  [[nodiscard]] client_id id() const noexcept {
    return seat_.who();
  }

  [[nodiscard]] const cancel_key& key() const noexcept {
    return key_;
  }

  [[nodiscard]] session::phase phase() const noexcept {
    return phase_;
  }

  /// Has a server.
  [[nodiscard]] bool is_active() const noexcept {
    return server_ != nullptr;
  }

  /// Nothing of it is under way: a drain may end it at once.
  [[nodiscard]] bool is_at_rest() const noexcept;

  [[nodiscard]] client_row row(time_point now) const;

  // -- net::stream_sink, timed ------------------------------------------------

  void on_bytes(net::slice in) override;
  void on_drained() override;
  void on_closed(const failure& why) override;
  void on_time(time_point now) override;

private:
  void apply(session::event what);
  void carry_out(session::effect what);
  /// Where a run of request bytes goes: to the lent server.
  struct to_server {
    client_link* from;
    void send(net::slice bytes, bool ends_message) noexcept;
    void send_copy(std::span<const std::byte> bytes,
                   bool ends_message) noexcept;
  };
  using request_run = byte_run<to_server>;

  void pump(net::slice in, bool borrowed);
  bool take(const protocol::piece& part, std::span<const std::byte> rest,
            request_run& forward);
  bool take_start(const protocol::piece& part, std::span<const std::byte> rest,
                  request_run& forward);
  bool take_locally(const protocol::piece& part);
  bool is_acceptable(const protocol::piece& part, request_run& forward);
  void count(const protocol::piece& part);
  void look_at_parse(const protocol::piece& part) noexcept;
  bool begin_request(const protocol::piece& part,
                     std::span<const std::byte> rest);
  struct due {
    time_point when = never;
    ec why = ec::none;
  };
  [[nodiscard]] due deadline() const noexcept;
  void server_is_full() noexcept;
  void hold(std::span<const std::byte> bytes);
  void forward_held();
  void answer_canceled();
  void say_farewell();
  void close_now();
  void rearm();

  /// What is only read for the console and the log.
  struct facts {
    std::string user;
    std::string database;
    peer_name peer;
    peer_name local;
    std::int64_t connect_time_unix = 0;
    bool is_tls = false;
  };

  lane& lane_;
  net::stream* stream_ = nullptr;
  server_link* server_ = nullptr;
  protocol::message_walker walker_;
  session::phase phase_ = session::phase::idle;
  bool settings_confirmed_ = true; ///< PostgreSQL took them before.
  bool mid_message_ = false;       ///< Towards the server.
  bool mid_reply_ = false;         ///< Towards the client.
  bool skipping_ = false;          ///< The rest of a message nobody wants.
  bool skip_to_sync_ = false;      ///< A canceled batch: drop until Sync.
  bool watch_parse_ = false;       ///< A Parse's name has not come yet.
  bool closing_quietly_ = false;
  bool goodbye_ = false;
  bool full_ = false; ///< The client does not read: it is not read either.
  bool held_enough_ = false; ///< Paused because `held_` is full.
  ec why_ = ec::none;
  std::string why_text_; ///< Behind the message, for protocol errors.
  std::vector<std::byte>
    last_words_;                ///< PostgreSQL's own error, if it has one.
  std::vector<std::byte> held_; ///< Empty and without memory unless waiting.
  session::reported_values told_;
  session::startup_settings startup_;
  timers::entry timer_;
  subscription seat_;
  cancel_key key_;
  std::unique_ptr<facts> facts_;
  std::unique_ptr<client_adoption> arriving_; ///< Until `start`.
  time_point since_{}; ///< Start of the present phase's wait.
  time_point loan_since_{};
  time_point request_at_{}; ///< Of the request under way, or the last one.
  time_point ready_at_{};   ///< Last ReadyForQuery.
};

} // namespace cenote::proxy
