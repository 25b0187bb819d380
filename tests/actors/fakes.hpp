#pragma once

#include <algorithm>
#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "actors/messages.hpp"
#include "net/tls.hpp"
#include "proxy/data_plane.hpp"
#include "proxy/edge/services.hpp"

/// Neighbours of the actors that remember what they were told. Any thread.
namespace cenote::test {

class fake_shards final : public proxy::data_plane {
public:
  struct lane {
    std::shared_ptr<proxy::pool_port> port;
    tenants::pool_settings settings;
    proxy::pool_port::census present;
    unsigned failures_told = 0;
    std::optional<proxy::refusal> last_failure;
    std::uint64_t retired_below = 0;
    bool is_paused = false;
    bool is_draining = false;
    time_point drain_deadline = never;
    bool is_killed = false;
    bool is_closed = false;
  };

  bool refuses_lanes = false; ///< `open_lane` throws.
  bool answers_reports = true;
  bool answers_pauses = true;
  bool answers_retires = true;
  /// What `retire_servers` was given, while it is not answered.
  std::vector<std::shared_ptr<const void>> untold;
  /// Lanes asked to close an idle server, in order, once per server.
  std::vector<std::uint64_t> shrunk;
  std::function<void(std::uint64_t)> on_shrink; ///< May be empty.
  bool answers_drains = false;

  template <class Use>
  auto with(std::uint64_t id, Use use) {
    auto lock = std::lock_guard{guard_};
    return use(lanes_.at(id));
  }

  [[nodiscard]] std::size_t opened() const {
    auto lock = std::lock_guard{guard_};
    return lanes_.size();
  }

  [[nodiscard]] std::size_t live() const {
    auto lock = std::lock_guard{guard_};
    return static_cast<std::size_t>(std::ranges::count_if(
      lanes_, [](const auto& each) { return !each.second.is_closed; }));
  }

  /// Lanes that were ever opened for this pool key.
  [[nodiscard]] std::size_t opened_for(const tenants::pool_key& key) const {
    auto lock = std::lock_guard{guard_};
    return static_cast<std::size_t>(
      std::ranges::count_if(lanes_, [&key](const auto& each) {
        return each.second.port->key() == key;
      }));
  }

  std::shared_ptr<proxy::pool_port> port(std::uint64_t id) {
    return with(id, [](lane& one) { return one.port; });
  }

  static proxy::lane_ref ref(std::uint64_t id) {
    return {0, lane_id{id}};
  }

  // -- data_plane -------------------------------------------------------------

  proxy::lane_ref open_lane(std::shared_ptr<proxy::pool_port> port,
                            const tenants::pool_settings& settings) override {
    auto lock = std::lock_guard{guard_};
    if (refuses_lanes)
      throw std::runtime_error{"no lane today"};
    auto id = lanes_.size() + 1;
    lanes_[id].port = std::move(port);
    lanes_[id].settings = settings;
    return ref(id);
  }

  void configure_lane(proxy::lane_ref where,
                      const tenants::pool_settings& settings) override {
    with(where.lane.value(), [&](lane& one) { one.settings = settings; });
  }

  void fail_waiters(proxy::lane_ref where, proxy::refusal why) override {
    with(where.lane.value(), [&](lane& one) {
      ++one.failures_told;
      one.last_failure = std::move(why);
    });
  }

  void pause_lane(proxy::lane_ref where) override {
    auto port = with(where.lane.value(), [](lane& one) {
      one.is_paused = true;
      return one.port;
    });
    if (answers_pauses)
      port->paused(where);
  }

  void resume_lane(proxy::lane_ref where) override {
    with(where.lane.value(), [](lane& one) { one.is_paused = false; });
  }

  void retire_servers(proxy::lane_ref where, std::uint64_t epoch,
                      std::shared_ptr<const void> until_told) override {
    with(where.lane.value(), [&](lane& one) { one.retired_below = epoch; });
    if (!answers_retires)
      untold.push_back(std::move(until_told));
  }

  void shrink_lane(proxy::lane_ref where, std::uint32_t count) override {
    shrunk.insert(shrunk.end(), count, where.lane.value());
    if (on_shrink)
      on_shrink(where.lane.value());
  }

  void drain_lane(proxy::lane_ref where, time_point deadline, ec) override {
    auto port = with(where.lane.value(), [deadline](lane& one) {
      one.is_draining = true;
      one.drain_deadline = deadline;
      return one.port;
    });
    if (answers_drains)
      port->drained(where, 0);
  }

  void kill_lane(proxy::lane_ref where, ec) override {
    with(where.lane.value(), [](lane& one) { one.is_killed = true; });
  }

  void close_lane(proxy::lane_ref where) override {
    with(where.lane.value(), [](lane& one) { one.is_closed = true; });
  }

  void report(proxy::lane_ref where) override {
    if (!answers_reports)
      return;
    auto [port, now] = with(where.lane.value(), [](lane& one) {
      return std::pair{one.port, one.present};
    });
    port->reported(where, std::move(now));
  }

  void end_client(client_id, ec) override {}
  void adopt(proxy::lane_ref, proxy::client_adoption) override {}
  void adopt(proxy::lane_ref, proxy::server_adoption) override {}
  void cancel(proxy::cancel_key) override {}
  void cancel_settled(std::uint32_t, std::uint64_t, bool) override {}
  [[nodiscard]] std::size_t shard_count() const noexcept override {
    return 1;
  }
  void snapshot(std::shared_ptr<proxy::snapshot_sink>, bool) override {}

private:
  mutable std::mutex guard_;
  std::map<std::uint64_t, lane> lanes_;
};

/// Opens nothing; the test says how each login ends.
class fake_opener final : public proxy::edge::server_opener {
public:
  /// Every login succeeds at once.
  bool is_automatic = false;

  void open(proxy::edge::server_order order) noexcept override {
    auto lock = std::unique_lock{guard_};
    ++ordered_;
    if (!is_automatic) {
      orders_.push_back(std::move(order));
      return;
    }
    auto port = order.port;
    auto where = order.lane;
    servers_.push_back(std::move(order));
    lock.unlock();
    port->server_opened(where, greeting());
  }

  static proxy::greeting greeting() {
    return {{{"server_version", "15.1"}}};
  }

  [[nodiscard]] std::size_t ordered() const {
    auto lock = std::lock_guard{guard_};
    return ordered_;
  }

  [[nodiscard]] std::size_t under_way() const {
    auto lock = std::lock_guard{guard_};
    return orders_.size();
  }

  [[nodiscard]] std::size_t open_servers() const {
    auto lock = std::lock_guard{guard_};
    return servers_.size();
  }

  /// The oldest login under way ends well.
  void succeed() {
    auto order = take(orders_);
    auto port = order.port;
    auto where = order.lane;
    {
      auto lock = std::lock_guard{guard_};
      servers_.push_back(std::move(order));
    }
    port->server_opened(where, greeting());
  }

  void fail(ec code, std::string words = {}) {
    auto order = take(orders_);
    auto bytes = std::make_shared<std::vector<std::byte>>(words.size());
    std::ranges::transform(words, bytes->begin(),
                           [](char c) { return std::byte(c); });
    order.port->server_failed(order.lane, {{code, {}}, std::move(bytes)},
                              std::move(order.seat));
  }

  /// The oldest server dies.
  void lose() {
    auto order = take(servers_);
    order.seat.clear();
    order.port->server_gone(order.lane, ec::server_lost);
  }

  /// The oldest server of that lane is closed, if it has one.
  void lose_of(std::uint64_t lane) {
    auto lock = std::unique_lock{guard_};
    auto at = std::ranges::find_if(servers_, [lane](const auto& order) {
      return order.lane.lane.value() == lane;
    });
    if (at == servers_.end())
      return;
    auto order = std::move(*at);
    servers_.erase(at);
    lock.unlock();
    order.seat.clear();
    order.port->server_gone(order.lane, ec::server_retired);
  }

  [[nodiscard]] std::size_t open_servers_of(std::uint64_t lane) const {
    auto lock = std::lock_guard{guard_};
    return static_cast<std::size_t>(
      std::ranges::count_if(servers_, [lane](const auto& order) {
        return order.lane.lane.value() == lane;
      }));
  }

  /// Tenant of the newest order.
  [[nodiscard]] std::vector<std::string> tenants_under_way() const {
    auto names = std::vector<std::string>{};
    auto lock = std::lock_guard{guard_};
    for (const auto& order : orders_)
      names.push_back(order.port->key().tenant);
    return names;
  }

private:
  proxy::edge::server_order take(std::vector<proxy::edge::server_order>& from) {
    auto lock = std::lock_guard{guard_};
    if (from.empty())
      throw std::logic_error{"nothing to take"};
    auto first = std::move(from.front());
    from.erase(from.begin());
    return first;
  }

  mutable std::mutex guard_;
  std::vector<proxy::edge::server_order> orders_;
  std::vector<proxy::edge::server_order> servers_;
  std::size_t ordered_ = 0;
};

/// Where an answer arrives in a test.
class answer_slot final : public actors::reply_slot<actors::seat_answer> {
public:
  [[nodiscard]] bool has_answer() const {
    return value_.has_value();
  }
  [[nodiscard]] bool is_lost() const {
    return is_lost_;
  }
  [[nodiscard]] bool is_seated() const {
    return value_ && std::holds_alternative<actors::seat>(*value_);
  }
  [[nodiscard]] const actors::seat& seat() const {
    return std::get<actors::seat>(value_.value());
  }
  [[nodiscard]] const proxy::refusal& refusal() const {
    return std::get<proxy::refusal>(value_.value());
  }
  /// `none` for a seat or no answer yet.
  [[nodiscard]] ec code() const {
    return has_answer() && !is_seated() ? refusal().why.code : ec::none;
  }

protected:
  void deliver(actors::seat_answer value) noexcept override {
    value_ = std::move(value);
  }
  void lost() noexcept override {
    is_lost_ = true;
  }

private:
  std::optional<actors::seat_answer> value_;
  bool is_lost_ = false;
};

inline tenants::pool_spec make_spec(std::string tenant = "acme",
                                    std::string database = "shop") {
  auto spec = tenants::pool_spec{};
  spec.key = {std::move(tenant), "app", std::move(database),
              tenants::pool_mode::transaction};
  spec.target.host = "127.0.0.1";
  spec.settings.mode = tenants::pool_mode::transaction;
  return spec;
}

} // namespace cenote::test
