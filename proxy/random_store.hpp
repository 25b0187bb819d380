#pragma once

#include <array>
#include <cstddef>
#include <span>

namespace cenote::proxy {

/// `wipe` for bytes.
void wipe_bytes(std::span<std::byte> bytes) noexcept;

/// Random bytes of the kernel's, drawn ahead: a system call for some ten of
/// what one client needs. Each is handed out once and wiped. One thread.
class random_store {
public:
  random_store() = default;
  random_store(const random_store&) = delete;
  random_store& operator=(const random_store&) = delete;
  ~random_store();

  /// At most `bytes_max` bytes.
  void draw(std::span<std::byte> into) noexcept;

  /// What the kernel gives at once, whatever happens.
  static constexpr std::size_t bytes_max = 240;

private:
  std::array<std::byte, bytes_max> bytes_{};
  std::size_t left_ = 0;
};

} // namespace cenote::proxy
