#include "proxy/shards.hpp"

#include <pthread.h>

#include <algorithm>
#include <utility>

#include "proxy/lane.hpp"
#include "proxy/shard.hpp"

namespace cenote::proxy {

result<std::unique_ptr<shards>>
shards::start(std::size_t count, engine_maker make_engine, edge_port& edge) {
  auto out = std::unique_ptr<shards>{new shards};
  for (std::size_t i = 0; i < count; ++i) {
    auto engine = make_engine();
    if (!engine)
      return std::move(engine).error();
    out->shards_.push_back(std::make_unique<shard>(
      static_cast<std::uint32_t>(i), std::move(*engine), edge));
  }
  for (auto& one : out->shards_) {
    out->threads_.emplace_back([which = one.get()] { which->run(); });
    pthread_setname_np(out->threads_.back().native_handle(),
                       ("shard" + std::to_string(one->index())).c_str());
  }
  return out;
}

shards::~shards() {
  stop();
}

void shards::stop() noexcept {
  for (auto& one : shards_)
    one->stop();
  for (auto& thread : threads_)
    if (thread.joinable())
      thread.join();
}

std::size_t shards::shard_count() const noexcept {
  return shards_.size();
}

template <class Task>
void shards::with_lane(lane_ref where, Task task) {
  if (where.shard >= shards_.size())
    return;
  auto& home = *shards_[where.shard];
  home.post(
    [&home, id = where.lane, task = std::move(task)]() mutable noexcept {
      if (auto* here = home.find_lane(id))
        task(*here);
    });
}

lane_ref shards::open_lane(std::shared_ptr<pool_port> port,
                           const tenants::pool_settings& settings) {
  auto least
    = std::min_element(shards_.begin(), shards_.end(),
                       [](auto& a, auto& b) { return a->load() < b->load(); });
  auto& home = **least;
  lane_id id{++last_lane_};
  home.post([&home, id, port = std::move(port), settings]() mutable noexcept {
    home.open_lane(id, std::move(port), settings);
  });
  return {home.index(), id};
}

void shards::configure_lane(lane_ref where,
                            const tenants::pool_settings& settings) {
  with_lane(where, [settings](lane& here) { here.configure(settings); });
}

void shards::fail_waiters(lane_ref where, refusal why) {
  with_lane(where,
            [why = std::move(why)](lane& here) { here.fail_waiters(why); });
}

void shards::pause_lane(lane_ref where) {
  with_lane(where, [](lane& here) { here.pause(); });
}

void shards::resume_lane(lane_ref where) {
  with_lane(where, [](lane& here) { here.resume(); });
}

void shards::retire_servers(lane_ref where, std::uint64_t epoch) {
  with_lane(where, [epoch](lane& here) { here.retire_servers(epoch); });
}

void shards::shrink_lane(lane_ref where, std::uint32_t count) {
  with_lane(where, [count](lane& here) { here.shrink(count); });
}

void shards::drain_lane(lane_ref where, time_point deadline, ec why) {
  with_lane(where, [deadline, why](lane& here) { here.drain(deadline, why); });
}

void shards::kill_lane(lane_ref where, ec why) {
  with_lane(where, [why](lane& here) { here.kill(why); });
}

void shards::close_lane(lane_ref where) {
  if (where.shard >= shards_.size())
    return;
  auto& home = *shards_[where.shard];
  home.post([&home, id = where.lane]() noexcept { home.close_lane(id); });
}

void shards::report(lane_ref where) {
  with_lane(where, [](lane& here) { here.report(); });
}

void shards::end_client(client_id who, ec why) {
  for (auto& one : shards_)
    one->post(
      [home = one.get(), who, why]() noexcept { home->end_client(who, why); });
}

void shards::adopt(lane_ref where, client_adoption client) {
  if (where.shard >= shards_.size())
    return;
  auto& home = *shards_[where.shard];
  home.post(
    [&home, id = where.lane, client = std::move(client)]() mutable noexcept {
      home.adopt(id, std::move(client));
    });
}

void shards::adopt(lane_ref where, server_adoption server) {
  if (where.shard >= shards_.size())
    return;
  auto& home = *shards_[where.shard];
  home.post(
    [&home, id = where.lane, server = std::move(server)]() mutable noexcept {
      home.adopt(id, std::move(server));
    });
}

void shards::cancel(cancel_key key) {
  if (key.shard() >= shards_.size())
    return;
  auto& home = *shards_[key.shard()];
  home.post([&home, key = std::move(key)]() noexcept { home.cancel(key); });
}

void shards::cancel_settled(std::uint32_t index, std::uint64_t ticket,
                            bool acknowledged) {
  if (index >= shards_.size())
    return;
  auto& home = *shards_[index];
  home.post([&home, ticket, acknowledged]() noexcept {
    home.cancel_settled(ticket, acknowledged);
  });
}

void shards::snapshot(std::shared_ptr<snapshot_sink> to, bool with_links) {
  for (auto& one : shards_)
    one->post([home = one.get(), to, with_links]() noexcept {
      to->arrived(home->snapshot(with_links));
    });
}

} // namespace cenote::proxy
