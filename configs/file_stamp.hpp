#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace cenote::configs {

/// What tells one state of a file from another without reading it.
struct file_stamp {
  std::int64_t modified_ns = 0;
  std::int64_t size = -1; ///< -1: it is not there.
  std::uint64_t inode = 0;

  friend bool operator==(const file_stamp&, const file_stamp&) = default;
};

/// By path.
using file_stamps = std::map<std::string, file_stamp>;

[[nodiscard]] file_stamp stamp_of(const std::string& path) noexcept;

} // namespace cenote::configs
