#include "protocol/message_walker.hpp"

#include <algorithm>
#include <bit>

namespace cenote::protocol {

namespace {

static_assert(std::endian::native == std::endian::little);

/// Int32 says at most this much of a body.
constexpr std::uint64_t int32_body_max = 0x7fff'ffffu - 4u;

/// Keeps a failed walker off the fast path.
constexpr std::uint8_t header_stuck = 0xff;

} // namespace

message_walker::message_walker(std::uint64_t message_bytes_max) noexcept
  : body_bytes_max_{
    static_cast<std::uint32_t>(std::min(message_bytes_max, int32_body_max))} {
  // nop
}

message_walker::outcome
message_walker::next_of_body(std::span<const std::byte>& input,
                             piece& out) noexcept {
  if (input.empty())
    return outcome::need_data;
  const auto size = std::min<std::size_t>(body_left_, input.size());
  body_left_ -= static_cast<std::uint32_t>(size);
  out.tag = tag_;
  out.which = body_left_ == 0 ? part::last : part::middle;
  out.body_bytes = body_bytes_;
  out.bytes = input.first(size);
  input = input.subspan(size);
  return outcome::piece;
}

message_walker::outcome
message_walker::next_of_cut_header(std::span<const std::byte>& input,
                                   piece& out) noexcept {
  if (header_have_ == header_stuck)
    return outcome::failed;
  const auto size = std::min(header_bytes - header_have_, input.size());
  std::copy_n(input.begin(), size, header_.begin() + header_have_);
  header_have_ = static_cast<std::uint8_t>(header_have_ + size);
  input = input.subspan(size);
  if (header_have_ < header_bytes)
    return outcome::need_data;
  const auto body = body_bytes_of(header_.data());
  if (body > body_bytes_max_)
    return fail(body);
  header_have_ = 0;
  tag_ = static_cast<char>(header_[0]);
  body_bytes_ = body;
  body_left_ = body;
  out.tag = tag_;
  out.which = body == 0 ? part::whole : part::first;
  out.body_bytes = body;
  out.bytes = header_;
  return outcome::piece;
}

message_walker::outcome message_walker::fail(std::uint32_t body) noexcept {
  // Words 0 to 3 have wrapped around to the last four values.
  error_
    = body >= 0xffff'fffcu ? ec::protocol_violation : ec::message_too_large;
  header_have_ = header_stuck;
  return outcome::failed;
}

} // namespace cenote::protocol
