// From any state that a server may be in, the mirror's remedies lead to rest;
// and it never says "at rest" too early. The server is a model that fails,
// copies and lingers as it likes, which PostgreSQL does less often.
#include "protocol/reply_mirror.hpp"

#include <boost/test/unit_test.hpp>

#include <random>
#include <string>

#include "tests/protocol/mirror_script.hpp"
#include "tests/protocol/model_server.hpp"

using namespace cenote;
using namespace cenote::protocol;
using namespace cenote::protocol::test;

namespace {

class scene {
public:
  explicit scene(std::uint64_t seed)
    : random_{seed} {
    // nop
  }

  unsigned pick(unsigned limit) {
    return static_cast<unsigned>(random_() >> 33) % limit;
  }

  void send(char tag) {
    log += '>';
    log += tag;
    BOOST_REQUIRE(
      (mirror.sent(tag == 'q' ? 'Q' : tag, delivery::skip, 0) == ec::none));
    server.arrive(std::string_view{&tag, 1});
  }

  /// The server reads a message, or one of its own arrives. False: it is
  /// silent.
  bool happen() {
    if (pick(2) == 0 && server.read_one())
      return true;
    const auto letter = server.take();
    if (letter == 0)
      return server.read_one();
    log += letter;
    const auto got = feed(mirror, walker_, said(letter));
    BOOST_TEST_REQUIRE(!got.violation, "after " << log);
    over = got.fatal;
    BOOST_TEST_REQUIRE((!mirror.owes_nothing() || server.is_at_rest()),
                       "too early after " << log);
    return true;
  }

  /// Follows the remedies. A silent server with nothing to send to it, or no
  /// end of remedies, is a failure.
  void recover() {
    for (auto steps = 0; !mirror.owes_nothing() && !over; ++steps) {
      BOOST_TEST_REQUIRE(steps < 1'000, "no end after " << log);
      switch (mirror.to_come_clean()) {
        case reply_mirror::remedy::wait:
          BOOST_TEST_REQUIRE(happen(), "stuck after " << log);
          break;
        case reply_mirror::remedy::copy_fail:
          send('f');
          break;
        case reply_mirror::remedy::copy_done:
          BOOST_FAIL("no COPY BOTH here, after " << log);
          break;
        case reply_mirror::remedy::sync:
          send('S');
          break;
        case reply_mirror::remedy::probe:
          send('q');
          break;
      }
    }
  }

  reply_mirror mirror{10'000};
  std::string log;
  bool over = false;

private:
  std::mt19937_64 random_;
  message_walker walker_{1 << 20};

public:
  model_server server{[this](unsigned limit) { return pick(limit); }};
};

} // namespace

BOOST_AUTO_TEST_SUITE(reply_mirror_model_test)

BOOST_AUTO_TEST_CASE(the_remedies_lead_to_rest_from_any_state) {
  constexpr std::string_view tags = "QQPBDEESSSCFHddcccf";
  for (std::uint64_t seed = 0; seed < 20'000; ++seed) {
    scene it{seed};
    for (auto count = it.pick(30); count != 0 && !it.over; --count)
      if (it.pick(3) == 0)
        it.happen();
      else if (it.mirror.copy() == reply_mirror::copy_state::in && it.pick(8))
        it.send("ddSHcf"[it.pick(6)]);
      else
        it.send(tags[it.pick(static_cast<unsigned>(tags.size()))]);
    it.recover();
    BOOST_TEST_REQUIRE((it.over || it.server.is_at_rest()),
                       "seed " << seed << ": " << it.log);
  }
}

BOOST_AUTO_TEST_SUITE_END()
