#pragma once

#include <ostream>
#include <variant>

#include <boost/test/unit_test.hpp>

#include "pool/ledger.hpp"

namespace cenote::pool {

inline std::ostream& operator<<(std::ostream& out, server_fate fate) {
  return out << static_cast<int>(fate);
}

} // namespace cenote::pool

namespace cenote::pool::test {

inline constexpr auto start = time_point{} + std::chrono::hours{10};

// The first generation, so that no id is 0.
inline client_id client(std::uint64_t n) {
  return client_id{(1ull << 32) | n};
}

inline server_id server(std::uint64_t n) {
  return server_id{(1ull << 32) | n};
}

/// A ledger with `count` idle servers, 1 the coldest.
struct lane {
  explicit lane(std::size_t count, ledger::settings with = {})
    : uut{with} {
    for (std::size_t n = 1; n <= count; ++n)
      BOOST_TEST(uut.add_server(server(n), start, start).fate
                 == server_fate::parked);
  }

  ~lane() {
    uut.check();
  }

  /// The assignment, or an empty one if queued.
  assignment checkout(std::uint64_t n, time_point now = start) {
    auto outcome = uut.checkout(client(n), now);
    if (auto* lent = std::get_if<assignment>(&outcome))
      return *lent;
    BOOST_TEST(std::holds_alternative<queued>(outcome));
    return {};
  }

  ec refusal(std::uint64_t n) {
    auto outcome = uut.checkout(client(n), start);
    auto* no = std::get_if<refused>(&outcome);
    return no == nullptr ? ec::none : no->why;
  }

  turn checkin(const assignment& lent,
               server_verdict verdict = server_verdict::clean,
               time_point now = start) {
    return uut.checkin(lent.loan, verdict, now);
  }

  ledger uut;
};

} // namespace cenote::pool::test
