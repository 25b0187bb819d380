#pragma once

#include <utility>

namespace cenote::net {

/// Owns a file descriptor.
class unique_fd {
public:
  unique_fd() noexcept = default;

  explicit unique_fd(int fd) noexcept
    : fd_{fd} {
    // nop
  }

  unique_fd(unique_fd&& other) noexcept
    : fd_{std::exchange(other.fd_, -1)} {
    // nop
  }

  unique_fd& operator=(unique_fd&& other) noexcept {
    if (this != &other)
      reset(std::exchange(other.fd_, -1));
    return *this;
  }

  ~unique_fd() {
    reset();
  }

  [[nodiscard]] int get() const noexcept {
    return fd_;
  }

  [[nodiscard]] int release() noexcept {
    return std::exchange(fd_, -1);
  }

  [[nodiscard]] explicit operator bool() const noexcept {
    return fd_ >= 0;
  }

  /// Closes what is held and takes `fd`.
  void reset(int fd = -1) noexcept;

private:
  int fd_ = -1;
};

} // namespace cenote::net
