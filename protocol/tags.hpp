#pragma once

#include <cstdint>

#include "base/limits.hpp"

namespace cenote::protocol {

/// What a client may say after the startup packet. A byte from the wire is
/// classified here, once. Protocol: "Message Formats".
enum class frontend_tag : std::uint8_t {
  bind,
  close,
  copy_data,
  copy_done,
  copy_fail,
  describe,
  execute,
  flush,
  function_call,
  parse,
  password, ///< PasswordMessage, SASLInitialResponse, SASLResponse, GSS.
  query,
  sync,
  terminate,
  other,
};

/// What a server may say.
enum class backend_tag : std::uint8_t {
  authentication,
  backend_key_data,
  bind_complete,
  close_complete,
  command_complete,
  copy_both_response,
  copy_data,
  copy_done,
  copy_in_response,
  copy_out_response,
  data_row,
  empty_query_response,
  error_response,
  function_call_response,
  negotiate_protocol_version,
  no_data,
  notice_response,
  notification_response,
  parameter_description,
  parameter_status,
  parse_complete,
  portal_suspended,
  ready_for_query,
  row_description,
  other,
};

[[nodiscard]] constexpr frontend_tag frontend_tag_of(char tag) noexcept {
  switch (tag) {
    case 'B':
      return frontend_tag::bind;
    case 'C':
      return frontend_tag::close;
    case 'd':
      return frontend_tag::copy_data;
    case 'c':
      return frontend_tag::copy_done;
    case 'f':
      return frontend_tag::copy_fail;
    case 'D':
      return frontend_tag::describe;
    case 'E':
      return frontend_tag::execute;
    case 'H':
      return frontend_tag::flush;
    case 'F':
      return frontend_tag::function_call;
    case 'P':
      return frontend_tag::parse;
    case 'p':
      return frontend_tag::password;
    case 'Q':
      return frontend_tag::query;
    case 'S':
      return frontend_tag::sync;
    case 'X':
      return frontend_tag::terminate;
  }
  return frontend_tag::other;
}

/// The longest body with which PostgreSQL reads such a message.
[[nodiscard]] constexpr std::uint32_t
body_bytes_max(frontend_tag tag) noexcept {
  switch (tag) {
    case frontend_tag::bind:
    case frontend_tag::copy_data:
    case frontend_tag::function_call:
    case frontend_tag::parse:
    case frontend_tag::query:
      return limits::large_request_bytes_max;
    case frontend_tag::password:
      return limits::auth_message_bytes_max;
    case frontend_tag::close:
    case frontend_tag::copy_done:
    case frontend_tag::copy_fail:
    case frontend_tag::describe:
    case frontend_tag::execute:
    case frontend_tag::flush:
    case frontend_tag::sync:
    case frontend_tag::terminate:
    case frontend_tag::other:
      break;
  }
  return limits::small_request_bytes_max;
}

[[nodiscard]] constexpr backend_tag backend_tag_of(char tag) noexcept {
  switch (tag) {
    case 'R':
      return backend_tag::authentication;
    case 'K':
      return backend_tag::backend_key_data;
    case '2':
      return backend_tag::bind_complete;
    case '3':
      return backend_tag::close_complete;
    case 'C':
      return backend_tag::command_complete;
    case 'W':
      return backend_tag::copy_both_response;
    case 'd':
      return backend_tag::copy_data;
    case 'c':
      return backend_tag::copy_done;
    case 'G':
      return backend_tag::copy_in_response;
    case 'H':
      return backend_tag::copy_out_response;
    case 'D':
      return backend_tag::data_row;
    case 'I':
      return backend_tag::empty_query_response;
    case 'E':
      return backend_tag::error_response;
    case 'V':
      return backend_tag::function_call_response;
    case 'v':
      return backend_tag::negotiate_protocol_version;
    case 'n':
      return backend_tag::no_data;
    case 'N':
      return backend_tag::notice_response;
    case 'A':
      return backend_tag::notification_response;
    case 't':
      return backend_tag::parameter_description;
    case 'S':
      return backend_tag::parameter_status;
    case '1':
      return backend_tag::parse_complete;
    case 's':
      return backend_tag::portal_suspended;
    case 'Z':
      return backend_tag::ready_for_query;
    case 'T':
      return backend_tag::row_description;
  }
  return backend_tag::other;
}

} // namespace cenote::protocol
