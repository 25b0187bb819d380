#pragma once

#include <memory>

#include "base/error.hpp"

namespace cenote::proxy {

class shard;

/// In front of a shard's lanes, on its thread: where clients come in and, if
/// nothing must be waited for but the client, log in. Lives as long as the
/// shard; made by the edge.
class porch {
public:
  virtual ~porch() = default;

  /// Ends the logins that are under way here.
  virtual void end_all(ec why) = 0;
};

/// Makes porches. Each shard calls it once, on its thread.
class porch_maker {
public:
  virtual ~porch_maker() = default;
  [[nodiscard]] virtual std::unique_ptr<porch> make(shard& of) noexcept = 0;
};

using porch_maker_ptr = std::shared_ptr<porch_maker>;

} // namespace cenote::proxy
