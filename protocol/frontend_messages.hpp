#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/result.hpp"
#include "protocol/writer.hpp"

/// A struct per client message that we look into or make. `decode` takes the
/// body without its header and fails with `protocol_violation`; `encode` writes
/// the whole message. Text and spans are borrowed: from what was decoded, or
/// from whoever fills the struct. Protocol: "Message Formats".
namespace cenote::protocol {

struct query_message {
  static constexpr char tag = 'Q';
  std::string_view text;

  [[nodiscard]] static result<query_message>
  decode(std::span<const std::byte> body);
  void encode(writer& to) const;
};

struct parse_message {
  static constexpr char tag = 'P';
  std::string_view statement; ///< Empty: the unnamed one.
  std::string_view text;
  std::span<const std::byte> types; ///< Int32 each, big endian.

  [[nodiscard]] static result<parse_message>
  decode(std::span<const std::byte> body);
  void encode(writer& to) const;
};

/// Names only: formats and values stay as they are.
struct bind_message {
  static constexpr char tag = 'B';
  std::string_view portal;
  std::string_view statement;
  std::span<const std::byte> values; ///< All that follows the names.

  [[nodiscard]] static result<bind_message>
  decode(std::span<const std::byte> body);
  void encode(writer& to) const;
};

/// What Describe and Close are about.
enum class target : char { statement = 'S', portal = 'P' };

struct describe_message {
  static constexpr char tag = 'D';
  target what = target::statement;
  std::string_view name;

  [[nodiscard]] static result<describe_message>
  decode(std::span<const std::byte> body);
  void encode(writer& to) const;
};

struct close_message {
  static constexpr char tag = 'C';
  target what = target::statement;
  std::string_view name;

  [[nodiscard]] static result<close_message>
  decode(std::span<const std::byte> body);
  void encode(writer& to) const;
};

struct execute_message {
  static constexpr char tag = 'E';
  std::string_view portal;
  std::int32_t row_count_max = 0; ///< 0 or less: all.

  [[nodiscard]] static result<execute_message>
  decode(std::span<const std::byte> body);
  void encode(writer& to) const;
};

/// Sync, Flush, Terminate and CopyDone: a tag and nothing else.
template <char Tag>
struct empty_frontend_message {
  static constexpr char tag = Tag;

  [[nodiscard]] static result<empty_frontend_message>
  decode(std::span<const std::byte> body) {
    if (!body.empty())
      return ec::protocol_violation;
    return empty_frontend_message{};
  }

  void encode(writer& to) const {
    to.begin(Tag);
    to.end();
  }
};

using sync_message = empty_frontend_message<'S'>;
using flush_message = empty_frontend_message<'H'>;
using terminate_message = empty_frontend_message<'X'>;
using copy_done_message = empty_frontend_message<'c'>;

struct copy_fail_message {
  static constexpr char tag = 'f';
  std::string_view reason;

  [[nodiscard]] static result<copy_fail_message>
  decode(std::span<const std::byte> body);
  void encode(writer& to) const;
};

/// Also the answer to an md5 challenge.
struct password_message {
  static constexpr char tag = 'p';
  std::string_view password;

  [[nodiscard]] static result<password_message>
  decode(std::span<const std::byte> body);
  void encode(writer& to) const;
};

struct sasl_initial_response {
  static constexpr char tag = 'p';
  std::string_view mechanism;
  /// None on the wire (length -1) is not the same as empty.
  std::optional<std::string_view> data;

  [[nodiscard]] static result<sasl_initial_response>
  decode(std::span<const std::byte> body);
  void encode(writer& to) const;
};

struct sasl_response {
  static constexpr char tag = 'p';
  std::string_view data;

  [[nodiscard]] static result<sasl_response>
  decode(std::span<const std::byte> body);
  void encode(writer& to) const;
};

} // namespace cenote::protocol
