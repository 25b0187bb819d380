#pragma once

#include <cstddef>
#include <ctime>
#include <span>

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.hpp"

/// The three system calls of a turn, without what glibc does around them in a
/// program with threads: each is a point where pthread_cancel may strike, which
/// is switched on and off by two locked instructions and some sixty others.
/// Nobody cancels our threads. Results and errno are those of the calls.
namespace cenote::net::direct {

/// `clock::now()` without the way through the C++ library, whose code nobody
/// else needs in a turn.
inline time_point now() noexcept {
  timespec at{};
  ::clock_gettime(CLOCK_MONOTONIC, &at);
  return time_point{std::chrono::seconds{at.tv_sec}
                    + std::chrono::nanoseconds{at.tv_nsec}};
}

#if defined(__SANITIZE_THREAD__)

// ThreadSanitizer sees what happens before what only in glibc's own.
inline ssize_t recv(int fd, std::span<std::byte> into, int flags) noexcept {
  return ::recv(fd, into.data(), into.size(), flags);
}

inline ssize_t send(int fd, std::span<const std::byte> bytes,
                    int flags) noexcept {
  return ::send(fd, bytes.data(), bytes.size(), flags);
}

inline int epoll_wait(int epoll, std::span<epoll_event> into,
                      bool sleeps) noexcept {
  return ::epoll_wait(epoll, into.data(), static_cast<int>(into.size()),
                      sleeps ? -1 : 0);
}

#else

inline ssize_t recv(int fd, std::span<std::byte> into, int flags) noexcept {
  return ::syscall(SYS_recvfrom, fd, into.data(), into.size(), flags, nullptr,
                   nullptr);
}

inline ssize_t send(int fd, std::span<const std::byte> bytes,
                    int flags) noexcept {
  return ::syscall(SYS_sendto, fd, bytes.data(), bytes.size(), flags, nullptr,
                   nullptr);
}

inline int epoll_wait(int epoll, std::span<epoll_event> into,
                      bool sleeps) noexcept {
  // Without a mask of signals this is epoll_wait, which not every machine has.
  return static_cast<int>(::syscall(SYS_epoll_pwait, epoll, into.data(),
                                    into.size(), sleeps ? -1 : 0, nullptr,
                                    std::size_t{0}));
}

#endif

} // namespace cenote::net::direct
