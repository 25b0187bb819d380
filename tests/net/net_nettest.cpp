#define BOOST_TEST_MODULE net_nettest

#include <boost/test/unit_test.hpp>
