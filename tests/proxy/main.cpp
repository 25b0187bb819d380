#define BOOST_TEST_MODULE proxy
#include <boost/test/unit_test.hpp>

#include "tests/support/no_sigpipe.hpp"

using cenote::test::no_sigpipe;
BOOST_TEST_GLOBAL_FIXTURE(no_sigpipe);
