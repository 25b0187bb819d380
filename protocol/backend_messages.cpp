#include "protocol/backend_messages.hpp"

#include <algorithm>

#include "protocol/reader.hpp"

namespace cenote::protocol {

namespace {

template <class Message>
result<Message> decoded(const reader& in, Message out) {
  if (!in.complete())
    return ec::server_protocol_violation;
  return out;
}

/// The field types that have a name, in the order in which PostgreSQL sends
/// them.
constexpr std::pair<char, std::string diagnostic::*> fields[] = {
  {'S', &diagnostic::severity},       {'V', &diagnostic::severity_plain},
  {'C', &diagnostic::code},           {'M', &diagnostic::message},
  {'D', &diagnostic::detail},         {'H', &diagnostic::hint},
  {'P', &diagnostic::position},       {'p', &diagnostic::internal_position},
  {'q', &diagnostic::internal_query}, {'W', &diagnostic::where},
  {'s', &diagnostic::schema},         {'t', &diagnostic::table},
  {'c', &diagnostic::column},         {'d', &diagnostic::data_type},
  {'n', &diagnostic::constraint},     {'F', &diagnostic::file},
  {'L', &diagnostic::line},           {'R', &diagnostic::routine},
};

template <class Message>
result<Message> decode_diagnostic(std::span<const std::byte> body) {
  auto in = reader{body};
  Message out;
  for (auto type = in.byte1(); type != '\0'; type = in.byte1()) {
    const auto value = in.string();
    const auto* known
      = std::find_if(std::begin(fields), std::end(fields),
                     [type](const auto& each) { return each.first == type; });
    if (known != std::end(fields))
      out.*(known->second) = value;
    else
      out.others.emplace_back(type, value);
  }
  // A reader that failed reads zeros, so the loop always ends.
  if (!in.complete())
    return failure{ec::server_protocol_violation, "malformed error fields"};
  if (out.code.empty())
    return failure{ec::server_protocol_violation, "an error without SQLSTATE"};
  return out;
}

void encode_diagnostic(char tag, const diagnostic& from, writer& to) {
  to.begin(tag);
  for (const auto& [type, field] : fields) {
    if ((from.*field).empty())
      continue;
    to.byte1(type);
    to.string(from.*field);
  }
  for (const auto& [type, value] : from.others) {
    to.byte1(type);
    to.string(value);
  }
  to.int8(0);
  to.end();
}

} // namespace

result<backend_key_data>
backend_key_data::decode(std::span<const std::byte> body) {
  auto in = reader{body};
  backend_key_data out;
  out.pid = in.int32();
  out.key = in.rest();
  if (out.key.size() < cancel_key_bytes_min
      || out.key.size() > cancel_key_bytes_max)
    return ec::server_protocol_violation;
  return decoded(in, out);
}

void backend_key_data::encode(writer& to) const {
  to.begin(tag);
  to.int32(pid);
  to.byte_n(key);
  to.end();
}

result<parameter_status>
parameter_status::decode(std::span<const std::byte> body) {
  auto in = reader{body};
  parameter_status out;
  out.name = in.string();
  out.value = in.string();
  return decoded(in, out);
}

void parameter_status::encode(writer& to) const {
  to.begin(tag);
  to.string(name);
  to.string(value);
  to.end();
}

result<ready_for_query>
ready_for_query::decode(std::span<const std::byte> body) {
  auto in = reader{body};
  const auto status = in.byte1();
  if (status != 'I' && status != 'T' && status != 'E')
    return ec::server_protocol_violation;
  return decoded(in, ready_for_query{transaction_status{status}});
}

void ready_for_query::encode(writer& to) const {
  to.begin(tag);
  to.byte1(static_cast<char>(status));
  to.end();
}

result<negotiate_protocol_version>
negotiate_protocol_version::decode(std::span<const std::byte> body) {
  auto in = reader{body};
  negotiate_protocol_version out;
  out.newest.major = static_cast<std::uint16_t>(in.int16());
  out.newest.minor = static_cast<std::uint16_t>(in.int16());
  const auto count = in.int32();
  if (count < 0)
    return ec::server_protocol_violation;
  // Each name takes a byte at least: a false count ends with the body.
  for (std::int32_t i = 0; i < count && in.ok(); ++i)
    out.unknown_options.push_back(in.string());
  return decoded(in, std::move(out));
}

void negotiate_protocol_version::encode(writer& to) const {
  to.begin(tag);
  to.int16(static_cast<std::int16_t>(newest.major));
  to.int16(static_cast<std::int16_t>(newest.minor));
  to.int32(static_cast<std::int32_t>(unknown_options.size()));
  for (auto each : unknown_options)
    to.string(each);
  to.end();
}

result<error_response> error_response::decode(std::span<const std::byte> body) {
  return decode_diagnostic<error_response>(body);
}

void error_response::encode(writer& to) const {
  encode_diagnostic(tag, *this, to);
}

result<notice_response>
notice_response::decode(std::span<const std::byte> body) {
  return decode_diagnostic<notice_response>(body);
}

void notice_response::encode(writer& to) const {
  encode_diagnostic(tag, *this, to);
}

result<command_complete>
command_complete::decode(std::span<const std::byte> body) {
  auto in = reader{body};
  const auto command = in.string();
  return decoded(in, command_complete{command});
}

void command_complete::encode(writer& to) const {
  to.begin(tag);
  to.string(command);
  to.end();
}

result<empty_query_response>
empty_query_response::decode(std::span<const std::byte> body) {
  return decoded(reader{body}, empty_query_response{});
}

void empty_query_response::encode(writer& to) const {
  to.begin(tag);
  to.end();
}

error_response make_error(ec code) {
  const auto view = describe(code);
  error_response out;
  out.severity = view.severity;
  out.severity_plain = view.severity;
  out.code = view.sqlstate;
  out.message = view.message;
  return out;
}

std::vector<std::byte> error_message(ec code, std::string_view extra,
                                     std::string_view hint) {
  auto out = make_error(code);
  out.message += extra;
  out.hint = hint;
  return encoded(out);
}

} // namespace cenote::protocol
