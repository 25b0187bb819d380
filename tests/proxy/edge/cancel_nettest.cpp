#include <boost/test/unit_test.hpp>

#include "base/limits.hpp"
#include "tests/proxy/edge/scripted_server.hpp"

namespace cenote::test {

using namespace std::string_literals;

BOOST_FIXTURE_TEST_SUITE(cancel_delivery, order_fixture)

namespace {

proxy::cancel_order cancel_for(order_fixture& at, std::uint16_t port) {
  auto out = proxy::cancel_order{};
  out.target = at.order(port).target;
  out.server.address = "127.0.0.1";
  out.server.port = port;
  out.backend_pid = 0x01020304;
  out.backend_key = bytes(4, std::byte{9});
  out.shard = 3;
  out.ticket = 99;
  return out;
}

} // namespace

BOOST_AUTO_TEST_CASE(a_cancel_is_acknowledged_by_the_end_of_its_connection) {
  auto server = scripted_server{*this};
  edge->deliver_cancel(cancel_for(*this, server.port()));
  server.accept();
  const auto got = server.take_packet();
  BOOST_TEST(std::string{protocol::as_text(got)}
             == "\x04\xd2\x16\x2e\1\2\3\4\x09\x09\x09\x09"s);
  io.restart();
  while (io.poll() != 0)
    io.restart();
  BOOST_TEST(shards.settled.empty());
  server.close();
  run_until([&] { return !shards.settled.empty(); });
  BOOST_TEST(shards.settled[0].shard == 3u);
  BOOST_TEST(shards.settled[0].ticket == 99u);
  BOOST_TEST(shards.settled[0].acknowledged);
}

BOOST_AUTO_TEST_CASE(a_cancel_that_fails_is_settled_too) {
  std::uint16_t gone = 0;
  {
    auto closed = scripted_server{*this};
    gone = closed.port();
  }
  edge->deliver_cancel(cancel_for(*this, gone));
  run_until([&] { return !shards.settled.empty(); });
  BOOST_TEST(!shards.settled[0].acknowledged);
  auto server = scripted_server{*this};
  edge->deliver_cancel(cancel_for(*this, server.port()));
  server.accept();
  server.take_packet();
  edge->stop();
  run_until([&] { return shards.settled.size() == 2; });
  BOOST_TEST(!shards.settled[1].acknowledged);
}

BOOST_AUTO_TEST_CASE(too_many_cancels_are_not_queued) {
  auto server = scripted_server{*this};
  edge->stop(); // None of them is to reach the server.
  for (std::size_t i = 0; i < limits::cancels_in_flight_max; ++i)
    edge->deliver_cancel(cancel_for(*this, server.port()));
  BOOST_TEST(shards.settled.empty());
  edge->deliver_cancel(cancel_for(*this, server.port()));
  BOOST_TEST_REQUIRE(shards.settled.size() == 1u);
  BOOST_TEST(shards.settled[0].acknowledged);
  run_until(
    [&] { return shards.settled.size() == limits::cancels_in_flight_max + 1; });
  BOOST_TEST(edge->counters().cancels_in_flight == 0u);
}

BOOST_AUTO_TEST_CASE(what_outlives_the_edge_does_not_touch_the_shards) {
  auto own_io = std::make_unique<asio::io_context>(1);
  auto own = std::make_unique<proxy::edge::edge>(proxy::edge::edge_parts{
    *own_io, shards, pools, quotas, console, catalog, settings, keys});
  own->deliver_cancel(cancel_for(*this, 1));
  own = nullptr;
  // In the daemon the shards go between these two.
  own_io = nullptr;
  BOOST_TEST(shards.settled.empty());
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace cenote::test
