#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>

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
[[nodiscard]] constexpr due due_of(frontend_tag what) noexcept {
  switch (what) {
    case frontend_tag::bind:
      return due::bind;
    case frontend_tag::close:
      return due::close;
    case frontend_tag::describe:
      return due::describe;
    case frontend_tag::execute:
      return due::execute;
    case frontend_tag::function_call:
      return due::function;
    case frontend_tag::parse:
      return due::parse;
    case frontend_tag::query:
      return due::query;
    case frontend_tag::sync:
      return due::sync;
    case frontend_tag::copy_data:
    case frontend_tag::copy_done:
    case frontend_tag::copy_fail:
    case frontend_tag::flush:
    case frontend_tag::password:
    case frontend_tag::terminate:
    case frontend_tag::other:
      break;
  }
  return due::nothing;
}

// What is due after what was said: written as the table of docs/mirror.md
// reads, made into one of bytes, which is asked of every message.
namespace states {

// A table of few columns reads better as comparisons than as 25 case labels.
constexpr due on(backend_tag said, backend_tag expected, due next) noexcept {
  return said == expected ? next : due::impossible;
}

/// A statement of the simple protocol begins to be answered.
constexpr due after_query(due at, backend_tag said) noexcept {
  if (said == backend_tag::row_description)
    return due::query_rows;
  if (said == backend_tag::command_complete)
    return due::query_between;
  // Only a string without any statement is answered so.
  if (said == backend_tag::empty_query_response && at == due::query)
    return due::query_empty;
  if (said == backend_tag::copy_in_response)
    return due::query_copy_in;
  if (said == backend_tag::copy_out_response)
    return due::query_copy_out;
  if (said == backend_tag::copy_both_response && at == due::query)
    return due::query_copy_both;
  if (said == backend_tag::ready_for_query && at == due::query_between)
    return due::nothing;
  return due::impossible;
}

constexpr due after_query_rows(backend_tag said) noexcept {
  if (said == backend_tag::data_row)
    return due::query_rows;
  // Rules (DO ALSO SELECT) give several results before one CommandComplete.
  if (said == backend_tag::row_description)
    return due::query_rows;
  return on(said, backend_tag::command_complete, due::query_between);
}

/// Behind the server's CopyDone. A walsender may say more than one result, and
/// keep-alives behind its own CopyDone (seen with PostgreSQL 15).
constexpr due after_query_copied(due at, backend_tag said) noexcept {
  if (said == backend_tag::command_complete)
    return due::query_between;
  if (said == backend_tag::row_description)
    return due::query_rows;
  if (said == backend_tag::copy_out_response && at == due::query_copied)
    return due::query_copy_out; // BASE_BACKUP before PostgreSQL 15.
  if (said == backend_tag::copy_data && at == due::query_copied_both)
    return at;
  return due::impossible;
}

constexpr due after_execute(due at, backend_tag said) noexcept {
  if (said == backend_tag::data_row)
    return due::execute_rows;
  if (said == backend_tag::command_complete
      || said == backend_tag::portal_suspended)
    return due::nothing;
  if (at == due::execute_rows)
    return due::impossible;
  if (said == backend_tag::empty_query_response)
    return due::nothing;
  if (said == backend_tag::copy_in_response)
    return due::execute_copy_in;
  return on(said, backend_tag::copy_out_response, due::execute_copy_out);
}

constexpr due after_copy_data(due at, backend_tag said, due copied) noexcept {
  if (said == backend_tag::copy_data)
    return at;
  return on(said, backend_tag::copy_done, copied);
}

constexpr due after_describe(due at, backend_tag said) noexcept {
  if (said == backend_tag::row_description || said == backend_tag::no_data)
    return due::nothing;
  if (at == due::describe_row)
    return due::impossible;
  return on(said, backend_tag::parameter_description, due::describe_row);
}

constexpr due stated(due at, backend_tag said) noexcept {
  switch (at) {
    case due::nothing:
    case due::impossible:
      break;
    case due::parse:
      return on(said, backend_tag::parse_complete, due::nothing);
    case due::bind:
      return on(said, backend_tag::bind_complete, due::nothing);
    case due::close:
      return on(said, backend_tag::close_complete, due::nothing);
    case due::describe:
    case due::describe_row:
      return after_describe(at, said);
    case due::execute:
    case due::execute_rows:
      return after_execute(at, said);
    case due::execute_copy_in:
    case due::execute_copied:
      return on(said, backend_tag::command_complete, due::nothing);
    case due::execute_copy_out:
      return after_copy_data(at, said, due::execute_copied);
    case due::query:
    case due::query_between:
      return after_query(at, said);
    case due::query_rows:
      return after_query_rows(said);
    case due::query_copy_in:
      return on(said, backend_tag::command_complete, due::query_between);
    case due::query_copy_out:
      return after_copy_data(at, said, due::query_copied);
    case due::query_copy_both:
      return after_copy_data(at, said, due::query_copied_both);
    case due::query_copied:
    case due::query_copied_both:
      return after_query_copied(at, said);
    case due::function:
      return on(said, backend_tag::function_call_response, due::function_done);
    case due::query_empty:
    case due::function_done:
    case due::sync:
    case due::ready:
      return on(said, backend_tag::ready_for_query, due::nothing);
  }
  return due::impossible;
}

inline constexpr auto due_count = static_cast<std::size_t>(due::impossible) + 1;
inline constexpr auto tag_count
  = static_cast<std::size_t>(backend_tag::other) + 1;

inline constexpr auto table = [] {
  std::array<std::array<due, tag_count>, due_count> out{};
  for (std::size_t at = 0; at < due_count; ++at)
    for (std::size_t said = 0; said < tag_count; ++said)
      out[at][said]
        = stated(static_cast<due>(at), static_cast<backend_tag>(said));
  return out;
}();

} // namespace states

/// What is due after `said`. `nothing`: the answer is complete. `impossible`:
/// the server must not say that now. Asynchronous messages and ErrorResponse
/// are not for this function; that a COPY FROM STDIN can only complete behind a
/// CopyDone is checked elsewhere.
[[nodiscard]] constexpr due after(due at, backend_tag said) noexcept {
  return states::table[static_cast<std::size_t>(at)]
                      [static_cast<std::size_t>(said)];
}

/// How long a body can be.
struct body_range {
  std::uint32_t min = 1;
  std::uint32_t max = 0; ///< Below `min`: not at all.
};

namespace states {

constexpr body_range stated(backend_tag said) noexcept {
  constexpr auto any = std::numeric_limits<std::uint32_t>::max();
  switch (said) {
    case backend_tag::bind_complete:
    case backend_tag::close_complete:
    case backend_tag::copy_done:
    case backend_tag::empty_query_response:
    case backend_tag::no_data:
    case backend_tag::parse_complete:
    case backend_tag::portal_suspended:
      return {0, 0};
    case backend_tag::ready_for_query:
      return {1, 1};
    case backend_tag::copy_data:
      return {0, any};
    case backend_tag::command_complete:
    case backend_tag::error_response:
    case backend_tag::notice_response:
      return {1, any}; // A terminator at least.
    case backend_tag::data_row:
    case backend_tag::parameter_description:
    case backend_tag::row_description:
    case backend_tag::parameter_status:
      return {2, any}; // Int16, or two empty strings.
    case backend_tag::copy_both_response:
    case backend_tag::copy_in_response:
    case backend_tag::copy_out_response:
      return {3, any}; // Int8, Int16.
    case backend_tag::function_call_response:
      return {4, any}; // Int32.
    case backend_tag::notification_response:
      return {6, any}; // Int32, two strings.
    case backend_tag::authentication:
    case backend_tag::backend_key_data:
    case backend_tag::negotiate_protocol_version:
    case backend_tag::other:
      break;
  }
  return {};
}

inline constexpr auto bodies = [] {
  std::array<body_range, tag_count> out{};
  for (std::size_t said = 0; said < tag_count; ++said)
    out[said] = stated(static_cast<backend_tag>(said));
  return out;
}();

} // namespace states

/// Whether a body of so many bytes can be one of `said`. False for messages
/// that belong to the login.
[[nodiscard]] constexpr bool body_fits(backend_tag said,
                                       std::uint32_t bytes) noexcept {
  const auto& range = states::bodies[static_cast<std::size_t>(said)];
  return bytes >= range.min && bytes <= range.max;
}

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

/// What may come in any number in this state and changes nothing: DataRow,
/// CopyData; 0 if nothing is.
[[nodiscard]] constexpr char flow_of(due at) noexcept {
  if (at == due::query_rows || at == due::execute_rows)
    return 'D';
  return is_copy_out(at) || at == due::query_copy_both ? 'd' : '\0';
}

namespace states {

inline constexpr auto flows = [] {
  std::array<char, due_count> out{};
  for (std::size_t at = 0; at < due_count; ++at)
    out[at] = flow_of(static_cast<due>(at));
  return out;
}();

} // namespace states

} // namespace cenote::protocol
