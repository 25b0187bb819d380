// Counts every operator new of this program: forwarding takes none, on either
// engine that is listed.

#include <atomic>
#include <cstdlib>
#include <new>

#include "tests/proxy/shard_fixture.hpp"

namespace {

std::atomic<std::uint64_t> allocations{0};

void* counted(std::size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  if (auto* memory = std::malloc(size))
    return memory;
  throw std::bad_alloc{};
}

} // namespace

void* operator new(std::size_t size) {
  return counted(size);
}

void* operator new[](std::size_t size) {
  return counted(size);
}

void operator delete(void* memory) noexcept {
  std::free(memory);
}

void operator delete[](void* memory) noexcept {
  std::free(memory);
}

void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}

void operator delete[](void* memory, std::size_t) noexcept {
  std::free(memory);
}

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
  auto before = allocations.load();
  for (int i = 0; i < 1000; ++i)
    round();
  BOOST_TEST(allocations.load() - before == 0u);
  BOOST_TEST(here().sums().transactions == 2100u);
}
