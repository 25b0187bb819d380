#pragma once

#include <csignal>

#include <boost/test/unit_test.hpp>

namespace cenote::test {

/// As in the daemon. BOOST_TEST_GLOBAL_FIXTURE(no_sigpipe) in one file of a
/// program that moves bytes.
struct no_sigpipe {
  no_sigpipe() {
    std::signal(SIGPIPE, SIG_IGN);
  }
};

} // namespace cenote::test
