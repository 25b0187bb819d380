#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/strong_id.hpp"
#include "net/engine.hpp"
#include "protocol/body_prefix.hpp"
#include "protocol/message_walker.hpp"
#include "protocol/reply_mirror.hpp"
#include "proxy/adoption.hpp"
#include "proxy/byte_run.hpp"
#include "proxy/data_plane.hpp"
#include "proxy/snapshot.hpp"
#include "proxy/timed.hpp"
#include "session/cleaning.hpp"
#include "session/left_behind.hpp"
#include "session/own_defaults.hpp"
#include "session/repeatable_batch.hpp"
#include "session/row_shape.hpp"
#include "session/settings.hpp"
#include "session/statement_journal.hpp"
#include "session/statements.hpp"

namespace cenote::proxy {

class client_link;
class lane;
class listen_hub;
struct server_handover;

/// A logged-in server on its shard: stream, walker, mirror, and what it is
/// doing. Lives and dies on its lane's shard.
class server_link final : public net::stream_sink, public timed {
public:
  /// What the server is busy with.
  enum class duty : std::uint8_t {
    resting,  ///< In the ledger's hands.
    lent,     ///< Bytes flow to and from `client`.
    cleaning, ///< Being recovered or reset; nobody may use it.
    dead,
  };

  server_link(lane& in, server_id id, server_adoption from);
  /// From another lane: server_moves.cpp.
  server_link(lane& in, server_handover from);
  ~server_link();

  /// Attaches the socket to the engine. False: the engine would not have it.
  bool start();

  // -- the loan ---------------------------------------------------------------

  /// The loan begins. The client's settings come next, by `prepare`.
  void attach(client_link& client, loan_id loan) noexcept;

  /// Makes the server's settings those of the client. True: nothing is in the
  /// way, the client's bytes may follow at once. False: `client_link::prepared`
  /// or an end comes later. `unread`: as for `session::append_replay`.
  bool prepare(session::reported_values& want,
               const session::startup_settings& startup, bool confirmed,
               std::span<const std::pair<std::string, std::string>> unread
               = {});

  /// Begins the transaction block that the client is in already: `query` is its
  /// BEGIN, a whole message; `fails`: the block is to be a failed one. Behind
  /// `prepare`. `client_link::begun` or an end comes later.
  void begin(std::span<const std::byte> query, bool fails);

  /// Records a client message about to be forwarded, or one of ours in its
  /// service (`how`).
  [[nodiscard]] ec expect(char tag, protocol::delivery how
                                    = protocol::delivery::forward) noexcept {
    count_request(tag);
    return mirror_.sent(tag, how, client_owner);
  }

  /// Sync, Query and FunctionCall that were sent: what comes between two of
  /// them is one batch.
  [[nodiscard]] std::uint32_t batch() const noexcept {
    return batch_;
  }

  /// Nothing of the present batch was sent: nothing before can make PostgreSQL
  /// skip what comes now.
  [[nodiscard]] bool begins_batch() const noexcept {
    return batch_requests_ == 0;
  }

  /// What is sent now may be skipped behind an error: no Sync came since the
  /// last message that is skipped after one. A Query in between is, too.
  [[nodiscard]] bool may_skip() const noexcept {
    return may_skip_;
  }

  // -- what a transaction left behind: server_traces.cpp ----------------------

  /// Asks PostgreSQL; `client_link::learned` hears the answer. Only at rest.
  void ask(session::trace_set kinds, std::span<const std::string> named);

  /// Which functions change sessions, for the lane. At rest, or behind `ask`.
  void ask_watch();
  [[nodiscard]] bool asks_watch() const noexcept; ///< That is outstanding.
  /// Whether PostgreSQL reports this setting of `session::reported_names` by
  /// itself.
  [[nodiscard]] bool reports(std::size_t index) const noexcept;

  /// Who cenote is on this server.
  [[nodiscard]] const std::string& login_user() const noexcept;

  /// What the session has set, beyond what is reported.
  void took(session::startup_settings now) noexcept;

  // -- LISTEN: server_listens.cpp ---------------------------------------------

  /// A loan that is not a client's.
  void assign(loan_id loan) noexcept;

  /// The loan is the hub's from now on.
  void serve(listen_hub& hub) noexcept;

  /// A simple Query of ours at rest; its answer is nobody's. When nothing is
  /// owed any more, the hub or the client hears of it.
  void query_own(std::string_view sql);

  /// Whether that failed. Says so once.
  [[nodiscard]] bool take_own_error() noexcept;

  /// What was done at rest leaves no trace that is to be asked for.
  void forget_dirt() noexcept;

  [[nodiscard]] std::string client_encoding() const;

  /// Appends what runs `sql`, a DO, in front of a client's Query or Bind.
  [[nodiscard]] ec put_home(std::string_view sql, bool is_query,
                            std::vector<std::byte>& out);

  // -- prepared statements: server_statements.cpp -----------------------------

  /// Appends to `out` what puts `what` on the server if it is not there.
  /// `how` is for the Parse itself: `forward` if the client said it.
  [[nodiscard]] ec put_statement(const session::statement_ref& what,
                                 protocol::delivery how,
                                 std::vector<std::byte>& out);

  /// The unnamed statement is the client's already.
  [[nodiscard]] bool has_unnamed(client_id whose,
                                 std::uint32_t edition) const noexcept {
    return unnamed_ == unnamed_owner{whose, edition};
  }

  /// Makes the unnamed statement the client's: `definition` is its Parse's body
  /// behind the name, empty if it has none.
  [[nodiscard]] ec put_unnamed(client_id whose, std::uint32_t edition,
                               std::span<const std::byte> definition,
                               std::vector<std::byte>& out);

  /// A Parse of the unnamed statement was forwarded; `before` is what the
  /// client had, should PostgreSQL skip it.
  void unnamed_parsed(client_id whose, std::uint32_t edition,
                      std::vector<std::byte> before);

  /// The request recorded last, which is of `batch`, drops it; `before` as
  /// above.
  void unnamed_dropped(std::uint32_t edition, std::uint32_t batch,
                       std::vector<std::byte> before);

  /// The unnamed statement is nobody's we know.
  void unnamed_is_foreign() noexcept {
    unnamed_ = {};
  }

  /// Something that fails, for which the client is shown `words`.
  [[nodiscard]] ec put_error(std::vector<std::byte> words,
                             std::vector<std::byte>& out);

  /// Notes what the request recorded last, or Query, does to a client's names.
  void note(session::statement_change change, session::statement_ref what,
            std::string_view name, bool of_query = false);

  /// The text of the request recorded last is the client's with `puts` in it.
  void moves_text(std::string_view text,
                  std::span<const session::replacement> puts, bool of_query);

  /// What the client is told of statements of the Query recorded last.
  void retag(std::span<const session::retagging> what);

  /// Puts what a Query names on the server: a batch whose errors are nobody's.
  [[nodiscard]] ec put_for_query(const session::statement_ref& what,
                                 std::vector<std::byte>& out);

  /// The request recorded last, a Query or another, takes it off the server.
  void deallocated(session::statement& what, bool by_query);

  /// Whether a change of these rests on an earlier batch that is not answered.
  [[nodiscard]] bool is_open(const session::statement* what,
                             std::string_view name) const noexcept {
    return !journal_.empty() && journal_.is_open(what, name, batch_);
  }

  [[nodiscard]] bool is_unnamed_open() const noexcept {
    return !journal_.empty() && journal_.is_unnamed_open(batch_);
  }

  /// Undoes what PostgreSQL skips for certain. Whether that was anything.
  bool settle_skipped();

  /// Nothing rests on an earlier batch, or waiting would be for ever; and the
  /// answer to `ask_for_rows` is there.
  [[nodiscard]] bool may_go_on() const noexcept {
    return !asks_for_rows()
        && (!journal_.has_before(batch_)
            || mirror_.copy() != protocol::reply_mirror::copy_state::none);
  }

  /// The rows of `what` as this server has it; 0: not known.
  [[nodiscard]] session::row_shape
  shape(const session::statement& what) const noexcept {
    return statements_.shape(what);
  }

  /// The last `ask_for_rows` was of `what`.
  [[nodiscard]] bool
  has_asked_for_rows(const session::statement& what) const noexcept {
    return rows_asked_of_ == &what;
  }

  /// Appends to `out` what makes PostgreSQL tell, at once.
  [[nodiscard]] ec ask_for_rows(const session::statement_ref& what,
                                std::vector<std::byte>& out);

  /// The Describe recorded last will tell the client of the rows of its `name`.
  /// `of_portal`: of a portal that was bound to it.
  void tells_rows(const session::statement_ref& what, std::string_view name,
                  session::row_shape before, bool of_portal = false);

  /// The answer is outstanding.
  [[nodiscard]] bool asks_for_rows() const noexcept {
    return asks_for_rows_;
  }

  // -- a batch that may be sent once more: server_repeats.cpp -----------------

  /// Keeps the client's message of `tag`, or its beginning, which was sent just
  /// now.
  void keep_sent(char tag, std::span<const std::byte> bytes);

  /// A batch begins that may be sent once more: a Bind or Describe outside a
  /// transaction while nothing else is under way.
  [[nodiscard]] bool may_repeat_from(char tag) const noexcept {
    return (tag == 'B' || tag == 'D') && begins_batch() && !repeating_
        && mirror_.owes_nothing()
        && mirror_.status() == protocol::transaction_status::idle;
  }

  /// The present batch, as the client sent it.
  [[nodiscard]] session::repeatable_batch& sent_batch() noexcept {
    return sent_;
  }

  void note_named_statement() noexcept {
    mirror_.note_named_statement();
  }

  /// Client bytes to the server. False: stop reading the client until
  /// `client_link::server_drained`.
  bool send(net::slice bytes) noexcept;
  bool send_copy(std::span<const std::byte> bytes) noexcept;

  /// The loan ends in good order (mirror idle): back to the lane.
  void release();

  /// The client is gone: back to the lane when clean, or closed. `goodbye`: it
  /// said Terminate, its work may finish; `cut_message`: part of a message was
  /// sent; `leaves_traces`: its work may have left something behind.
  void recover(bool goodbye, bool cut_message, bool leaves_traces);

  /// Orders a CancelRequest for what runs now.
  void cancel();
  void cancel_settled(bool acknowledged);

  // -- the lane ---------------------------------------------------------------

  /// Resets after `checkin(tainted)`.
  void start_cleaning();

  /// Says Terminate, closes, leaves the lane.
  void close(ec why);

  /// All of a server at rest, for another lane of the pool; then this link is
  /// dead. Nothing: it cannot move now, and stays as it is. Not from
  /// `on_bytes`.
  [[nodiscard]] std::optional<server_handover> move_out();

  [[nodiscard]] server_id id() const noexcept {
    return id_;
  }

  [[nodiscard]] loan_id loan() const noexcept {
    return loan_;
  }

  [[nodiscard]] client_link* client() const noexcept {
    return client_;
  }

  [[nodiscard]] lane& home() noexcept {
    return lane_;
  }

  [[nodiscard]] const protocol::reply_mirror& mirror() const noexcept {
    return mirror_;
  }

  [[nodiscard]] std::uint64_t epoch() const noexcept {
    return facts_.epoch;
  }

  [[nodiscard]] time_point connected_at() const noexcept {
    return connected_at_;
  }

  [[nodiscard]] std::uint32_t backend_pid() const noexcept {
    return facts_.backend_pid;
  }

  [[nodiscard]] duty doing() const noexcept {
    return duty_;
  }

  [[nodiscard]] server_row row() const;

  /// What it holds of the pool's limits: for the lane, when the server is gone.
  [[nodiscard]] std::vector<quota_unit> take_seat() noexcept {
    return std::move(facts_.seat);
  }

  /// The client reads again.
  void client_drained() noexcept;

  bool doomed = false; ///< To be closed as soon as it is free.

  /// Nobody else may have it: nothing unloads a library.
  [[nodiscard]] bool is_spent() const noexcept;

  // -- net::stream_sink, timed ------------------------------------------------

  void on_bytes(net::slice in) override;
  void on_drained() override;
  void on_closed(const failure& why) override;
  void on_time(time_point now) override;

  net::stream* stream = nullptr;

private:
  static constexpr protocol::owner_id client_owner = 1;

  /// Where a run of reply bytes goes: to the client of the loan, or nowhere.
  struct to_client {
    server_link* from;
    void send(net::slice bytes, bool ends_message) noexcept;
    void send_copy(std::span<const std::byte> bytes,
                   bool ends_message) noexcept;
    std::vector<std::byte> take_buffer();
    void give_buffer(std::vector<std::byte> spent) noexcept;
  };

  bool take(const protocol::piece& part, byte_run<to_client>& forward);
  void take_notification(const protocol::piece& part,
                         byte_run<to_client>& forward);
  void take_own(const protocol::piece& part, const protocol::reaction& what);
  void take_for_client(const protocol::piece& part,
                       const protocol::reaction& what,
                       byte_run<to_client>& forward);
  bool tells_other_tag(const protocol::piece& part, std::uint32_t sequence,
                       byte_run<to_client>& forward);
  void say_ready(byte_run<to_client>& forward);
  bool note_rows(const protocol::piece& part, const protocol::reaction& what,
                 byte_run<to_client>& forward);
  void say_parameters(byte_run<to_client>& forward);
  [[nodiscard]] bool withholds(std::span<const std::byte> error,
                               std::uint32_t sequence);
  [[nodiscard]] bool repeats_instead(byte_run<to_client>& forward);
  void repeat_nothing();
  void take_error(const protocol::piece& part, const protocol::reaction& what,
                  byte_run<to_client>& forward);
  void settle_statements(const protocol::piece& part,
                         const protocol::reaction& what);
  void undo(session::statement_journal::entry& what, bool has_failed);
  void count_request(char tag) noexcept {
    // They belong to the COPY that was asked for, or ask for nothing.
    if (tag == 'd' || tag == 'c' || tag == 'f' || tag == 'H')
      return;
    const auto ends = tag == 'S' || tag == 'Q' || tag == 'F';
    batch_ += ends ? 1 : 0;
    batch_requests_ = ends ? 0 : batch_requests_ + 1;
    may_skip_ = tag != 'S' && (may_skip_ || !ends);
  }
  void forget_statements(std::uint32_t sequence);
  void gather(const protocol::piece& part, bool is_own);
  void gather_bytes(const protocol::piece& part);
  void status_changed(bool is_own);
  void own_ready();
  void answered();
  void watch_answered();
  void replayed();
  void after_bytes(bool saw_ready);
  void begun();
  void tell_differences();
  void clean_on();
  [[nodiscard]] session::stained stains() const noexcept;
  void forget_client() noexcept;
  void send_remedy(protocol::reply_mirror::remedy what);
  void look_again();
  void expect_success() noexcept;
  void send_own(char tag, std::string_view body);
  [[nodiscard]] ec expect_own(char tag) noexcept;
  void fail(ec why);
  [[nodiscard]] bool may_move() const noexcept;

  lane& lane_;
  server_id id_;
  server_adoption facts_;
  protocol::message_walker walker_;
  protocol::reply_mirror mirror_;
  session::reported_values reported_;
  session::startup_settings startup_;
  session::server_statements statements_;
  session::statement_journal journal_;

  /// Whose the unnamed statement is; client 0: not known, perhaps nobody's.
  struct unnamed_owner {
    client_id whose;
    std::uint32_t edition = 0;
    friend bool operator==(const unnamed_owner&, const unnamed_owner&)
      = default;
  };
  unnamed_owner unnamed_;

  /// A CommandComplete that says something else to the client.
  struct other_tag {
    std::uint32_t sequence = 0;
    session::retagging what;
  };
  std::vector<other_tag> other_tags_; ///< In order.
  std::uint32_t completed_of_ = 0;    ///< The request whose are counted.
  std::uint32_t completed_ = 0;
  bool is_other_tag_ = false; ///< The rest of it comes.
  session::row_shape_reader rows_;
  session::repeatable_batch sent_;
  std::vector<std::byte> withheld_error_;      ///< Until its batch is over.
  std::vector<std::byte> withheld_parameters_; ///< Until its rows are told.
  const session::statement* rows_asked_of_ = nullptr; ///< Never looked into.
  bool asks_for_rows_ = false;
  bool repeat_due_ = false; ///< The client's batch is to be sent once more.
  bool repeating_ = false;  ///< It was.
  std::uint32_t batch_requests_ = 0;
  bool may_skip_ = false;
  std::uint32_t batch_ = 0; ///< Sync, Query, FunctionCall: sent.
  timers::entry timer_;
  client_link* client_ = nullptr;
  listen_hub* hub_ = nullptr; ///< Whose loan it is, instead of a client's.
  loan_id loan_;
  duty duty_ = duty::resting;
  /// The answer to `begin` is outstanding: the status that it should have.
  std::optional<protocol::transaction_status> beginning_;
  bool preparing_ = false; ///< The replay's answer is outstanding.
  bool goodbye_ = false;
  bool no_more_cancel_ = false;
  bool cut_message_ = false;
  bool must_succeed_ = false; ///< An error now means: not clean.
  bool copy_failed_ = false;  ///< By us, in this cleaning.
  bool want_cancel_ = false;  ///< What runs was canceled, perhaps too early.
  bool reset_done_ = false;
  bool statements_doubted_ = false; ///< Some may be gone: all are put anew.
  bool ready_withheld_ = false;     ///< Until the client's settings are back.
  bool asking_ = false;             ///< The answer to `ask` is outstanding.
  bool knows_asker_ = false;        ///< The question is prepared.
  bool has_traces_ = false; ///< Of a client that is gone, or not known yet.
  bool fatal_seen_ = false;
  bool client_full_ = false; ///< Paused because the client does not read.
  std::uint32_t cancels_ = 0;
  std::uint32_t replays_outstanding_ = 0;
  std::vector<std::byte> gathered_; ///< A message that is looked into.
  session::left_behind_reader answer_;
  session::trace_set asked_;
  std::unique_ptr<session::watch_reader> watch_answer_; ///< Outstanding.
  session::watch::ticket watch_ticket_ = 0;
  std::vector<std::byte> own_error_; ///< PostgreSQL's answer to a bad setting.
  time_point cleaning_ends_{};
  time_point connected_at_{};
  std::int64_t connect_time_unix_ = 0;
  time_point request_at_{};
};

} // namespace cenote::proxy
