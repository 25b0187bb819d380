#pragma once

#include <string>

#include <sys/types.h>

namespace cenote::net {

/// Whether somebody listens on the unix socket at `path`, or may do so without
/// our being able to tell. False: nothing is there, or the file of a socket
/// whose process ended. Does not wait.
[[nodiscard]] bool is_served(const std::string& path) noexcept;

/// Which file one is. The kernel gives the number to no other while the socket
/// that was bound to it is open, whatever became of the name.
struct file_identity {
  dev_t device = 0;
  ino_t number = 0; ///< 0: none.

  friend bool operator==(const file_identity&, const file_identity&) = default;
};

/// Of what is at `path`.
[[nodiscard]] file_identity identity_of(const std::string& path) noexcept;

/// Removes the file at `path` if it is `own`: another process may have put its
/// own there. The socket must be open still.
void remove_own(const std::string& path, const file_identity& own) noexcept;

} // namespace cenote::net
