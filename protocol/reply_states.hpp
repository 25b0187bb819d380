#pragma once

#include <cstdint>

#include "protocol/tags.hpp"

namespace cenote::protocol {

/// What a server says next: the states of docs/mirror.md. `query_*` belong to
/// the simple protocol, `execute_*` to Execute.
enum class due : std::uint8_t {
  nothing,
  parse,
  bind,
  close,
  describe,     ///< ParameterDescription, RowDescription or NoData.
  describe_row, ///< ParameterDescription came.
  execute,      ///< Not answered yet.
  execute_rows,
  execute_copy_in,
  execute_copy_out,
  execute_copied, ///< The server's CopyDone came.
  query,          ///< Not answered yet.
  query_empty,    ///< EmptyQueryResponse came: ReadyForQuery only.
  query_rows,
  query_between, ///< A statement is complete; another, or ReadyForQuery.
  query_copy_in,
  query_copy_out,
  query_copied, ///< The server's CopyDone came.
  query_copy_both,
  query_copied_both, ///< The server's CopyDone came.
  function,          ///< Not answered yet.
  function_done,
  sync,       ///< Not answered yet.
  ready,      ///< An error came: ReadyForQuery only.
  impossible, ///< Not a state: what `after` says to a wrong message.
};

/// What is due when `what` begins to be answered; `nothing` for messages that
/// are not answered.
[[nodiscard]] due due_of(frontend_tag what) noexcept;

/// What is due after `said`. `nothing`: the answer is complete. `impossible`:
/// the server must not say that now. Asynchronous messages and ErrorResponse
/// are not for this function; that a COPY FROM STDIN can only complete behind a
/// CopyDone is checked elsewhere.
[[nodiscard]] due after(due at, backend_tag said) noexcept;

/// Whether a body of so many bytes can be one of `said`. False for messages
/// that belong to the login.
[[nodiscard]] bool body_fits(backend_tag said, std::uint32_t bytes) noexcept;

/// Whether the answer ends with its own ReadyForQuery, also after an error.
/// After an error in any other answer the server ignores all until Sync.
[[nodiscard]] constexpr bool ends_with_ready(due at) noexcept {
  return at >= due::query && at <= due::ready;
}

[[nodiscard]] constexpr bool is_copy_in(due at) noexcept {
  return at == due::query_copy_in || at == due::execute_copy_in;
}

[[nodiscard]] constexpr bool is_copy_out(due at) noexcept {
  return at == due::query_copy_out || at == due::execute_copy_out;
}

[[nodiscard]] constexpr bool is_copy_both(due at) noexcept {
  return at == due::query_copy_both || at == due::query_copied_both;
}

} // namespace cenote::protocol
