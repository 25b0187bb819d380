// Counts every operator new of this program: forwarding takes none, on either
// engine (CENOTE_TEST_ENGINE).

#include "tests/proxy/shard_fixture.hpp"
#include "tests/support/counted_new.hpp"

using cenote::test::allocation_count;
using namespace cenote::proxy;

BOOST_FIXTURE_TEST_CASE(forwarding_allocates_nothing, shard_fixture) {
  far_end one, two, server;
  settings.pool_size = 1;
  here().configure(settings);
  adopt_server(server);
  adopt_client(one, 1);
  adopt_client(two, 2);
  auto ask = query("select abalance from pgbench_accounts where aid = 4711");
  auto batch = message('P', std::string_view{"\0select 1\0\0\0", 12})
             + message('B', std::string_view{"\0\0\0\0\0\0\0\0", 8})
             + message('D', std::string_view{"P\0", 2})
             + message('E', std::string_view{"\0\0\0\0\0", 5}) + message('S');
  auto answer = message('T', std::string_view{"\0\0", 2})
              + message('D', std::string(100, 'x')) + done("SELECT 1");
  auto batch_answer = message('1') + message('2')
                    + message('T', std::string_view{"\0\0", 2})
                    + message('D', "yy") + done("SELECT 1");
  auto round = [&] {
    one.say(ask);
    two.say(batch); // Waits: the pool has one server.
    turn(1);
    server.hear();
    server.say(answer);
    turn(2);
    one.hear();
    server.hear();
    server.say(batch_answer);
    turn(2);
    two.hear();
  };
  for (int i = 0; i < 50; ++i)
    round();
  auto before = allocation_count.load();
  for (int i = 0; i < 1000; ++i)
    round();
  BOOST_TEST(allocation_count.load() - before == 0u);
  BOOST_TEST(here().sums().transactions == 2100u);
}
