#define BOOST_TEST_MODULE net_test

#include <boost/test/unit_test.hpp>
