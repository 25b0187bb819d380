#pragma once

#include <cstdlib>
#include <iostream>
#include <string_view>
#include <thread>

#include "net/uring.hpp"

namespace cenote::test {

/// CENOTE_TEST_ENGINE says which engine is tested; ctest does it once for each,
/// in processes of their own. What this system refuses is not tested: ctest
/// then says "skipped". Probes on a thread of its own: a ring that was closed
/// interrupts later waits of its thread.
inline bool wants_uring() {
  static const bool wants = [] {
    const auto* name = std::getenv("CENOTE_TEST_ENGINE");
    if (name == nullptr || std::string_view{name} != "io_uring")
      return false;
    auto works = result<void>{};
    std::thread{[&] { works = net::probe_uring(); }}.join();
    if (!works) {
      std::cerr << "io_uring: " << works.error().detail << '\n';
      std::exit(77);
    }
    return true;
  }();
  return wants;
}

} // namespace cenote::test
