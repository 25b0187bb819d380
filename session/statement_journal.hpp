#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "session/statements.hpp"

namespace cenote::session {

/// What a change is about.
enum class statement_change : std::uint8_t {
  server_has,       ///< A Parse puts `what` on the server.
  server_lost,      ///< A Close takes `what` off the server.
  name_added,       ///< The client calls `what` by `name`.
  name_removed,     ///< The client called `what` by `name`.
  sql_name_removed, ///< The client closes what SQL PREPARE called `name`.
  unnamed,          ///< The client's own Parse of the unnamed statement.
  unnamed_dropped,  ///< A Query drops the client's unnamed statement.
  unnamed_ours,     ///< We gave or took the unnamed statement.
  must_fail,        ///< A Parse of the client's `name`, which it has already.
  all_forgotten,    ///< DEALLOCATE ALL: what is there then, its answer shows.
  error_instead, ///< The client is to be told `words` when the request fails.
  moves_text,    ///< Text was put into a Query: positions in its error move.
  says_name,     ///< The request is about the client's `name`: for its error.
  tells_rows,    ///< The client is told of the rows of its `name`.
  asks_for_rows, ///< We ask for the rows of `what`.
};

/// Changes that rest on requests which PostgreSQL has not answered yet. They
/// are made when the request is sent, so that what is pipelined behind it sees
/// them, and undone in reverse when it turns out that PostgreSQL never carried
/// it out: it failed, or was skipped behind one that did. Pure.
class statement_journal {
public:
  struct entry {
    std::uint32_t sequence = 0; ///< Of the request, as the mirror counts.
    std::uint32_t batch = 0;    ///< Requests before one Sync have the same.
    statement_change change = statement_change::server_has;
    bool done = false;
    bool of_portal = false;     ///< Not the statement is described.
    std::uint32_t edition = 0;  ///< Of the client's unnamed statement.
    std::uint32_t previous = 0; ///< The server's before; 0: not the client's.
    std::uint32_t at = 0;       ///< Where text was put in, counted from 1.
    std::int32_t longer_by = 0; ///< By how many characters.
    row_shape shape = 0;        ///< What the client was told before.
    statement_ref what;
    statement_ref on_server; ///< What is described, as the server has it.
    std::string name;
    std::vector<std::byte> words;

    void clear() noexcept;
  };

  [[nodiscard]] bool empty() const noexcept {
    return first_ == end_;
  }

  entry& note(std::uint32_t sequence, std::uint32_t batch,
              statement_change change, statement_ref what = {},
              std::string_view name = {});

  /// What was noted last.
  [[nodiscard]] entry& last() noexcept {
    return entries_[end_ - 1];
  }

  /// PostgreSQL carried the request out.
  void done(std::uint32_t sequence) noexcept;

  /// PostgreSQL began with the request, and it failed.
  void failed(std::uint32_t sequence) noexcept;

  /// The request was carried out although it had to fail.
  [[nodiscard]] bool is_done_wrongly(std::uint32_t sequence) const noexcept;

  /// The client's unnamed statement of `edition` never was: what was before it
  /// is what a later change that is undone goes back to.
  void forget_unnamed(std::uint32_t edition,
                      const std::vector<std::byte>& before);

  /// The words for the request, or null.
  [[nodiscard]] entry* find_error(std::uint32_t sequence) noexcept;

  /// The Describe that is answered, or null.
  [[nodiscard]] entry* find_describe(std::uint32_t sequence) noexcept;

  /// Text was put into the request.
  [[nodiscard]] bool has_moved_text(std::uint32_t sequence) const noexcept;

  /// The position in the client's text, for PostgreSQL's in the one it got.
  [[nodiscard]] std::int32_t own_position(std::uint32_t sequence,
                                          std::int32_t at) const noexcept;

  /// The client's name that the request is about, if that was noted.
  [[nodiscard]] std::string_view name_at(std::uint32_t sequence) const noexcept;

  /// The client's `name` is given by a request behind this one.
  [[nodiscard]] bool is_added_after(std::uint32_t sequence,
                                    std::string_view name) const noexcept;

  /// Forgets all before `settled`; calls `undo(entry&)` for those that were not
  /// done, the latest first. Returns whether anything was forgotten.
  template <class Undo>
  bool settle(std::uint32_t settled, Undo undo) {
    auto last = first_;
    while (last < end_ && is_before(entries_[last].sequence, settled))
      ++last;
    if (last == first_)
      return false;
    for (auto i = last; i-- > first_;)
      if (!entries_[i].done)
        undo(entries_[i]);
    forget_until(last);
    return true;
  }

  /// Whether a change of `what`, or of the client's `name`, rests on an earlier
  /// batch than `batch`: it may yet be undone although later requests are
  /// carried out.
  [[nodiscard]] bool is_open(const statement* what, std::string_view name,
                             std::uint32_t batch) const noexcept;

  /// The same for changes of the unnamed statement that we made.
  [[nodiscard]] bool is_unnamed_open(std::uint32_t batch) const noexcept;

  /// Whether anything rests on an earlier batch.
  [[nodiscard]] bool has_before(std::uint32_t batch) const noexcept {
    return !empty() && entries_[first_].batch != batch;
  }

  /// All of PostgreSQL's statements went (DEALLOCATE ALL) before what is noted
  /// here: calls `keep(entry&)` for all that is still to come, oldest first.
  template <class Keep>
  void each(Keep keep) {
    for (auto i = first_; i < end_; ++i)
      if (!entries_[i].done)
        keep(entries_[i]);
  }

private:
  /// Says something of a request that changes nothing.
  [[nodiscard]] static bool is_remark(statement_change what) noexcept {
    return what == statement_change::must_fail
        || what == statement_change::says_name
        || what == statement_change::moves_text
        || what == statement_change::tells_rows
        || what == statement_change::asks_for_rows;
  }

  [[nodiscard]] static bool is_before(std::uint32_t a,
                                      std::uint32_t b) noexcept {
    return static_cast<std::int32_t>(a - b) < 0;
  }

  void forget_until(std::size_t last) noexcept;

  /// Entries that are kept for the next ones.
  static constexpr std::size_t kept_max = 16;

  // From `first_` to `end_`: what is behind it is clear, and used again.
  std::vector<entry> entries_;
  std::size_t first_ = 0;
  std::size_t end_ = 0;
};

} // namespace cenote::session
