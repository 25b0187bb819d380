#include "net/unique_fd.hpp"

#include <unistd.h>

namespace cenote::net {

void unique_fd::reset(int fd) noexcept {
  // Linux frees the number also when close reports EINTR: never twice.
  if (fd_ >= 0)
    ::close(fd_);
  fd_ = fd;
}

} // namespace cenote::net
