#include "base/secret.hpp"

#include <cstring>
#include <utility>

namespace cenote {

void wipe(std::span<char> bytes) noexcept {
  explicit_bzero(bytes.data(), bytes.size());
}

bool equal_in_constant_time(std::string_view a, std::string_view b) noexcept {
  if (a.size() != b.size())
    return false;
  unsigned difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    difference |= static_cast<unsigned>(static_cast<unsigned char>(a[i])
                                        ^ static_cast<unsigned char>(b[i]));
  return difference == 0;
}

secret::secret(std::string value) noexcept
  : value_{std::move(value)} {
  // A short string was copied by the move: wipe what is left of it.
  wipe({value.data(), value.size()});
}

secret::secret(const secret& other) = default;

secret::secret(secret&& other) noexcept
  : value_{other.value_} {
  // Copy and wipe: a moved-from short string keeps its characters.
  wipe({other.value_.data(), other.value_.size()});
  other.value_.clear();
}

secret& secret::operator=(const secret& other) {
  if (this != &other) {
    wipe({value_.data(), value_.size()});
    value_ = other.value_;
  }
  return *this;
}

secret& secret::operator=(secret&& other) noexcept {
  if (this != &other) {
    wipe({value_.data(), value_.size()});
    value_.swap(other.value_);
    wipe({other.value_.data(), other.value_.size()});
    other.value_.clear();
  }
  return *this;
}

secret::~secret() {
  wipe({value_.data(), value_.size()});
}

bool secret::empty() const noexcept {
  return value_.empty();
}

bool secret::matches(std::string_view other) const noexcept {
  return equal_in_constant_time(value_, other);
}

std::string_view secret::reveal() const noexcept {
  return value_;
}

} // namespace cenote
