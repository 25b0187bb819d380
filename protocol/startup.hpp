#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/error.hpp"
#include "base/limits.hpp"
#include "protocol/writer.hpp"

namespace cenote::protocol {

/// The name and value of a run-time parameter.
struct parameter {
  std::string name;
  std::string value;

  friend bool operator==(const parameter&, const parameter&) = default;
};

struct protocol_version {
  std::uint16_t major = 3;
  std::uint16_t minor = 0;

  friend auto operator<=>(protocol_version, protocol_version) = default;
};

/// What we speak to clients. 3.2 differs from 3.0 in the length of cancel keys
/// alone.
inline constexpr std::uint16_t minor_version_max = 2;

struct ssl_request {
  static constexpr std::int32_t code = 80877103;

  void encode(writer& to) const;

  friend bool operator==(ssl_request, ssl_request) = default;
};

struct gssenc_request {
  static constexpr std::int32_t code = 80877104;

  void encode(writer& to) const;

  friend bool operator==(gssenc_request, gssenc_request) = default;
};

/// Keys are 4 bytes in protocol 3.0 and up to 256 in 3.2.
inline constexpr std::size_t cancel_key_bytes_min = 4;
inline constexpr std::size_t cancel_key_bytes_max = 256;

struct cancel_request {
  static constexpr std::int32_t code = 80877102;

  std::int32_t pid = 0;
  std::vector<std::byte> key;

  void encode(writer& to) const;

  friend bool operator==(const cancel_request&, const cancel_request&)
    = default;
};

struct startup_message {
  protocol_version version;
  /// In the client's order, duplicates and `_pq_.` options included.
  std::vector<parameter> parameters;

  /// The value of `name`, empty if it was not sent. Of duplicates the last
  /// wins, as in PostgreSQL. Borrowed from this message.
  [[nodiscard]] std::string_view find(std::string_view name) const noexcept;

  /// The names that begin with `_pq_.`: protocol extensions, to be listed in a
  /// NegotiateProtocolVersion.
  [[nodiscard]] std::vector<std::string_view> protocol_options() const;

  /// Whether a NegotiateProtocolVersion is due to a client of ours, if we speak
  /// 3.`minor_max` and no extension.
  [[nodiscard]] bool needs_negotiation(std::uint16_t minor_max
                                       = minor_version_max) const;

  /// What will be spoken: the client's version or our newest.
  [[nodiscard]] protocol_version
  common_version(std::uint16_t minor_max = minor_version_max) const noexcept;

  void encode(writer& to) const;

  friend bool operator==(const startup_message&, const startup_message&)
    = default;
};

using startup_packet
  = std::variant<ssl_request, gssenc_request, cancel_request, startup_message>;

/// Reads one untyped first packet, in whatever pieces it arrives. A packet that
/// was read leaves the reader ready for the next one (the startup message
/// behind an SSLRequest). Holds at most the bytes of one packet. Protocol:
/// "Start-up"; the rules are those of PostgreSQL's ProcessStartupPacket.
class startup_reader {
public:
  enum class outcome : std::uint8_t { packet, need_data, failed };

  /// `bytes_max` bounds a packet without its length word; it is checked before
  /// the body is waited for.
  explicit startup_reader(std::size_t bytes_max = limits::startup_bytes_max);

  /// Takes bytes off the front of `input`, never one behind the packet: bytes
  /// left behind an SSLRequest are an attack, and the caller's to refuse.
  /// `packet`: see `packet()`. `failed`: see `error()`; the reader stays
  /// failed.
  outcome take(std::span<const std::byte>& input);

  /// The packet that `take` announced; valid until the next `take`.
  [[nodiscard]] startup_packet& packet() noexcept {
    return packet_;
  }

  /// `startup_too_large`, `startup_malformed` (length, layout, cancel key), or
  /// `unsupported_protocol` (major version not 3).
  [[nodiscard]] ec error() const noexcept {
    return error_;
  }

  /// Nothing of a packet has arrived yet.
  [[nodiscard]] bool at_boundary() const noexcept {
    return have_.empty();
  }

private:
  outcome fail(ec code) noexcept;
  [[nodiscard]] ec decode(std::span<const std::byte> body);
  [[nodiscard]] ec decode_startup(std::span<const std::byte> body);

  std::size_t bytes_max_;
  std::vector<std::byte> have_;
  startup_packet packet_;
  ec error_ = ec::none;
};

} // namespace cenote::protocol
