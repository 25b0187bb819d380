#include "net/tls_records.hpp"

#include <algorithm>
#include <cstring>
#include <tuple>
#include <utility>

#include "base/limits.hpp"

namespace cenote::net {

namespace {

/// Sealed text, its type and padding (RFC 8446, 5.2).
constexpr std::size_t sealed_bytes_max = tls_plain_bytes_max + 256;

/// Messages behind the handshake (RFC 8446, 4).
constexpr auto new_session_ticket = std::byte{4};
constexpr auto key_update = std::byte{24};
constexpr std::size_t message_header_bytes = 4;

std::size_t number(std::span<const std::byte> big_endian) noexcept {
  std::size_t out = 0;
  for (auto each : big_endian)
    out = out << 8 | std::to_integer<std::size_t>(each);
  return out;
}

/// Of the record that begins here.
std::size_t sealed_bytes(std::span<const std::byte> record) noexcept {
  return number(record.subspan(3, 2));
}

} // namespace

tls_records::tls_records(const start& from) noexcept
  : read_key_{*from.suite, tls_traffic_key::use::open, from.read_secret},
    write_key_{*from.suite, tls_traffic_key::use::seal, from.write_secret,
               from.sent_records},
    suite_{from.suite},
    plain_bytes_max_{from.plain_bytes_max},
    records_max_{from.records_max},
    accepts_{from.accepts} {
  // nop
}

std::optional<std::uint64_t>
tls_records::count_sealed(std::span<const std::byte> records) noexcept {
  std::uint64_t out = 0;
  while (!records.empty()) {
    if (records.size() < tls_header_bytes
        || records[0] != static_cast<std::byte>(tls_content::application_data))
      return {};
    const auto whole = tls_header_bytes + sealed_bytes(records);
    if (records.size() < whole)
      return {};
    records = records.subspan(whole);
    ++out;
  }
  return out;
}

[[gnu::hot]] std::size_t tls_records::decrypt(std::span<const std::byte>& in,
                                              std::span<std::byte> plain,
                                              std::vector<std::byte>& out) {
  auto count = take_rest(plain);
  while (now_ == state::open && count < plain.size()) {
    const auto record = next_record(in);
    if (!record)
      break;
    count += open(*record, plain.subspan(count));
    if (part_.data() == record->data())
      part_ = {}; // An idle connection keeps nothing.
  }
  if (now_ == state::failed && !said_goodbye_) {
    said_goodbye_ = true;
    const auto body = std::array{std::byte{2}, static_cast<std::byte>(alert_)};
    std::ignore = write_key_.seal(tls_content::alert, body, out);
  } else if (now_ == state::open && std::exchange(owes_update_, false)) {
    update_write_key(out);
  }
  if (now_ != state::open)
    in = {}; // Nothing behind the end counts.
  return count;
}

std::size_t tls_records::take_rest(std::span<std::byte> plain) noexcept {
  const auto count = std::min(plain.size(), rest_.size() - rest_taken_);
  if (count == 0)
    return 0;
  std::memcpy(plain.data(), rest_.data() + rest_taken_, count);
  rest_taken_ += count;
  if (rest_taken_ == rest_.size()) {
    rest_ = {};
    rest_taken_ = 0;
  }
  return count;
}

/// Takes a whole record off `in`, or keeps what is there of one.
[[gnu::hot]] std::optional<std::span<const std::byte>>
tls_records::next_record(std::span<const std::byte>& in) {
  const auto keep = [&](std::size_t until) {
    const auto count = std::min(in.size(), until - part_.size());
    part_.insert(part_.end(), in.begin(),
                 in.begin() + static_cast<std::ptrdiff_t>(count));
    in = in.subspan(count);
    return part_.size() == until;
  };
  const auto is_in_parts = !part_.empty();
  if (!is_in_parts && in.empty())
    return {};
  if (is_in_parts || in.size() < tls_header_bytes)
    if (part_.size() < tls_header_bytes && !keep(tls_header_bytes))
      return {};
  const auto front = part_.empty() ? in : std::span<const std::byte>{part_};
  const auto size = sealed_bytes(front);
  if (front[0] != static_cast<std::byte>(tls_content::application_data)) {
    fail(alert::unexpected_message, "a record that is not protected");
    return {};
  }
  if (size > sealed_bytes_max) {
    fail(alert::record_overflow, "a record is too long");
    return {};
  }
  if (size <= tls_tag_bytes) {
    fail(alert::decode_error, "a record is too short");
    return {};
  }
  const auto whole = tls_header_bytes + size;
  if (part_.empty() && in.size() >= whole) {
    const auto out = in.first(whole);
    in = in.subspan(whole);
    return out;
  }
  part_.reserve(whole);
  if (!keep(whole))
    return {};
  return std::span<const std::byte>{part_};
}

/// Returns how many bytes of text are in `plain`.
[[gnu::hot]] std::size_t tls_records::open(std::span<const std::byte> record,
                                           std::span<std::byte> plain) {
  const auto sealed = record.subspan(tls_header_bytes);
  const auto inner_bytes = sealed.size() - tls_tag_bytes;
  const auto has_room = plain.size() >= inner_bytes;
  if (!has_room)
    rest_.resize(inner_bytes);
  auto* into = has_room ? plain.data() : rest_.data();
  if (!read_key_.open(record.first<tls_header_bytes>(), sealed, into)) {
    rest_ = {};
    fail(alert::bad_record_mac, "a record is not genuine");
    return 0;
  }
  const auto count = take_in({into, inner_bytes}, has_room);
  return has_room ? count : take_rest(plain);
}

/// `inner`: text, its type, and zeros (RFC 8446, 5.4). Returns how much text it
/// has.
[[gnu::hot]] std::size_t tls_records::take_in(std::span<const std::byte> inner,
                                              bool is_in_place) {
  auto size = inner.size();
  while (size > 0 && inner[size - 1] == std::byte{0})
    --size;
  const auto text_bytes = size == 0 ? 0 : size - 1;
  const auto text = inner.first(text_bytes);
  const auto type = size == 0 ? 0 : std::to_integer<int>(inner[text_bytes]);
  const auto is_text = type == static_cast<int>(tls_content::application_data);
  if (text_bytes > tls_plain_bytes_max) {
    fail(alert::record_overflow, "the text of a record is too long");
  } else if (is_text && message_bytes_ == 0 && skip_ == 0) {
    if (!text.empty())
      without_text_ = 0;
  } else if (type == static_cast<int>(tls_content::alert)) {
    hear_alert(text);
  } else if (type == static_cast<int>(tls_content::handshake)) {
    hear_handshake(text);
  } else {
    fail(alert::unexpected_message, "a record of a type that is not due");
  }
  if ((!is_text || text.empty())
      && ++without_text_ > limits::tls_records_without_text_max)
    fail(alert::unexpected_message, "too many records without text");
  const auto count = is_text && now_ != state::failed ? text_bytes : 0;
  if (!is_in_place)
    rest_.resize(count);
  if (count == 0)
    rest_ = {};
  return count;
}

void tls_records::hear_alert(std::span<const std::byte> body) noexcept {
  if (body.size() != 2)
    return fail(alert::decode_error, "an alert that is none");
  const auto what = static_cast<alert>(body[1]);
  if (what == alert::close_notify) {
    now_ = state::closed;
  } else if (what != alert::user_canceled) { // close_notify follows that one.
    fail(alert::close_notify, "the peer sent an alert");
    said_goodbye_ = true; // It asks for no answer.
  }
}

/// Messages may be cut over records.
void tls_records::hear_handshake(std::span<const std::byte> body) noexcept {
  if (body.empty())
    return fail(alert::unexpected_message, "an empty handshake record");
  while (!body.empty() && now_ == state::open) {
    if (skip_ > 0) {
      const auto count = std::min<std::size_t>(skip_, body.size());
      skip_ -= static_cast<std::uint32_t>(count);
      body = body.subspan(count);
      continue;
    }
    message_[message_bytes_++] = body.front();
    body = body.subspan(1);
    if (message_bytes_ < message_header_bytes)
      continue;
    const auto size = number(std::span{message_}.subspan(1, 3));
    if (message_[0] == new_session_ticket && !accepts_) {
      // We keep no sessions.
      if (size > tls_plain_bytes_max)
        return fail(alert::illegal_parameter, "a ticket is too long");
      skip_ = static_cast<std::uint32_t>(size);
      message_bytes_ = 0;
    } else if (message_[0] != key_update) {
      return fail(alert::unexpected_message,
                  "a handshake behind the handshake");
    } else if (size != 1) {
      return fail(alert::decode_error, "a KeyUpdate that is none");
    } else if (message_bytes_ == message_.size()) {
      if (!body.empty()) // Its key is the next record's.
        return fail(alert::unexpected_message, "a record of two keys");
      hear_key_update();
    }
  }
}

void tls_records::hear_key_update() noexcept {
  const auto is_asked = message_.back() == std::byte{1};
  if (!is_asked && message_.back() != std::byte{0})
    return fail(alert::illegal_parameter, "a KeyUpdate of an unknown kind");
  message_bytes_ = 0;
  owes_update_ = owes_update_ || is_asked;
  if (!read_key_.renew())
    fail(alert::internal_error, "no key");
}

[[gnu::hot]] bool tls_records::encrypt(std::span<const std::byte> plain,
                                       std::vector<std::byte>& out) {
  while (!plain.empty()) {
    if (write_key_.record_count() >= records_max_)
      update_write_key(out);
    const auto part = plain.first(std::min(plain.size(), plain_bytes_max_));
    if (now_ == state::failed || said_goodbye_
        || !seal(tls_content::application_data, part, out))
      return false;
    plain = plain.subspan(part.size());
  }
  return true;
}

/// Asks the peer for nothing: its own key is its affair.
void tls_records::update_write_key(std::vector<std::byte>& out) {
  constexpr auto message = std::array{key_update, std::byte{0}, std::byte{0},
                                      std::byte{1}, std::byte{0}};
  if (seal(tls_content::handshake, message, out) && !write_key_.renew())
    fail(alert::internal_error, "no key");
}

void tls_records::close_notify(std::vector<std::byte>& out) {
  if (now_ == state::failed || std::exchange(said_goodbye_, true))
    return;
  const auto body
    = std::array{std::byte{1}, static_cast<std::byte>(alert::close_notify)};
  std::ignore = seal(tls_content::alert, body, out);
}

bool tls_records::seal(tls_content type, std::span<const std::byte> plain,
                       std::vector<std::byte>& out) {
  if (write_key_.seal(type, plain, out))
    return true;
  fail(alert::internal_error, "a record cannot be sealed");
  return false;
}

void tls_records::fail(alert which, const char* why) noexcept {
  if (now_ == state::failed)
    return;
  now_ = state::failed;
  alert_ = which;
  complaint_ = why;
}

} // namespace cenote::net
