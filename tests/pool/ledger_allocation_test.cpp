// A transaction must not cost an allocation, so this program counts them.

#include "pool/ledger.hpp"

#include <boost/test/unit_test.hpp>

#include "tests/support/counted_new.hpp"

using namespace cenote;
using namespace cenote::pool;
using namespace std::chrono_literals;
using cenote::test::allocation_count;

BOOST_AUTO_TEST_SUITE(ledger_allocation_suite)

BOOST_AUTO_TEST_CASE(a_warm_ledger_does_not_allocate) {
  auto uut = ledger{{.query_wait_max = 1s, .server_count_max = 4}};
  auto now = time_point{} + 1h;
  auto spent = std::vector<client_id>{};
  spent.reserve(64);
  std::uint64_t next_server = 0;
  std::vector<assignment> lent;
  lent.reserve(64);
  std::uint64_t next_client = 0;
  auto note = [&](const turn& what) {
    if (what.fate == server_fate::lent)
      lent.push_back(what.next);
  };
  // Each round: ids never seen before, a full queue, expiry, a lost server.
  auto round = [&] {
    now += 10s;
    for (int n = 0; n < 4; ++n)
      note(uut.add_server(server_id{++next_server}, now, now));
    for (int n = 0; n < 16; ++n) {
      const auto outcome = uut.checkout(client_id{++next_client}, now);
      if (const auto* got = std::get_if<assignment>(&outcome))
        lent.push_back(*got);
    }
    for (int n = 0; n < 8; ++n) {
      const auto first = lent.front();
      lent.erase(lent.begin());
      note(uut.checkin(first.loan, server_verdict::clean, now));
    }
    uut.leave_queue(client_id{next_client});
    uut.expire_waiters(now + 5s, spent);
    spent.clear();
    for (const auto& each : lent)
      uut.server_lost(each.server);
    lent.clear();
  };
  round();
  const auto before = allocation_count.load();
  BOOST_TEST(before > 0u);
  for (int n = 0; n < 1'000; ++n)
    round();
  const auto after = allocation_count.load();
  BOOST_TEST(after - before == 0u);
  uut.check();
}

BOOST_AUTO_TEST_SUITE_END()
