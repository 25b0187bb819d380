#pragma once

#include "base/result.hpp"
#include "configs/config.hpp"
#include "proxy/shards.hpp"

namespace cenote::app {

/// The engine that shards will run on.
struct chosen_engine {
  proxy::shards::engine_maker make;
  const char* name; ///< "io_uring" or "epoll".
};

/// `auto` is epoll. io_uring, which has to be asked for by name, is probed for
/// all that the engine does with it: fails with `engine_unavailable`, and says
/// what was refused. Takes milliseconds.
[[nodiscard]] result<chosen_engine>
choose_engine(configs::engine_choice wanted);

} // namespace cenote::app
