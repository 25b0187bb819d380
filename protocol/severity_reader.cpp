#include "protocol/severity_reader.hpp"

#include <string_view>

namespace cenote::protocol {

void severity_reader::read(std::span<const std::byte> body) noexcept {
  if (has_v_)
    return;
  for (const auto byte : body) {
    const auto character = static_cast<char>(byte);
    if (field_ == 0) {
      field_ = character;
      value_bytes_ = 0;
    } else if (character == 0) {
      end_field();
    } else if (value_bytes_ < value_.size()) {
      value_[value_bytes_++] = character;
    }
  }
}

void severity_reader::end_field() noexcept {
  const auto value = std::string_view{value_.data(), value_bytes_};
  const auto fatal = value == "FATAL" || value == "PANIC";
  if (field_ == 'V' && !has_v_) {
    has_v_ = true;
    fatal_v_ = fatal;
  } else if (field_ == 'S') {
    fatal_s_ = fatal;
  }
  field_ = 0;
}

} // namespace cenote::protocol
