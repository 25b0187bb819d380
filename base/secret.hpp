#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace cenote {

/// A password or key. Wiped on destruction, compared in constant time. It has
/// no `operator<<`, no `to_string`, no `inspect`: it reaches no log, no
/// mailbox.
class secret {
public:
  secret() = default;
  explicit secret(std::string value) noexcept;
  secret(const secret& other);
  secret(secret&& other) noexcept;
  secret& operator=(const secret& other);
  secret& operator=(secret&& other) noexcept;
  ~secret();

  [[nodiscard]] bool empty() const noexcept;

  /// Compares in a time that depends on the lengths only.
  [[nodiscard]] bool matches(std::string_view other) const noexcept;

  /// The value itself, for the one call that needs it. Never log it.
  [[nodiscard]] std::string_view reveal() const noexcept;

  friend bool operator==(const secret& lhs, const secret& rhs) noexcept {
    return lhs.matches(rhs.value_);
  }

private:
  std::string value_;
};

/// Overwrites `bytes` with zeros; the compiler cannot leave it out.
void wipe(std::span<char> bytes) noexcept;

/// Compares in a time that depends on the lengths only.
[[nodiscard]] bool equal_in_constant_time(std::string_view a,
                                          std::string_view b) noexcept;

} // namespace cenote
