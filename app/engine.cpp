#include "app/engine.hpp"

#include "net/uring.hpp"

namespace cenote::app {

namespace {

using made_engine = result<std::unique_ptr<net::engine>>;

made_engine make_uring() {
  return net::make_uring_engine();
}

made_engine make_epoll() {
  return net::make_epoll_engine();
}

} // namespace

chosen_engine choose_engine(configs::engine_choice wanted) {
  // Automatic is io_uring where it works: it costs less with many clients
  // (docs/performance.md). Containers often forbid it.
  if (wanted == configs::engine_choice::epoll)
    return {make_epoll, "epoll", {}};
  if (auto works = net::probe_uring(); !works)
    return {make_epoll, "epoll", works.error()};
  return {make_uring, "io_uring", {}};
}

} // namespace cenote::app
