#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.hpp"
#include "protocol/startup.hpp"
#include "protocol/writer.hpp"

/// A struct per server message that we look into or make. `decode` takes the
/// body without its header and fails with `server_protocol_violation`; `encode`
/// writes the whole message. Text and spans are borrowed: from what was
/// decoded, or from whoever fills the struct; `diagnostic` owns its text.
/// Protocol: "Message Formats", "Error and Notice Message Fields".
namespace cenote::protocol {

/// Defined with the reply mirror.
enum class transaction_status : char;

struct authentication_ok {
  void encode(writer& to) const;
};

struct authentication_cleartext {
  void encode(writer& to) const;
};

using md5_salt = std::array<std::byte, 4>;

struct authentication_md5 {
  md5_salt salt{};

  void encode(writer& to) const;
};

struct authentication_sasl {
  std::vector<std::string_view> mechanisms;

  void encode(writer& to) const;
};

struct authentication_sasl_continue {
  std::string_view data;

  void encode(writer& to) const;
};

struct authentication_sasl_final {
  std::string_view data;

  void encode(writer& to) const;
};

/// Kerberos, GSS, SSPI and whatever comes: nothing that we answer.
struct authentication_other {
  std::int32_t code = 0;
};

using authentication_message
  = std::variant<authentication_ok, authentication_cleartext,
                 authentication_md5, authentication_sasl,
                 authentication_sasl_continue, authentication_sasl_final,
                 authentication_other>;

/// Tag 'R'.
[[nodiscard]] result<authentication_message>
decode_authentication(std::span<const std::byte> body);

struct backend_key_data {
  static constexpr char tag = 'K';
  std::int32_t pid = 0;
  std::span<const std::byte> key; ///< 4 to 256 bytes.

  [[nodiscard]] static result<backend_key_data>
  decode(std::span<const std::byte> body);
  void encode(writer& to) const;
};

struct parameter_status {
  static constexpr char tag = 'S';
  std::string_view name;
  std::string_view value;

  [[nodiscard]] static result<parameter_status>
  decode(std::span<const std::byte> body);
  void encode(writer& to) const;
};

struct ready_for_query {
  static constexpr char tag = 'Z';
  transaction_status status{'I'};

  /// Any status but I, T and E is a violation.
  [[nodiscard]] static result<ready_for_query>
  decode(std::span<const std::byte> body);
  void encode(writer& to) const;
};

struct negotiate_protocol_version {
  static constexpr char tag = 'v';
  /// The newest one that the server speaks. On the wire it is a whole version
  /// word, whatever older documentation says.
  protocol_version newest;
  std::vector<std::string_view> unknown_options;

  [[nodiscard]] static result<negotiate_protocol_version>
  decode(std::span<const std::byte> body);
  void encode(writer& to) const;
};

/// The fields of ErrorResponse and NoticeResponse. Empty: not there.
struct diagnostic {
  std::string severity;       ///< S, localised.
  std::string severity_plain; ///< V, never localised.
  std::string code;           ///< C, SQLSTATE.
  std::string message;        ///< M
  std::string detail;         ///< D
  std::string hint;           ///< H
  std::string position;       ///< P
  std::string internal_position;
  std::string internal_query;
  std::string where; ///< W
  std::string schema;
  std::string table;
  std::string column;
  std::string data_type;
  std::string constraint;
  std::string file;
  std::string line;
  std::string routine;
  std::vector<std::pair<char, std::string>> others; ///< Unknown field types.

  friend bool operator==(const diagnostic&, const diagnostic&) = default;
};

struct error_response : diagnostic {
  static constexpr char tag = 'E';

  /// Unknown fields are kept; a missing terminator or SQLSTATE is refused.
  [[nodiscard]] static result<error_response>
  decode(std::span<const std::byte> body);
  void encode(writer& to) const;
};

struct notice_response : diagnostic {
  static constexpr char tag = 'N';

  /// As `error_response::decode`.
  [[nodiscard]] static result<notice_response>
  decode(std::span<const std::byte> body);
  void encode(writer& to) const;
};

struct command_complete {
  static constexpr char tag = 'C';
  std::string_view command;

  [[nodiscard]] static result<command_complete>
  decode(std::span<const std::byte> body);
  void encode(writer& to) const;
};

struct empty_query_response {
  static constexpr char tag = 'I';

  [[nodiscard]] static result<empty_query_response>
  decode(std::span<const std::byte> body);
  void encode(writer& to) const;
};

/// What a client is told about `code`, without detail. Change a field where
/// the table's text is not enough (`database "x" does not exist`).
[[nodiscard]] error_response make_error(ec code);

/// The ErrorResponse for `code`, whole. `extra` is appended to the message as
/// it is (` for user "x"`, `: why`); `hint` becomes the hint.
[[nodiscard]] std::vector<std::byte>
error_message(ec code, std::string_view extra = {}, std::string_view hint = {});

} // namespace cenote::protocol
