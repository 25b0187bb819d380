#include "proxy/edge/front_porch.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include <sys/socket.h>

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/post.hpp>

#include "base/log.hpp"
#include "proxy/edge/acceptor.hpp"
#include "proxy/edge/guest.hpp"
#include "proxy/shard.hpp"

namespace cenote::proxy::edge {

namespace {

/// How long a full descriptor table is left alone before the next try.
constexpr auto accept_pause = std::chrono::milliseconds{100};

/// So many more clients than stayed went elsewhere.
constexpr int strangers_max = 8;

/// How long the doors stay shut then.
constexpr auto away_time = std::chrono::seconds{1};

bool is_out_of_resources(int error) {
  return error == EMFILE || error == ENFILE || error == ENOMEM
      || error == ENOBUFS;
}

} // namespace

// -- a door -------------------------------------------------------------------

porch_door::porch_door(front_porch& home, shared_listener from)
  : home_{home},
    from_{std::move(from)} {
  // nop
}

porch_door::~porch_door() {
  shut();
}

void porch_door::open() {
  if (!from_.socket)
    return;
  auto opened = home_.home().io().watch(from_.socket->get(), *this);
  if (!opened)
    log::error("a shard cannot accept",
               {log::kv("detail", opened.error().detail)});
}

void porch_door::shut() {
  home_.home().io().unwatch(*this);
  home_.home().clocks().disarm(pause_);
}

/// Nobody listens any more. The last shard to see it gives the port back.
void porch_door::give_up() {
  shut();
  from_.socket.reset();
}

/// One for each turn: who is logged in already is served in between.
void porch_door::on_ready() {
  auto from = sockaddr_storage{};
  socklen_t size = sizeof(from);
  auto socket = net::unique_fd{::accept4(from_.socket->get(),
                                         reinterpret_cast<sockaddr*>(&from),
                                         &size, SOCK_NONBLOCK | SOCK_CLOEXEC)};
  if (socket)
    return home_.take_in(std::move(socket), net::packed_address{from, size},
                         from_);
  const auto error = errno;
  auto& home = home_.home();
  if (error == EINVAL)
    return give_up();
  if (!is_out_of_resources(error))
    return; // Another shard was faster, or the connection died before we came.
  log::warn("cannot accept", {log::kv("reason", std::strerror(error))});
  home.io().unwatch(*this);
  home.clocks().arm(pause_, home.now() + accept_pause);
}

void porch_door::on_time(time_point) {
  open();
}

// -- the porch ----------------------------------------------------------------

front_porch::front_porch(edge_state_ptr edge, shard& home,
                         const std::vector<shared_listener>& doors,
                         std::shared_ptr<std::atomic<int>> open_count)
  : edge_{std::move(edge)},
    home_{home},
    open_count_{std::move(open_count)},
    lookup_{edge_->quotas} {
  for (const auto& each : doors)
    doors_.push_back(std::make_unique<porch_door>(*this, each));
  open();
}

front_porch::~front_porch() = default;

void front_porch::end_all(ec why) {
  // Who ends leaves the list.
  auto all = std::vector<guest*>{};
  for (const auto& each : guests_)
    all.push_back(each.get());
  for (auto* each : all)
    each->end(why);
}

void front_porch::take_in(net::unique_fd socket,
                          const net::packed_address& peer,
                          const shared_listener& from) {
  const auto settings = edge_->settings.load();
  auto& counters = edge_->counters;
  if (counters.logins_in_progress >= settings->logins_max) {
    asio::post(
      edge_->on, [edge = edge_, socket = std::move(socket), peer]() mutable {
        auto taken = net::edge_stream::take_over(
          edge->on, std::move(socket), net::unpacked(peer), std::nullopt, {});
        if (taken)
          asio::co_spawn(edge->on, turn_away(edge, std::move(*taken)),
                         asio::detached);
      });
    return;
  }
  auto& here = *guests_.emplace_back(std::make_unique<guest>(
    *this, begun_login{login_count{counters}, home_.now(), from.mode},
    std::move(socket), peer, from.local));
  here.place = guests_.size() - 1;
  here.begin(settings);
}

void front_porch::pass_on(begun_login&& begun, net::unique_fd socket,
                          const net::packed_address& peer,
                          const std::optional<net::packed_address>& local,
                          std::vector<std::byte> unread) {
  asio::post(edge_->on, [edge = edge_, begun = std::move(begun),
                         socket = std::move(socket), peer, local,
                         unread = std::move(unread)]() mutable {
    auto here = std::optional<net::address>{};
    if (local)
      here = net::unpacked(*local);
    auto taken = net::edge_stream::take_over(
      edge->on, std::move(socket), net::unpacked(peer), std::move(here),
      std::move(unread));
    if (taken)
      return go_on(edge, std::move(*taken), std::move(begun));
    note_failure(edge->counters, rejection{taken.error()}, begun.record,
                 net::unpacked(peer));
  });
}

// -- who opens ----------------------------------------------------------------

void front_porch::open() {
  is_open_ = true;
  ++*open_count_;
  for (auto& each : doors_)
    each->open();
}

/// A client costs less where it belongs, and a shard that is not woken costs
/// nothing. Who sees mostly strangers shuts its doors for a while, if another
/// shard has its own open.
void front_porch::note_seat(bool is_here) {
  strangers_ = std::max(strangers_ + (is_here ? -1 : 1), -strangers_max);
  if (strangers_ >= strangers_max)
    leave_to_others();
}

void front_porch::leave_to_others() {
  strangers_ = 0;
  auto open_now = open_count_->load();
  do {
    if (open_now <= 1 || !is_open_)
      return;
  } while (!open_count_->compare_exchange_weak(open_now, open_now - 1));
  is_open_ = false;
  for (auto& each : doors_)
    each->shut();
  home_.clocks().arm(away_, home_.now() + away_time);
}

void front_porch::on_time(time_point) {
  open();
  strangers_ = strangers_max - 1; // One more, and they stay shut.
}

void front_porch::forget(guest& which) noexcept {
  const auto place = which.place;
  auto gone = std::move(guests_[place]);
  if (place + 1 != guests_.size()) {
    guests_[place] = std::move(guests_.back());
    guests_[place]->place = place;
  }
  guests_.pop_back();
}

} // namespace cenote::proxy::edge
