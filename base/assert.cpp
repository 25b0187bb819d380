#include "base/assert.hpp"

#include <cstdio>
#include <cstdlib>

namespace cenote::detail {

void assertion_failed(const char* expression, const char* file,
                      int line) noexcept {
  std::fprintf(stderr, "cenote: %s:%d: assertion failed: %s\n", file, line,
               expression);
  std::abort();
}

} // namespace cenote::detail
