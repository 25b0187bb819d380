#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/reply_mirror.hpp"
#include "tests/protocol/wire.hpp"

namespace cenote::protocol::test {

/// One message to send, and who sends it.
struct planned {
  char tag = 0;
  bytes whole;
  delivery how = delivery::forward;
  owner_id owner = 0;
};

/// Owners from here on may be answered with anybody's rows (they execute
/// whatever portal is there); below, every row names its owner.
inline constexpr owner_id wild_owner = 1u << 30;

/// Makes random sequences of client messages: right ones, wrong ones, and right
/// ones in wrong places. What it makes depends on the seed only, and on what it
/// is told of the COPY that is under way.
class request_generator {
public:
  explicit request_generator(std::uint64_t seed);

  /// How an owner's messages are delivered.
  [[nodiscard]] static delivery how_of(owner_id owner) noexcept {
    return owner % 3 == 0 ? delivery::skip : delivery::forward;
  }

  [[nodiscard]] bool for_walsender() const noexcept {
    return walsender_;
  }

  /// A few messages that may go out in one write.
  std::vector<planned> next(reply_mirror::copy_state copy);

  /// Below `limit`, all equally likely.
  unsigned pick(unsigned limit);

private:
  using plan = std::vector<planned>;

  void add(plan& to, char tag, std::string_view body, owner_id owner);
  void add_simple(plan& to);
  void add_extended(plan& to);
  void add_wild(plan& to);
  void add_function(plan& to);
  void add_copy(plan& to);
  void add_replication(plan& to, reply_mirror::copy_state copy);
  std::string statement(owner_id owner);
  std::string with_owner(std::string_view text, owner_id owner);

  std::mt19937_64 random_;
  bool walsender_;
  owner_id last_owner_ = 0;
};

} // namespace cenote::protocol::test
