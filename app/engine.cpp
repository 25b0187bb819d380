#include "app/engine.hpp"

#include <utility>

#include "net/send_batch.hpp"
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

chosen_engine choose_epoll(std::optional<failure> uring_refused) {
  chosen_engine out{make_epoll, "epoll", std::move(uring_refused), {}};
  if (auto works = net::send_batch::make(); !works)
    out.batches_refused = works.error();
  return out;
}

} // namespace

chosen_engine choose_engine(configs::engine_choice wanted) {
  // Automatic is io_uring where it works: it costs about as much as epoll, and
  // less with many prepared clients (docs/performance.md). Containers often
  // forbid it.
  if (wanted == configs::engine_choice::epoll)
    return choose_epoll({});
  if (auto works = net::probe_uring(); !works)
    return choose_epoll(works.error());
  return {make_uring, "io_uring", {}, {}};
}

} // namespace cenote::app
