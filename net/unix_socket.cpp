#include "net/unix_socket.hpp"

#include <algorithm>
#include <cerrno>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "net/unique_fd.hpp"

namespace cenote::net {

bool is_served(const std::string& path) noexcept {
  auto at = sockaddr_un{};
  if (path.size() >= sizeof(at.sun_path))
    return false; // Nobody can.
  at.sun_family = AF_UNIX;
  std::copy(path.begin(), path.end(), at.sun_path);
  // A full backlog must not hold us up: who does not accept is there, too.
  const auto probe = unique_fd{
    ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
  if (::connect(probe.get(), reinterpret_cast<const sockaddr*>(&at), sizeof(at))
      == 0)
    return true;
  return errno != ECONNREFUSED && errno != ENOENT && errno != ENOTDIR;
}

file_identity identity_of(const std::string& path) noexcept {
  struct stat found {};
  if (::lstat(path.c_str(), &found) != 0)
    return {};
  return {found.st_dev, found.st_ino};
}

void remove_own(const std::string& path, const file_identity& own) noexcept {
  if (own.number != 0 && identity_of(path) == own)
    ::unlink(path.c_str());
}

} // namespace cenote::net
