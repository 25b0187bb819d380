#define BOOST_TEST_MODULE configs
#include <boost/test/unit_test.hpp>
