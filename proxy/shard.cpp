#include "proxy/shard.hpp"

#include <algorithm>

#include "base/assert.hpp"
#include "base/log.hpp"
#include "protocol/messages.hpp"
#include "proxy/client_link.hpp"
#include "proxy/lane.hpp"
#include "proxy/server_link.hpp"

namespace cenote::proxy {

namespace {

/// Free buffers kept for the next clients that have to wait, and their size.
constexpr std::size_t spare_buffers_max = 256;
constexpr std::size_t buffer_bytes = 4096;

constexpr auto farewell_time_max = std::chrono::seconds{5};

/// For a client that finds no lane: it is told so and forgotten.
struct deaf final : net::stream_sink {
  void on_bytes(net::slice) override {
    // nop
  }
  void on_drained() override {
    // nop
  }
  void on_closed(const failure&) override {
    // nop
  }
};

deaf nobody;

} // namespace

shard::shard(std::uint32_t index, std::unique_ptr<net::engine> engine,
             edge_port& edge)
  : index_{index},
    engine_{std::move(engine)},
    edge_{edge},
    cancel_keys_{index} {
  // nop
}

shard::~shard() {
  porch_ = nullptr;
  // Links first: they leave the timers and give their seats back.
  marked_.clear();
  dead_clients_.clear();
  dead_servers_.clear();
  leaving_servers_.clear();
  gone_servers_.clear();
  lanes_.clear();
  dead_lanes_.clear();
}

void shard::stop() noexcept {
  stopping_.store(true, std::memory_order_release);
  engine_->wake();
}

[[gnu::hot]] void shard::run() {
  while (!stopping_.load(std::memory_order_acquire))
    turn(never);
  // What was said last still leaves.
  turn(engine_->now());
  // Its doors are watched by the engine, which hears this thread alone.
  porch_ = nullptr;
}

[[gnu::hot]] void shard::turn(time_point until) {
  mail_.run_all();
  finish_turn();
  if (!mail_.empty())
    until = engine_->now();
  engine_->run_turn(std::min(until, timers_.next()));
  fire_timers();
  finish_turn();
}

[[gnu::hot]] void shard::fire_timers() {
  auto at = now();
  while (auto* due = timers_.pop_due(at))
    due->on_time(at);
}

[[gnu::hot]] void shard::finish_turn() {
  if (!marked_.empty())
    ask_marked();
  if (!dead_clients_.empty())
    dead_clients_.clear();
  if (!dead_servers_.empty())
    dead_servers_.clear();
  if (!gone_servers_.empty())
    gone_servers_.clear();
  if (!dead_lanes_.empty())
    dead_lanes_.clear();
}

void shard::ask_marked() {
  while (!marked_.empty()) {
    auto lanes = std::exchange(marked_, {});
    for (auto* which : lanes) {
      which->marked = false;
      which->end_turn();
    }
    if (marked_.empty()) {
      lanes.clear();
      marked_ = std::move(lanes);
      break;
    }
  }
}

void shard::mark(lane& which) {
  if (!std::exchange(which.marked, true))
    marked_.push_back(&which);
}

// -- lanes --------------------------------------------------------------------

void shard::open_lane(lane_id id, std::shared_ptr<pool_port> port,
                      const tenants::pool_settings& settings,
                      std::uint32_t index) {
  auto made
    = std::make_unique<lane>(*this, id, std::move(port), settings, index);
  mark(*made); // A minimum of servers is demand, too.
  lanes_.emplace(id, std::move(made));
  load_.store(static_cast<std::uint32_t>(lanes_.size()),
              std::memory_order_relaxed);
}

void shard::close_lane(lane_id id) {
  auto found = lanes_.find(id);
  if (found == lanes_.end())
    return;
  found->second->kill(ec::pool_draining);
  ended_.add(found->second->key(), found->second->sums());
  std::erase(marked_, found->second.get());
  dead_lanes_.push_back(std::move(found->second));
  lanes_.erase(found);
  load_.store(static_cast<std::uint32_t>(lanes_.size()),
              std::memory_order_relaxed);
}

lane* shard::find_lane(lane_id id) noexcept {
  auto found = lanes_.find(id);
  return found == lanes_.end() ? nullptr : found->second.get();
}

void shard::tell_ended(ec why, client_id who, const std::string& pool,
                       const std::string& peer) {
  clients_ended_.add(why);
  log::info("client ended", {log::kv("code", why), log::kv("client", who),
                             log::kv("pool", pool), log::kv("peer", peer)});
}

void shard::adopt(lane_id where, client_adoption&& client) {
  if (auto* here = find_lane(where))
    return here->adopt(std::move(client));
  auto made
    = client.stream != nullptr
      ? result<net::stream*>{client.stream}
      : io().attach(std::move(client.socket), std::move(client.tls), nobody);
  const auto* port = client.seat.port();
  tell_ended(ec::pool_draining, client.seat.who(),
             port ? tenants::to_string(port->key()) : std::string{},
             client.peer.is_unix() ? "unix" : client.peer.host());
  if (!made)
    return;
  io().send_copy(**made, protocol::error_message(ec::pool_draining));
  io().close_when_sent(**made, now() + farewell_time_max);
}

void shard::adopt(lane_id where, server_adoption server) {
  if (auto* here = find_lane(where))
    here->adopt(std::move(server));
}

void shard::build(porch_maker& by) {
  porch_ = by.make(*this);
}

void shard::end_logins(ec why) {
  if (porch_)
    porch_->end_all(why);
}

// -- clients ------------------------------------------------------------------

std::uint64_t
shard::id_of_client::operator()(const client_link* of) const noexcept {
  return of == nullptr ? 0 : of->id().value();
}

void shard::remember_client(client_link& who) {
  clients_.insert(&who);
}

void shard::forget_client(client_link& who) noexcept {
  cancel_keys_.forget(who);
  clients_.erase(who.id().value());
}

void shard::cancel(const cancel_key& key) {
  if (auto* who = cancel_keys_.find(key))
    static_cast<client_link*>(who)->cancel();
}

void shard::end_client(client_id who, ec why) {
  if (auto* found = find_client(who))
    found->refuse(why);
}

// -- servers ------------------------------------------------------------------

server_id shard::next_server_id() noexcept {
  constexpr unsigned shard_shift = 48;
  return server_id{(std::uint64_t{index_} << shard_shift) | ++last_server_};
}

void shard::order_cancel(lane_id where, server_id which, cancel_order order) {
  order.shard = index_;
  order.ticket = ++last_ticket_;
  tickets_.emplace(order.ticket, victim{where, which});
  edge_.deliver_cancel(std::move(order));
}

void shard::cancel_settled(std::uint64_t ticket, bool acknowledged) {
  auto found = tickets_.find(ticket);
  if (found == tickets_.end())
    return;
  const auto [where, which] = found->second;
  tickets_.erase(found);
  auto* there = find_lane(where);
  if (auto* server = there != nullptr ? there->find_server(which) : nullptr)
    server->cancel_settled(acknowledged);
}

void shard::bury(std::unique_ptr<client_link> link) {
  dead_clients_.push_back(std::move(link));
}

void shard::bury(std::unique_ptr<server_link> link) {
  dead_servers_.push_back(std::move(link));
}

void shard::see_off(net::stream& last, server_farewell::estate left) {
  leaving_servers_.push_back(
    std::make_unique<server_farewell>(*this, std::move(left)));
  leaving_servers_.back()->begin(last);
}

void shard::see_off(net::unique_fd socket,
                    std::unique_ptr<net::tls_session> tls,
                    server_farewell::estate left) {
  auto made = io().attach(std::move(socket), std::move(tls), nobody);
  if (made)
    return see_off(**made, std::move(left));
  left.settle();
}

void shard::over(server_farewell& which) {
  auto found = std::ranges::find(leaving_servers_, &which,
                                 [](const auto& each) { return each.get(); });
  CENOTE_ASSERT(found != leaving_servers_.end());
  gone_servers_.push_back(std::move(*found));
  *found = std::move(leaving_servers_.back());
  leaving_servers_.pop_back();
}

// -- buffers ------------------------------------------------------------------

std::vector<std::byte> shard::take_buffer() {
  if (buffers_.empty()) {
    std::vector<std::byte> fresh;
    fresh.reserve(buffer_bytes);
    return fresh;
  }
  auto out = std::move(buffers_.back());
  buffers_.pop_back();
  return out;
}

void shard::give_buffer(std::vector<std::byte> buffer) noexcept {
  if (buffers_.size() >= spare_buffers_max || buffer.capacity() > buffer_bytes)
    return;
  buffer.clear();
  buffers_.push_back(std::move(buffer));
}

kept_bytes_ptr shard::take_kept() {
  if (kept_.empty()) {
    auto fresh = std::make_unique<kept_bytes>();
    fresh->bytes.reserve(buffer_bytes);
    return fresh;
  }
  auto out = std::move(kept_.back());
  kept_.pop_back();
  return out;
}

void shard::give_kept(kept_bytes_ptr spent) noexcept {
  if (kept_.size() >= spare_buffers_max
      || spent->bytes.capacity() > buffer_bytes)
    return;
  spent->bytes.clear();
  kept_.push_back(std::move(spent));
}

shard_snapshot shard::snapshot(bool with_links) {
  shard_snapshot out;
  out.shard = index_;
  out.engine = engine_->name();
  out.clients_ended = clients_ended_;
  out.servers_given_up = servers_given_up_;
  out.ended = ended_.rows();
  for (auto& [id, here] : lanes_) {
    out.lanes.push_back(here->row());
    if (with_links)
      here->list(out.clients, out.servers);
  }
  return out;
}

} // namespace cenote::proxy
