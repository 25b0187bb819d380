#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/scheduler/test_coordinator.hpp>
#include <caf/scoped_actor.hpp>

#include "actors/house.hpp"
#include "actors/node_supervisor.hpp"
#include "tests/actors/fakes.hpp"

namespace cenote::test {

/// CAF with a scheduler and a clock that only the test moves.
class actor_fixture {
public:
  struct config : caf::actor_system_config {
    config() {
      add_message_types<caf::id_block::cenote_registry>();
      add_message_types<caf::id_block::cenote_actors>();
      set("scheduler.policy", caf::atom("testing"));
    }
  };

  void run() {
    sched.run();
  }

  void advance(duration by) {
    sched.advance_time(by);
    sched.run();
  }

  config cfg;
  caf::actor_system system{cfg};
  caf::scheduler::test_coordinator& sched
    = dynamic_cast<caf::scheduler::test_coordinator&>(system.scheduler());
};

/// A whole node between fakes.
class node_fixture : public actor_fixture {
public:
  class listener final : public proxy::edge::quota_listener {
  public:
    explicit listener(actors::house_ptr with)
      : with_{std::move(with)} {
      // nop
    }
    void unit_returned(proxy::quota& which) noexcept override {
      if (auto to = with_->admission())
        caf::anon_send(to, atom::returned_v,
                       std::uint64_t{reinterpret_cast<std::uintptr_t>(&which)});
    }

  private:
    actors::house_ptr with_;
  };

  node_fixture() {
    start();
  }

  ~node_fixture() {
    quotas.listen(nullptr);
    kill_now(node);
    run();
    for (auto& pool : shared->pools.all())
      pool->detach();
    shared->set_node({});
    shared->set_names({});
    shared->set_admission({});
    shared->set_admin({});
  }

  void start() {
    quotas.listen(std::make_shared<listener>(shared));
    node = system.spawn(actors::node_supervisor_behavior, shared);
    run();
  }

  using slot_ptr = std::shared_ptr<answer_slot>;

  /// Asks for a seat; `run` lets the actors hear it.
  slot_ptr join(std::uint64_t who, tenants::pool_spec spec = make_spec()) {
    auto slot = std::make_shared<answer_slot>();
    caf::anon_send(
      node, atom::subscribe_v,
      actors::subscribe_order{
        client_id{who},
        std::make_shared<const tenants::pool_spec>(std::move(spec)),
        actors::reply<actors::seat_answer>{slot}});
    return slot;
  }

  slot_ptr join_and_run(std::uint64_t who,
                        tenants::pool_spec spec = make_spec()) {
    auto slot = join(who, std::move(spec));
    run();
    return slot;
  }

  actors::live_pool_ptr pool(const tenants::pool_spec& spec = make_spec()) {
    return shared->pools.find(spec.key);
  }

  /// Says that `count` waiters of the pool could use a server each.
  void starve(std::uint32_t count,
              const tenants::pool_spec& spec = make_spec()) {
    auto numbers = proxy::lane_numbers{};
    numbers.waiting = count;
    numbers.servers_wanted = count;
    auto which = pool(spec);
    which->starving(which->lane, numbers);
    run();
  }

  fake_shards shards;
  fake_opener opener;
  proxy::edge::quota_book quotas;
  actors::house_ptr shared = std::make_shared<actors::house>(
    actors::system_services{&shards, &opener, &quotas, nullptr, nullptr},
    actors::system_settings{});
  actors::node_supervisor_actor node;
};

} // namespace cenote::test
