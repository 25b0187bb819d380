#include <algorithm>

#include "protocol/backend_messages.hpp"
#include "protocol/reader.hpp"

namespace cenote::protocol {

namespace {

/// Protocol: "AuthenticationXXX".
enum code : std::int32_t {
  code_ok = 0,
  code_cleartext = 3,
  code_md5 = 5,
  code_sasl = 10,
  code_sasl_continue = 11,
  code_sasl_final = 12,
};

constexpr char tag = 'R';

void encode_code(writer& to, code what) {
  to.begin(tag);
  to.int32(what);
  to.end();
}

void encode_data(writer& to, code what, std::string_view data) {
  to.begin(tag);
  to.int32(what);
  to.byte_n(data);
  to.end();
}

authentication_sasl decode_mechanisms(reader& in) {
  authentication_sasl out;
  // A failed reader reads the empty name that ends the list.
  for (auto name = in.string(); !name.empty(); name = in.string())
    out.mechanisms.push_back(name);
  return out;
}

} // namespace

result<authentication_message>
decode_authentication(std::span<const std::byte> body) {
  auto in = reader{body};
  const auto what = in.int32();
  if (!in.ok())
    return ec::server_protocol_violation;
  authentication_message out;
  switch (what) {
    case code_ok:
      out = authentication_ok{};
      break;
    case code_cleartext:
      out = authentication_cleartext{};
      break;
    case code_md5: {
      authentication_md5 challenge;
      const auto salt
        = in.byte_n(static_cast<std::int64_t>(challenge.salt.size()));
      std::copy(salt.begin(), salt.end(), challenge.salt.begin());
      out = challenge;
      break;
    }
    case code_sasl:
      out = decode_mechanisms(in);
      break;
    case code_sasl_continue:
      out = authentication_sasl_continue{as_text(in.rest())};
      break;
    case code_sasl_final:
      out = authentication_sasl_final{as_text(in.rest())};
      break;
    default: // A number from the wire, not an enumeration of ours.
      return authentication_message{authentication_other{what}};
  }
  if (!in.complete())
    return ec::server_protocol_violation;
  return out;
}

void authentication_ok::encode(writer& to) const {
  encode_code(to, code_ok);
}

void authentication_cleartext::encode(writer& to) const {
  encode_code(to, code_cleartext);
}

void authentication_md5::encode(writer& to) const {
  to.begin(tag);
  to.int32(code_md5);
  to.byte_n(salt);
  to.end();
}

void authentication_sasl::encode(writer& to) const {
  to.begin(tag);
  to.int32(code_sasl);
  for (auto each : mechanisms)
    to.string(each);
  to.int8(0);
  to.end();
}

void authentication_sasl_continue::encode(writer& to) const {
  encode_data(to, code_sasl_continue, data);
}

void authentication_sasl_final::encode(writer& to) const {
  encode_data(to, code_sasl_final, data);
}

} // namespace cenote::protocol
