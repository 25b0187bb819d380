#include "protocol/startup.hpp"

#include <algorithm>

#include "protocol/reader.hpp"

namespace cenote::protocol {

namespace {

/// The length word in front of the packet; it counts itself.
constexpr std::size_t length_bytes = 4;

/// The shortest packet holds a version or request code.
constexpr std::size_t body_bytes_min = 4;

constexpr std::uint16_t major_version = 3;

constexpr std::string_view protocol_option_prefix = "_pq_.";

void encode_request(writer& to, std::int32_t code) {
  to.begin_untyped();
  to.int32(code);
  to.end();
}

} // namespace

void ssl_request::encode(writer& to) const {
  encode_request(to, code);
}

void gssenc_request::encode(writer& to) const {
  encode_request(to, code);
}

void cancel_request::encode(writer& to) const {
  to.begin_untyped();
  to.int32(code);
  to.int32(pid);
  to.byte_n(key);
  to.end();
}

std::string_view startup_message::find(std::string_view name) const noexcept {
  for (auto at = parameters.rbegin(); at != parameters.rend(); ++at)
    if (at->name == name)
      return at->value;
  return {};
}

std::vector<std::string_view> startup_message::protocol_options() const {
  std::vector<std::string_view> out;
  for (const auto& each : parameters)
    if (each.name.starts_with(protocol_option_prefix))
      out.emplace_back(each.name);
  return out;
}

bool startup_message::needs_negotiation(std::uint16_t minor_max) const {
  return version.minor > minor_max
      || std::any_of(parameters.begin(), parameters.end(),
                     [](const parameter& each) {
                       return each.name.starts_with(protocol_option_prefix);
                     });
}

protocol_version
startup_message::common_version(std::uint16_t minor_max) const noexcept {
  return {version.major, std::min(version.minor, minor_max)};
}

void startup_message::encode(writer& to) const {
  to.begin_untyped();
  to.int16(static_cast<std::int16_t>(version.major));
  to.int16(static_cast<std::int16_t>(version.minor));
  for (const auto& each : parameters) {
    // An empty name would end the list.
    if (each.name.empty())
      continue;
    to.string(each.name);
    to.string(each.value);
  }
  to.int8(0);
  to.end();
}

startup_reader::startup_reader(std::size_t bytes_max)
  : bytes_max_{bytes_max} {
  // nop
}

startup_reader::outcome
startup_reader::take(std::span<const std::byte>& input) {
  if (error_ != ec::none)
    return outcome::failed;
  auto gather = [&](std::size_t goal) {
    const auto size = std::min(goal - have_.size(), input.size());
    have_.insert(have_.end(), input.begin(),
                 input.begin() + static_cast<std::ptrdiff_t>(size));
    input = input.subspan(size);
    return have_.size() == goal;
  };
  if (have_.size() < length_bytes && !gather(length_bytes))
    return outcome::need_data;
  // Checked before the body is waited for: a stranger must not make us hold
  // what we would refuse anyway.
  const std::uint64_t length
    = static_cast<std::uint32_t>(reader{have_}.int32());
  if (length < length_bytes + body_bytes_min)
    return fail(ec::startup_malformed);
  if (length - length_bytes > bytes_max_)
    return fail(ec::startup_too_large);
  if (!gather(static_cast<std::size_t>(length)))
    return outcome::need_data;
  const auto why = decode(std::span{have_}.subspan(length_bytes));
  have_.clear();
  return why == ec::none ? outcome::packet : fail(why);
}

startup_reader::outcome startup_reader::fail(ec code) noexcept {
  error_ = code;
  have_.clear();
  return outcome::failed;
}

ec startup_reader::decode(std::span<const std::byte> body) {
  auto in = reader{body};
  switch (in.int32()) {
    // PostgreSQL does not look at what these two may carry.
    case ssl_request::code:
      packet_ = ssl_request{};
      return ec::none;
    case gssenc_request::code:
      packet_ = gssenc_request{};
      return ec::none;
    case cancel_request::code: {
      const auto pid = in.int32();
      const auto key = in.rest();
      if (key.size() < cancel_key_bytes_min
          || key.size() > cancel_key_bytes_max)
        return ec::startup_malformed;
      packet_ = cancel_request{pid, {key.begin(), key.end()}};
      return ec::none;
    }
  }
  return decode_startup(body);
}

ec startup_reader::decode_startup(std::span<const std::byte> body) {
  auto in = reader{body};
  startup_message out;
  out.version.major = static_cast<std::uint16_t>(in.int16());
  out.version.minor = static_cast<std::uint16_t>(in.int16());
  if (out.version.major != major_version)
    return ec::unsupported_protocol;
  // Pairs up to an empty name, which must be the packet's last byte.
  for (;;) {
    const auto name = in.string();
    if (name.empty())
      break;
    const auto value = in.string();
    if (!in.ok())
      break;
    out.parameters.push_back({std::string{name}, std::string{value}});
  }
  if (!in.complete())
    return ec::startup_malformed;
  packet_ = std::move(out);
  return ec::none;
}

} // namespace cenote::protocol
