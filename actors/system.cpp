#include "actors/system.hpp"

#include <thread>
#include <utility>

#include <caf/actor_system_config.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/logger.hpp>
#include <caf/stateful_actor.hpp>

#include "actors/admin_link.hpp"
#include "actors/bridge.hpp"
#include "actors/house.hpp"
#include "actors/node_supervisor.hpp"
#include "base/log.hpp"

namespace cenote::actors {

namespace {

struct config : caf::actor_system_config {
  explicit config(const system_settings& with) {
    add_message_types<caf::id_block::cenote_registry>();
    add_message_types<caf::id_block::cenote_actors>();
    // No polling when idle, and no actor keeps a thread for long.
    set("scheduler.policy", caf::atom("sharing"));
    set("scheduler.max-threads", with.scheduler_threads);
    set("scheduler.max-throughput", std::size_t{64});
    if (with.with_admin_link)
      load_admin_link(*this);
  }
};

/// Units that come back go to ADMISSION, whoever that is at the time.
class unit_listener final : public proxy::edge::quota_listener {
public:
  explicit unit_listener(house_ptr with)
    : with_{std::move(with)} {
    // nop
  }

  void unit_returned(proxy::quota& which) noexcept override {
    if (auto to = with_->admission())
      tell_from_outside(
        to, atom::returned_v,
        std::uint64_t{reinterpret_cast<std::uintptr_t>(&which)});
  }

private:
  house_ptr with_;
};

/// The last resort: starts NODE SUPERVISOR, and starts it anew.
struct guard_state {
  static inline const char* name = "guard";

  caf::event_based_actor* self = nullptr;
  house_ptr with;
  node_supervisor_actor node;

  ~guard_state() {
    kill_now(node);
  }

  void start_node() {
    node = self->spawn(node_supervisor_behavior, with);
    self->monitor(node);
  }
};

caf::behavior guard_behavior(caf::stateful_actor<guard_state>* self,
                             house_ptr with) {
  install_handlers(self, guard_state::name);
  auto* state = &self->state;
  state->self = self;
  state->with = std::move(with);
  self->set_down_handler([state](caf::down_msg&) {
    log::error("node supervisor died");
    // A while later: what kills it at once must not keep us busy.
    after(state->self, std::chrono::milliseconds{10}, state->self,
          atom::tick_v);
  });
  state->start_node();
  return {
    [state](atom::tick) { state->start_node(); },
  };
}

} // namespace

struct actor_system_host::impl {
  impl(system_services with, system_settings settings)
    : shared{std::make_shared<house>(std::move(with), std::move(settings))},
      cfg{shared->settings()},
      system{std::make_unique<caf::actor_system>(cfg)},
      link{shared} {
    // nop
  }

  house_ptr shared;
  config cfg;
  std::unique_ptr<caf::actor_system> system;
  bridge link;
  caf::actor guard;
  bool is_stopped = false;
};

actor_system_host::actor_system_host(system_services with,
                                     system_settings settings)
  : impl_{std::make_unique<impl>(std::move(with), std::move(settings))} {
  auto& all = *impl_;
  if (auto first = all.shared->catalog())
    all.shared->quotas().apply(*first);
  all.shared->quotas().listen(std::make_shared<unit_listener>(all.shared));
  all.guard = all.system->spawn(guard_behavior, all.shared);
  // Whoever spawns is bound to the system's logger, and its destructor would
  // wait for that thread's end.
  caf::logger::set_current_actor_system(nullptr);
  // `apply` and `subscribe` may follow at once.
  while (!all.shared->node())
    std::this_thread::yield();
}

actor_system_host::~actor_system_host() {
  if (impl_->is_stopped || stop(std::chrono::seconds{10}))
    return;
  log::error("actors did not end in time");
  // Its destructor would wait for ever.
  static_cast<void>(impl_->system.release());
  static_cast<void>(impl_.release());
}

proxy::edge::pool_directory& actor_system_host::directory() noexcept {
  return impl_->link;
}

asio::awaitable<admin_reply> actor_system_host::run(admin_command command) {
  return impl_->link.run(std::move(command));
}

void actor_system_host::apply(tenants::catalog_ptr now) {
  auto& shared = *impl_->shared;
  shared.set_catalog(now);
  shared.quotas().apply(*now);
  if (auto node = shared.node())
    tell_from_outside(node, atom::apply_v, std::move(now));
}

void actor_system_host::serve_admin_socket(net::unique_fd connection) {
  if (!impl_->shared->settings().with_admin_link)
    return;
  attach_admin_link(*impl_->system, impl_->shared, std::move(connection));
}

bool actor_system_host::stop(duration time_max) {
  auto& all = *impl_;
  if (all.is_stopped)
    return true;
  all.shared->quotas().listen(nullptr);
  kill_now(all.guard);
  auto until = clock::now() + time_max;
  while (all.system->registry().running() > 0) {
    if (clock::now() >= until)
      return false;
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
  }
  // Lanes may keep ports longer than the system lives.
  for (auto& pool : all.shared->pools.all())
    pool->detach();
  all.shared->set_node({});
  all.shared->set_names({});
  all.shared->set_admission({});
  all.shared->set_admin({});
  all.guard = nullptr;
  all.is_stopped = true;
  return true;
}

std::size_t actor_system_host::pool_count() const {
  return impl_->shared->pools.size();
}

const std::shared_ptr<house>& actor_system_host::shared() const noexcept {
  return impl_->shared;
}

} // namespace cenote::actors
