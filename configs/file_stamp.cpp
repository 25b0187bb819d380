#include "configs/file_stamp.hpp"

#include <sys/stat.h>

namespace cenote::configs {

file_stamp stamp_of(const std::string& path) noexcept {
  struct stat found {};
  if (stat(path.c_str(), &found) != 0)
    return {};
  return {found.st_mtim.tv_sec * 1'000'000'000 + found.st_mtim.tv_nsec,
          found.st_size, found.st_ino};
}

} // namespace cenote::configs
