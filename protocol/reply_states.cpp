#include "protocol/reply_states.hpp"

namespace cenote::protocol {

due due_of(frontend_tag what) noexcept {
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

namespace {

// A table of few columns reads better as comparisons than as 25 case labels.
constexpr due on(backend_tag said, backend_tag expected, due next) noexcept {
  return said == expected ? next : due::impossible;
}

/// A statement of the simple protocol begins to be answered.
due after_query(due at, backend_tag said) noexcept {
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

due after_query_rows(backend_tag said) noexcept {
  if (said == backend_tag::data_row)
    return due::query_rows;
  // Rules (DO ALSO SELECT) give several results before one CommandComplete.
  if (said == backend_tag::row_description)
    return due::query_rows;
  return on(said, backend_tag::command_complete, due::query_between);
}

/// Behind the server's CopyDone. A walsender may say more than one result, and
/// keep-alives behind its own CopyDone (seen with PostgreSQL 15).
due after_query_copied(due at, backend_tag said) noexcept {
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

due after_execute(due at, backend_tag said) noexcept {
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

due after_copy_data(due at, backend_tag said, due copied) noexcept {
  if (said == backend_tag::copy_data)
    return at;
  return on(said, backend_tag::copy_done, copied);
}

due after_describe(due at, backend_tag said) noexcept {
  if (said == backend_tag::row_description || said == backend_tag::no_data)
    return due::nothing;
  if (at == due::describe_row)
    return due::impossible;
  return on(said, backend_tag::parameter_description, due::describe_row);
}

} // namespace

due after(due at, backend_tag said) noexcept {
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

bool body_fits(backend_tag said, std::uint32_t bytes) noexcept {
  switch (said) {
    case backend_tag::bind_complete:
    case backend_tag::close_complete:
    case backend_tag::copy_done:
    case backend_tag::empty_query_response:
    case backend_tag::no_data:
    case backend_tag::parse_complete:
    case backend_tag::portal_suspended:
      return bytes == 0;
    case backend_tag::ready_for_query:
      return bytes == 1;
    case backend_tag::copy_data:
      return true;
    case backend_tag::command_complete:
    case backend_tag::error_response:
    case backend_tag::notice_response:
      return bytes >= 1; // A terminator at least.
    case backend_tag::data_row:
    case backend_tag::parameter_description:
    case backend_tag::row_description:
    case backend_tag::parameter_status:
      return bytes >= 2; // Int16, or two empty strings.
    case backend_tag::copy_both_response:
    case backend_tag::copy_in_response:
    case backend_tag::copy_out_response:
      return bytes >= 3; // Int8, Int16.
    case backend_tag::function_call_response:
      return bytes >= 4; // Int32.
    case backend_tag::notification_response:
      return bytes >= 6; // Int32, two strings.
    case backend_tag::authentication:
    case backend_tag::backend_key_data:
    case backend_tag::negotiate_protocol_version:
    case backend_tag::other:
      break;
  }
  return false;
}

} // namespace cenote::protocol
