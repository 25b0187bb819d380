#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace cenote::protocol {

/// Reads the severity out of an ErrorResponse whose body arrives in any pieces,
/// in fixed memory. Field 'V' decides; 'S', which may be localised, only where
/// there is no 'V' (servers before 9.6). Protocol: "Error and Notice Message
/// Fields".
class severity_reader {
public:
  void begin() noexcept {
    *this = {};
  }

  void read(std::span<const std::byte> body) noexcept;

  /// FATAL or PANIC: the server closes the connection.
  [[nodiscard]] bool is_fatal() const noexcept {
    return has_v_ ? fatal_v_ : fatal_s_;
  }

private:
  void end_field() noexcept;

  std::array<char, 6> value_{}; ///< "FATAL" and one more, to tell a longer one.
  std::uint8_t value_bytes_ = 0;
  char field_ = 0; ///< 0 between fields, and behind the last.
  bool has_v_ = false;
  bool fatal_v_ = false;
  bool fatal_s_ = false;
};

} // namespace cenote::protocol
