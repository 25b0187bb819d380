#include <boost/test/unit_test.hpp>

#include "protocol/reader.hpp"
#include "protocol/scram.hpp"
#include "tests/proxy/edge/edge_fixture.hpp"

/// A login whose bytes arrive cut at every position, and one that ends there.
namespace cenote::test {

namespace {

/// Sends everything through one count of bytes: at byte `cut` it lets the edge
/// run dry, so that the two parts never arrive together, and there it may end.
class cut_login {
public:
  cut_login(edge_fixture& at, std::size_t cut, bool ends_there)
    : at_{at},
      client_{at, at.port()},
      cut_{cut},
      ends_{ends_there} {
    // nop
  }

  /// The tags seen; "cut" if it ended at the cut.
  std::string run(const char* user, bool asks_for_tls) {
    if (asks_for_tls) {
      if (!say(protocol::encoded(protocol::ssl_request{})))
        return "cut";
      BOOST_TEST(client_.answer() == 'N');
    }
    if (!say(protocol::encoded(hello({{"user", user}, {"database", "shop"}}))))
      return "cut";
    std::string seen;
    auto scram = protocol::scram_client{"abcdefghijklmnopqrstuvwx"};
    for (;;) {
      auto got = client_.next();
      seen += got.tag == 0 ? '-' : got.tag;
      if (got.tag != 'R')
        return seen;
      auto request = protocol::decode_authentication(got.body);
      BOOST_REQUIRE(request);
      bytes answer;
      using namespace protocol;
      if (std::holds_alternative<authentication_sasl>(*request)) {
        const auto first = scram.start();
        answer = encoded(sasl_initial_response{scram_mechanism, first});
      } else if (auto* next
                 = std::get_if<authentication_sasl_continue>(&*request)) {
        // The fixture's verifier: derived once, whatever the cut.
        static const auto keys = *derive_keys(secret{std::string{the_password}},
                                              "0123456789abcdef", 4096);
        BOOST_REQUIRE(scram.challenged(next->data));
        const auto last = scram.answer(keys);
        answer = encoded(sasl_response{last});
      }
      if (!answer.empty() && !say(answer))
        return seen + " cut";
    }
  }

  [[nodiscard]] std::size_t sent() const noexcept {
    return sent_;
  }

private:
  bool say(std::span<const std::byte> what) {
    if (sent_ <= cut_ && cut_ < sent_ + what.size()) {
      const auto part = cut_ - sent_;
      client_.send(what.first(part));
      run_dry();
      if (ends_) {
        client_.close();
        return false;
      }
      sent_ += part;
      what = what.subspan(part);
    }
    client_.send(what);
    sent_ += what.size();
    return true;
  }

  /// Lets the edge do all it can with what it has.
  void run_dry() {
    at_.io.restart();
    while (at_.io.poll() != 0)
      at_.io.restart();
  }

  edge_fixture& at_;
  wire_client client_;
  std::size_t cut_;
  bool ends_;
  std::size_t sent_ = 0;
};

} // namespace

BOOST_AUTO_TEST_SUITE(cut_logins)

BOOST_AUTO_TEST_CASE(a_login_works_wherever_it_is_cut) {
  auto at = edge_fixture{};
  at.start();
  for (const auto* user : {"verified", "trusted"}) {
    auto whole = cut_login{at, SIZE_MAX, false};
    const auto expected = whole.run(user, true);
    BOOST_TEST(expected.ends_with("RS"));
    for (std::size_t cut = 0; cut < whole.sent(); ++cut) {
      auto uut = cut_login{at, cut, false};
      BOOST_TEST(uut.run(user, true) == expected, user << " cut at " << cut);
    }
    at.settle();
    BOOST_TEST(at.shards.clients.size() == whole.sent() + 1);
    at.shards.clients.clear();
  }
}

BOOST_AUTO_TEST_CASE(a_client_that_vanishes_anywhere_leaves_nothing_behind) {
  auto at = edge_fixture{};
  at.start();
  auto whole = cut_login{at, SIZE_MAX, false};
  whole.run("verified", true);
  at.settle();
  at.shards.clients.clear();
  for (std::size_t cut = 0; cut < whole.sent(); ++cut) {
    auto uut = cut_login{at, cut, true};
    BOOST_TEST(uut.run("verified", true).ends_with("cut"), "cut at " << cut);
    at.settle();
  }
  BOOST_TEST(at.shards.clients.empty());
  BOOST_TEST(at.quotas.node_clients() == 0u);
  BOOST_TEST(at.failures(ec::client_gone) + at.failures(ec::os_error)
             == whole.sent());
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace cenote::test
