#include "proxy/shards.hpp"

#include <pthread.h>

#include <algorithm>
#include <utility>

#include "proxy/lane.hpp"
#include "proxy/shard.hpp"

namespace cenote::proxy {

namespace {

/// The parts of one `report`, each written by its lane; the last one to come
/// tells.
class census_gatherer {
public:
  explicit census_gatherer(lane_ref of)
    : of_{of},
      parts_(of.count),
      left_{of.count} {
    // nop
  }

  void add(lane& here) {
    parts_[here.index()] = here.census();
    if (--left_ > 0)
      return;
    auto& whole = parts_.front();
    for (std::size_t i = 1; i < parts_.size(); ++i)
      whole.add(std::move(parts_[i]));
    here.port().reported(of_, std::move(whole));
  }

private:
  lane_ref of_;
  std::vector<pool_port::census> parts_;
  std::atomic<std::uint32_t> left_;
};

/// A listening server is one lane's, and its clients must be in it: where
/// LISTENs are shared there is one lane. See docs/listen.md.
std::uint32_t lane_count(const tenants::pool_settings& settings,
                         std::uint32_t most) noexcept {
  const auto shares_listens = settings.listen == tenants::listen_policy::shared
                           && settings.mode != tenants::pool_mode::session;
  return shares_listens ? 1 : std::clamp(settings.lanes, 1u, most);
}

/// Before it is in its lane, so that the next one sees it.
void note_client(lane_ref where, const client_adoption& client) {
  auto* port = client.seat.port();
  if (port == nullptr || !port->board().is_shared())
    return;
  auto& board = port->board();
  if (auto index = board.on_shard(where.shard))
    ++board.at(*index).clients;
}

} // namespace

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
  auto all = std::vector<shard*>{};
  for (auto& one : out->shards_)
    all.push_back(one.get());
  for (auto& one : out->shards_)
    one->set_peers(all);
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
  for (std::uint32_t i = 0; i < where.count; ++i)
    if (auto* home = home_of(where, i))
      home->post([home, id = where.lane, task]() mutable noexcept {
        if (auto* here = home->find_lane(id))
          task(*here);
      });
}

shard* shards::home_of(lane_ref where, std::uint32_t index) noexcept {
  return where.shard < shards_.size()
         ? shards_[(where.shard + index) % shards_.size()].get()
         : nullptr;
}

lane_ref shards::open_lane(std::shared_ptr<pool_port> port,
                           const tenants::pool_settings& settings) {
  auto least
    = std::min_element(shards_.begin(), shards_.end(),
                       [](auto& a, auto& b) { return a->load() < b->load(); });
  const auto most = static_cast<std::uint32_t>(shards_.size());
  const auto out = lane_ref{(**least).index(), lane_id{++last_lane_},
                            lane_count(settings, most)};
  if (out.count > 1)
    port->board().open(out.count, out.shard, most);
  for (std::uint32_t i = 0; i < out.count; ++i) {
    auto& home = *home_of(out, i);
    home.post([&home, id = out.lane, port, settings, i]() mutable noexcept {
      home.open_lane(id, std::move(port), settings, i);
    });
  }
  return out;
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
  with_lane(where,
            [number = ++last_pause_](lane& here) { here.pause(number); });
}

void shards::resume_lane(lane_ref where) {
  with_lane(where, [](lane& here) { here.resume(); });
}

void shards::retire_servers(lane_ref where, std::uint64_t epoch,
                            std::shared_ptr<const void> until_told) {
  with_lane(where,
            [epoch, until_told](lane& here) { here.retire_servers(epoch); });
}

void shards::shrink_lane(lane_ref where, std::uint32_t count) {
  // All lanes take from one count.
  auto left = std::make_shared<std::atomic<std::int64_t>>(count);
  with_lane(where, [left](lane& here) {
    while (left->fetch_sub(1) > 0)
      if (here.shrink(1) == 0)
        break;
    ++*left;
  });
}

void shards::drain_lane(lane_ref where, time_point deadline, ec why) {
  with_lane(where, [deadline, why](lane& here) { here.drain(deadline, why); });
}

void shards::kill_lane(lane_ref where, ec why) {
  with_lane(where, [why](lane& here) { here.kill(why); });
}

void shards::close_lane(lane_ref where) {
  for (std::uint32_t i = 0; i < where.count; ++i)
    if (auto* home = home_of(where, i))
      home->post([home, id = where.lane]() noexcept { home->close_lane(id); });
}

void shards::report(lane_ref where) {
  auto whole = std::make_shared<census_gatherer>(where);
  with_lane(where, [whole](lane& here) { whole->add(here); });
}

void shards::end_client(client_id who, ec why) {
  for (auto& one : shards_)
    one->post(
      [home = one.get(), who, why]() noexcept { home->end_client(who, why); });
}

lane_ref shards::place(lane_ref where, const subscription& seat,
                       std::uint32_t here) {
  auto* port = seat.port();
  if (where.count == 1 || port == nullptr || !port->board().is_shared())
    return where;
  auto& board = port->board();
  auto index = board.emptiest();
  const auto mine = board.on_shard(here);
  if (mine && board.at(*mine).clients <= board.at(index).clients)
    index = *mine;
  return {board.at(index).shard, where.lane, 1};
}

void shards::adopt_here(shard& home, lane_ref where, client_adoption&& client) {
  note_client(where, client);
  home.adopt(where.lane, std::move(client));
}

void shards::adopt(lane_ref where, client_adoption client) {
  if (where.shard >= shards_.size())
    return;
  where = place(where, client.seat, where.shard);
  note_client(where, client);
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

bool shards::open_porches(const porch_maker_ptr& by) {
  for (auto& one : shards_)
    one->post([home = one.get(), by]() noexcept { home->build(*by); });
  return !shards_.empty();
}

void shards::end_logins(ec why) {
  for (auto& one : shards_)
    one->post([home = one.get(), why]() noexcept { home->end_logins(why); });
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
