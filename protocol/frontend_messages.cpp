#include "protocol/frontend_messages.hpp"

#include "protocol/reader.hpp"

namespace cenote::protocol {

namespace {

template <class Message>
result<Message> decoded(const reader& in, const Message& out) {
  if (!in.complete())
    return ec::protocol_violation;
  return out;
}

bool is_target(char what) noexcept {
  return what == static_cast<char>(target::statement)
      || what == static_cast<char>(target::portal);
}

template <class Message>
result<Message> decode_targeted(std::span<const std::byte> body) {
  auto in = reader{body};
  const auto what = in.byte1();
  const auto name = in.string();
  if (!is_target(what))
    return ec::protocol_violation;
  return decoded(in, Message{target{what}, name});
}

template <class Message>
void encode_targeted(const Message& message, writer& to) {
  to.begin(Message::tag);
  to.byte1(static_cast<char>(message.what));
  to.string(message.name);
  to.end();
}

void encode_text(char tag, std::string_view text, writer& to) {
  to.begin(tag);
  to.string(text);
  to.end();
}

} // namespace

result<query_message> query_message::decode(std::span<const std::byte> body) {
  auto in = reader{body};
  const auto text = in.string();
  return decoded(in, query_message{text});
}

void query_message::encode(writer& to) const {
  encode_text(tag, text, to);
}

result<parse_message> parse_message::decode(std::span<const std::byte> body) {
  auto in = reader{body};
  parse_message out;
  out.statement = in.string();
  out.text = in.string();
  // PostgreSQL reads the count as signed and takes a negative one for none.
  const std::int64_t count = in.int16();
  if (count > 0)
    out.types = in.byte_n(count * 4);
  return decoded(in, out);
}

void parse_message::encode(writer& to) const {
  to.begin(tag);
  to.string(statement);
  to.string(text);
  to.int16(static_cast<std::int16_t>(types.size() / 4));
  to.byte_n(types);
  to.end();
}

result<bind_message> bind_message::decode(std::span<const std::byte> body) {
  auto in = reader{body};
  bind_message out;
  out.portal = in.string();
  out.statement = in.string();
  out.values = in.rest();
  return decoded(in, out);
}

void bind_message::encode(writer& to) const {
  to.begin(tag);
  to.string(portal);
  to.string(statement);
  to.byte_n(values);
  to.end();
}

result<describe_message>
describe_message::decode(std::span<const std::byte> body) {
  return decode_targeted<describe_message>(body);
}

void describe_message::encode(writer& to) const {
  encode_targeted(*this, to);
}

result<close_message> close_message::decode(std::span<const std::byte> body) {
  return decode_targeted<close_message>(body);
}

void close_message::encode(writer& to) const {
  encode_targeted(*this, to);
}

result<execute_message>
execute_message::decode(std::span<const std::byte> body) {
  auto in = reader{body};
  execute_message out;
  out.portal = in.string();
  out.row_count_max = in.int32();
  return decoded(in, out);
}

void execute_message::encode(writer& to) const {
  to.begin(tag);
  to.string(portal);
  to.int32(row_count_max);
  to.end();
}

result<copy_fail_message>
copy_fail_message::decode(std::span<const std::byte> body) {
  auto in = reader{body};
  const auto reason = in.string();
  return decoded(in, copy_fail_message{reason});
}

void copy_fail_message::encode(writer& to) const {
  encode_text(tag, reason, to);
}

result<password_message>
password_message::decode(std::span<const std::byte> body) {
  auto in = reader{body};
  const auto password = in.string();
  return decoded(in, password_message{password});
}

void password_message::encode(writer& to) const {
  encode_text(tag, password, to);
}

result<sasl_initial_response>
sasl_initial_response::decode(std::span<const std::byte> body) {
  auto in = reader{body};
  sasl_initial_response out;
  out.mechanism = in.string();
  const auto size = in.int32();
  if (size != -1)
    out.data = as_text(in.byte_n(size));
  return decoded(in, out);
}

void sasl_initial_response::encode(writer& to) const {
  to.begin(tag);
  to.string(mechanism);
  to.int32(data ? static_cast<std::int32_t>(data->size()) : -1);
  if (data)
    to.byte_n(*data);
  to.end();
}

result<sasl_response> sasl_response::decode(std::span<const std::byte> body) {
  return sasl_response{as_text(body)};
}

void sasl_response::encode(writer& to) const {
  to.begin(tag);
  to.byte_n(data);
  to.end();
}

} // namespace cenote::protocol
