#define BOOST_TEST_MODULE tenants
#include <boost/test/unit_test.hpp>
