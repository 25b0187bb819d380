#pragma once

#include <optional>

#include "base/result.hpp"
#include "configs/config.hpp"
#include "proxy/shards.hpp"

namespace cenote::app {

/// The engine that shards will run on.
struct chosen_engine {
  proxy::shards::engine_maker make;
  const char* name; ///< "io_uring" or "epoll".
  /// Why it is not the one that was asked for.
  std::optional<failure> refused;
  /// Why epoll sends one by one what leaves at the end of a turn.
  std::optional<failure> batches_refused;
};

/// `auto` is io_uring, which is probed for all that the engine does with it;
/// where the system refuses that, it is epoll, also if io_uring was asked for
/// by name. Takes milliseconds, up to seconds if the kernel does not answer.
[[nodiscard]] chosen_engine choose_engine(configs::engine_choice wanted);

} // namespace cenote::app
