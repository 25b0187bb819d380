#pragma once

#include "base/clock.hpp"
#include "net/timer_queue.hpp"

namespace cenote::proxy {

/// Whatever on a shard has a deadline: a lane, a client link, a server link.
class timed {
public:
  /// The deadline is over. Arm again for the next one. Shard thread.
  virtual void on_time(time_point now) = 0;

protected:
  ~timed() = default;
};

using timers = net::timer_queue<timed>;

} // namespace cenote::proxy
