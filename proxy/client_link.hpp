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
#include "proxy/cancel_keys.hpp"
#include "proxy/client_list.hpp"
#include "proxy/client_parts.hpp"
#include "proxy/kept_address.hpp"
#include "proxy/named_message.hpp"
#include "proxy/prepared_state.hpp"
#include "proxy/snapshot.hpp"
#include "proxy/timed.hpp"
#include "session/client_life.hpp"
#include "session/left_behind.hpp"
#include "session/own_defaults.hpp"
#include "session/settings.hpp"
#include "session/statement_journal.hpp"
#include "session/traces.hpp"

namespace cenote::proxy {

class lane;
class server_link;

/// A logged-in client on its shard: a stream, a walker, a phase.
/// `session::next` decides, this class carries out.
class client_link final : public net::stream_sink,
                          public cancel_keys::holder,
                          public client_list::member {
public:
  using greeting_ptr = std::shared_ptr<const greeting>;
  client_link(lane& in, client_adoption& from);
  ~client_link();

  /// Attaches the socket, greets the client or finds out with what, takes what
  /// the edge had read ahead. False: the engine would not have it.
  bool start(client_adoption& from, const greeting_ptr& pool_defaults);

  /// Has heard what its settings are.
  [[nodiscard]] bool is_greeted() const noexcept {
    return extras_ == nullptr || extras_->greeting == nullptr;
  }

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

  void server_drained(); ///< It can take bytes again.
  void rearm();          ///< Some deadline, or the lane's times, changed.

  /// What PostgreSQL told the client of a setting.
  void told(std::size_t index, std::string_view value) {
    told_.set(index, value);
  }

  [[nodiscard]] session::reported_values& told_values() noexcept {
    return told_;
  }

  /// The rest of a message has not come yet, or waits here.
  [[nodiscard]] bool is_mid_message() const noexcept {
    return mid_message_ || stalled_ || gathering_;
  }

  // -- prepared statements: client_statements.cpp -----------------------------

  /// The named statements. Made when the first is needed.
  session::client_statements& names();

  [[nodiscard]] bool has_names() const noexcept {
    return prepared_ != nullptr && prepared_->named.size() > 0;
  }

  /// PostgreSQL has no unnamed statement of this client any more.
  void forget_unnamed() noexcept;

  /// PostgreSQL has not parsed this `edition`: there is what was `before`.
  void restore_unnamed(std::uint32_t edition, std::vector<std::byte> before);

  /// Its Close was skipped.
  void restore_sql_name(std::string_view name);

  /// A result type changed: this client gets nothing that was parsed before.
  void renew_statements() noexcept;

  /// Puts the client's own names in the place of ours into an ErrorResponse
  /// that answers request `sequence`.
  void show_own_names(std::vector<std::byte>& error,
                      const session::statement_journal& journal,
                      std::uint32_t sequence) const;

  // -- what it leaves behind: client_traces.cpp -------------------------------

  /// PostgreSQL's answers to `server_link::ask` and `ask_watch`.
  void learned(session::trace_set asked, session::left_behind found);
  void watch_answered();

  /// What the client sends next depends on answers that have not come.
  [[nodiscard]] bool is_stalled() const noexcept {
    return stalled_;
  }

  /// They have.
  void go_on();

  /// Nothing was sent, nor began to be, behind the batch that is over now.
  [[nodiscard]] bool may_repeat() const noexcept;

  /// Sends a batch once more. Only if `may_repeat`.
  void repeat(std::vector<std::byte> batch);

  /// A RESET was sent, and what the client gave at its start is not in force
  /// again: what comes in a later batch waits, unless a transaction is open.
  [[nodiscard]] bool waits_for_reset() const noexcept {
    return is_handing_over()
        || ((resets_settings_ || asked_about_reset_) && is_before_reset());
  }

  /// A RESET was sent, PostgreSQL was not asked about it yet, and the answer to
  /// request `sequence` comes with it or behind it.
  [[nodiscard]] bool is_reset_by(std::uint32_t sequence) const noexcept {
    return resets_settings_
        && static_cast<std::int32_t>(sequence - extras_->reset_sequence) >= 0;
  }

  // -- a BEGIN that no server has yet: client_begins.cpp ----------------------

  /// PostgreSQL's answer to it: `error` is empty, or its ErrorResponse.
  void begun(std::vector<std::byte> error);

  /// In a transaction block that no server knows of.
  [[nodiscard]] bool is_in_held_block() const noexcept {
    return held_block_ != held_block::none;
  }

  // -- LISTEN: client_listens.cpp ---------------------------------------------

  /// Whether the client is told of it: its own server says so.
  [[nodiscard]] bool hears_own(const session::notification& what);

  /// The listening server says so.
  void hear_shared(std::string_view channel,
                   session::client_listens::message what);

  /// The listening server is lost (`is_loss`), or there is another one.
  void hear_of_loss(bool is_loss, session::client_listens::message warning);

  /// It listens to more than before.
  void shared_listens();
  void shared_fenced(std::string_view payload);
  void shared_lost();

  /// DEALLOCATE ALL or DISCARD ALL is done.
  void forgot_all(std::uint32_t sequence) noexcept;

  // -- cancel -----------------------------------------------------------------

  void cancel();

  [[nodiscard]] client_id id() const noexcept {
    return id_;
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

  // -- net::stream_sink -------------------------------------------------------

  void on_bytes(net::slice in) override;
  void on_drained() override;
  void on_closed(const failure& why) override;

  /// Its deadline is over.
  void on_time(time_point now);

private:
  [[nodiscard]] bool is_armed() const noexcept {
    return alarm_ != nullptr && alarm_->entry.is_armed();
  }

  void remember_welcome(const client_adoption& from,
                        const greeting_ptr& pool_defaults,
                        std::span<const std::byte> words);
  void say_parameters(const greeting* words, std::vector<std::byte>& out);
  void say_key(std::vector<std::byte>& out);
  void take_startup(const session::settings_list& given,
                    const greeting* pool_defaults);
  [[nodiscard]] std::span<const std::pair<std::string, std::string>>
  unread_settings() const noexcept;
  void note_own_values(session::settings_list given);
  void greet();

  void apply(session::event what);
  void carry_out(session::effect what);
  /// Where a run of request bytes goes: to the lent server.
  struct to_server {
    client_link* from;
    void send(net::slice bytes, bool ends_message) noexcept;
    void send_copy(std::span<const std::byte> bytes,
                   bool ends_message) noexcept;
    std::vector<std::byte> take_buffer();
    void give_buffer(std::vector<std::byte> spent) noexcept;
  };
  using request_run = byte_run<to_server>;

  void pump(net::slice in, bool borrowed);
  bool passes_on(const protocol::piece& part) noexcept;
  bool take_rest(const protocol::piece& part, std::span<const std::byte> rest,
                 request_run& forward);
  bool is_plain_query(const protocol::piece& part) const noexcept;
  bool take_start(const protocol::piece& part, std::span<const std::byte> rest,
                  request_run& forward);
  bool take_locally(const protocol::piece& part);
  void end_for(const protocol::piece& part, request_run& forward);
  bool hold_begin(const protocol::piece& part, std::span<const std::byte> rest);
  bool take_in_block(const protocol::piece&, std::span<const std::byte> rest);
  void say_complete(std::string_view command);
  void say_ready();
  void lose_unnamed() noexcept;
  void enter_block();
  void leave_held_block() noexcept;
  [[nodiscard]] protocol::transaction_status held_status() const noexcept;
  void count(const protocol::piece& part);
  void look_at_parse(const protocol::piece& part) noexcept;
  void start_clocks() noexcept;
  bool waits_for_rest(const protocol::piece&, std::span<const std::byte> rest);
  void complete_held(std::span<const std::byte> bytes);
  bool begin_request(const protocol::piece&, std::span<const std::byte> rest);

  /// What became of one.
  enum class named : std::uint8_t {
    passed,  ///< It is on its way, as far as it is here.
    more,    ///< Not enough of it is here.
    waits,   ///< Until earlier answers are there.
    dropped, ///< Something else went in its place.
    refused, ///< The client has ended.
  };

  bool take_named(const protocol::piece& part, std::span<const std::byte> rest,
                  request_run& forward);
  named pass_named(const named_message& what, request_run& forward);
  named pass_query(const named_message& what, request_run& forward);
  named pass_function_call(const named_message& what, request_run& forward);
  named pass_plain_query(const named_message& what, request_run& forward);
  std::optional<std::vector<std::byte>> drop_unnamed();
  named note_dropped(named outcome,
                     std::optional<std::vector<std::byte>> before,
                     std::uint32_t batch);
  named pass_spliced(const named_message& what,
                     const session::text_traces& found,
                     session::own_defaults& own, request_run& forward);
  named say_query_fails(std::vector<std::byte> words, request_run& forward);
  named end_query(named outcome, request_run& forward);
  named refuse_pin(const session::text_traces& what, bool is_query,
                   request_run& forward, bool& refused);
  [[nodiscard]] bool looks_into(protocol::frontend_tag tag) const noexcept;
  named pass_session_parse(const named_message& what, request_run& forward);
  named pass_session_bind(const named_message& what, request_run& forward);
  void keep_session_statement(std::string_view name,
                              std::span<const std::byte> definition,
                              session::text_traces traces);
  named pass_own_parse(std::string_view name,
                       std::span<const std::byte> definition,
                       std::span<const std::byte> said,
                       std::span<const session::replacement> puts,
                       request_run& forward);
  session::own_portal* bind_own(std::string_view portal,
                                const session::text_traces& what);
  void note_uses(std::span<const session::named_in_text> uses, bool is_query);
  [[nodiscard]] bool
  names_mine(const session::text_traces& what) const noexcept;
  named put_named_text(const session::text_traces& what,
                       std::span<const std::byte> definition,
                       std::vector<session::replacement>& puts,
                       request_run& forward);
  [[nodiscard]] said_text said(std::string_view name) const noexcept;
  named pass_naming_bind(const named_message& what, const said_text& said,
                         session::own_portal& portal,
                         std::span<const std::byte> values,
                         request_run& forward);
  named pass_naming_describe(const said_text& said, request_run& forward);
  void unbind(std::string_view portal);
  named pass_execute(const named_message& what, request_run& forward);
  named put_behind_execute(request_run& forward);
  named note_bound(const session::text_traces& what,
                   const named_message& message,
                   std::span<const std::byte> values);
  named come_home(const session::text_traces& what, bool is_query,
                  request_run& forward);
  void take_listens(session::left_behind& found);
  [[nodiscard]] bool may_share() const;
  void forget_listens();
  [[nodiscard]] bool has_own_listens() const noexcept;
  [[nodiscard]] bool is_handing_over() const noexcept;
  [[nodiscard]] bool is_at(session::client_listens::step which) const noexcept;
  [[nodiscard]] time_point fenced_since() const noexcept;
  bool hand_over();
  bool begin_to_hand_over();
  bool step_failed();
  void clear_own();
  void release_or_give();
  void leave_hub();
  void keep_message(session::client_listens::message what);
  void tell_notifications();
  void note_traces(const session::text_traces& what);
  void note_mention(session::mention what) noexcept;
  void note_bound_words(std::string_view name,
                        const session::statement_ref* found,
                        const session::text_traces* traces) noexcept;
  void follow_definitions(session::trace_set& kinds) noexcept;
  [[nodiscard]] std::vector<std::string> watched_settings() const;
  bool waits_for_watch();
  void note_setting(std::string_view name);
  void note_reset() noexcept;
  [[nodiscard]] std::span<const std::string> named_settings() const noexcept;
  void ask_about_reset();
  [[nodiscard]] bool watches_resets() const noexcept;
  [[nodiscard]] bool is_before_reset() const noexcept;
  bool ask_what_is_left();
  void set_pinned(session::trace_set now);
  [[nodiscard]] std::vector<std::pair<std::string, std::string>>
  with_own(std::vector<std::pair<std::string, std::string>> found);
  void take_settings(std::vector<std::pair<std::string, std::string>> found);
  void tell(std::size_t index, std::string_view value);
  named pass_parse(const named_message& what, request_run& forward);
  named pass_unnamed_parse(const named_message& what, request_run& forward);
  [[nodiscard]] std::vector<session::replacement>
  own_text(std::span<const std::byte> definition,
           const session::text_traces& traces) const;
  named pass_named_parse(std::string_view name,
                         std::span<const std::byte> definition,
                         request_run& forward);
  named pass_clash(std::string_view name, const session::statement& there,
                   std::span<const std::byte> definition, request_run& forward);
  named pass_bind(const named_message& what, request_run& forward);
  named pass_describe(const named_message& what, request_run& forward);
  named pass_close(const named_message& what, request_run& forward);
  named pass_as_it_is(const named_message& what, request_run& forward);
  named find_statement(std::string_view name,
                       const session::statement_ref*& found,
                       request_run& forward);
  named check_rows(std::string_view name, const session::statement_ref& what,
                   request_run& forward);
  named give_unnamed(request_run& forward);
  void remember_name(std::string_view name);
  void remember_portal(std::string_view portal, std::string_view name,
                       const session::statement_ref* what);
  named pass_other_describe(const named_message& what, request_run& forward);
  [[nodiscard]] bool has_sql_name(std::string_view name) const noexcept;
  named say_instead(std::vector<std::byte> words, request_run& forward);
  named check(ec code, request_run& forward);
  void put(const named_message& what, std::span<const std::byte> bytes,
           request_run& forward);
  void begin_unnamed(std::span<const std::byte> definition, bool is_whole);
  void keep_unnamed(std::span<const std::byte> bytes, bool is_last);
  void stop_gathering() noexcept;
  struct due {
    time_point when = never;
    ec why = ec::none;
  };
  [[nodiscard]] due deadline() const noexcept;
  void server_is_full() noexcept;
  void hold(std::span<const std::byte> bytes);
  [[nodiscard]] kept_bytes_ptr take_held();
  void forward_held();
  void answer_canceled();
  void answer_held(std::span<const std::byte> error);
  void say_farewell();
  void close_now();

  /// Made when the first of them is needed.
  client_extras& extras();
  [[nodiscard]] client_farewell& parting() {
    return extras().farewell;
  }
  /// Null: it LISTENs to nothing, as far as we know.
  [[nodiscard]] session::client_listens* listens() const noexcept {
    return extras_ == nullptr ? nullptr : extras_->listens.get();
  }

  /// The settings in force that PostgreSQL does not report.
  [[nodiscard]] const session::startup_settings& settings() const noexcept;
  void set_settings(const session::startup_settings& now);
  /// All that the startup message set; reported ones as PostgreSQL reads them.
  [[nodiscard]] const session::startup_settings& given() const noexcept;
  void set_given(const session::startup_settings& now);

  /// A transaction block that no server knows of.
  enum class held_block : std::uint8_t {
    none,
    begun,  ///< Its BEGIN was answered here.
    failed, ///< And what came behind it was not done.
  };

  // There may be a million, and most are idle: what has no use then is made
  // when it gets one, and small things stand together.

  lane& lane_;
  net::stream* stream_ = nullptr;
  server_link* server_ = nullptr;
  std::unique_ptr<prepared_state> prepared_;
  std::unique_ptr<client_extras> extras_;
  std::unique_ptr<client_alarm> alarm_; ///< Made for the first deadline.
  kept_bytes_ptr held_;                 ///< Null unless something waits.
  kept_bytes_ptr begin_; ///< The Query that `held_block_` began with.
  client_id id_;
  quota_units units_;
  session::reported_values told_;
  time_point since_{}; ///< Of the wait for a server, then of the transaction.
  time_point request_at_{}; ///< Of the request under way, or the last one.
  time_point ready_at_{};   ///< Last ReadyForQuery.
  kept_address peer_;
  kept_address local_;
  protocol::message_walker walker_;
  session::settings_store::number settings_ = 0;
  session::settings_store::number given_ = 0;
  std::uint32_t watch_generation_ = 0; ///< That its texts are looked at with.
  std::uint32_t connect_time_unix_ = 0;
  session::phase phase_ = session::phase::idle;
  held_block held_block_ = held_block::none;
  session::trace_set traces_; ///< Perhaps left behind since the last question.
  session::trace_set pinned_; ///< Left behind: the server stays.
  ec why_ = ec::none;
  bool mid_message_ = false; ///< Towards the server.
  bool mid_reply_ = false;   ///< Towards the client.
  bool full_ = false;      ///< The client does not read: it is not read either.
  bool gathering_ = false; ///< A message that is looked into is not whole.
  bool stalled_ = false;   ///< See `is_stalled`.
  bool held_enough_ = false;  ///< Paused because `held_` is full.
  bool gives_server_ = false; ///< To the lane's `listen_hub`.
  bool discards_ = false;     ///< DISCARD ALL was sent.
  /// RESET: what was given at the start counts.
  bool resets_settings_ = false;
  bool asked_about_reset_ = false; ///< The question is behind one.
  bool runs_watched_ = false;  ///< What it runs may set what functions name.
  bool cancels_later_ = false; ///< When our question is answered.
  bool defines_ = false;       ///< A DO that may define functions was sent.
  bool is_tls_ : 1 = false;
  bool settings_confirmed_ : 1 = true; ///< PostgreSQL took them before.
  bool joined_hub_ : 1 = false;
  bool knows_of_loss_ : 1 = false;     ///< Was told that no server listens.
  bool too_many_settings_ : 1 = false; ///< More than are asked for by name.
  bool keeps_unnamed_ : 1 = false; ///< The rest of an unnamed Parse is kept.
  bool skipping_ : 1 = false;      ///< The rest of a message nobody wants.
  bool skip_to_sync_ : 1 = false;  ///< A canceled batch: drop until Sync.
  bool watch_parse_ : 1 = false;   ///< A Parse's name has not come yet.
  bool closing_quietly_ : 1 = false;
  bool goodbye_ : 1 = false;
};

} // namespace cenote::proxy
