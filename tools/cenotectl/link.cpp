#include "tools/cenotectl/link.hpp"

#include <chrono>
#include <future>
#include <memory>
#include <set>
#include <utility>

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/io/basp_broker.hpp>
#include <caf/io/middleman.hpp>
#include <caf/io/network/default_multiplexer.hpp>
#include <caf/scoped_actor.hpp>

#include "actors/bridge.hpp"
#include "actors/contracts.hpp"

namespace cenote::ctl {

namespace {

constexpr auto handshake_time_max = std::chrono::seconds{5};

struct config : caf::actor_system_config {
  config() {
    add_message_types<caf::id_block::cenote_registry>();
    add_message_types<caf::id_block::cenote_actors>();
    load<caf::io::middleman>();
    set("scheduler.policy", caf::atom("sharing"));
    set("scheduler.max-threads", std::size_t{1});
  }
};

using answer_promise = std::promise<result<actors::admin_reply>>;

/// Asks once. A daemon that goes away meanwhile is an answer, too: a request
/// alone would wait for its whole time.
caf::behavior ask_admin(caf::event_based_actor* self,
                        const actors::admin_actor& admin,
                        const actors::admin_command& command,
                        unsigned timeout_s,
                        const std::shared_ptr<answer_promise>& answer) {
  self->monitor(admin);
  self->set_down_handler([self, answer](caf::down_msg&) {
    answer->set_value(failure{ec::actor_down, "the daemon is gone"});
    self->quit();
  });
  self->request(admin, std::chrono::seconds{timeout_s}, atom::run_v, command)
    .then(
      [self, answer](actors::admin_reply& reply) {
        answer->set_value(std::move(reply));
        self->quit();
      },
      [self, answer](const caf::error& why) {
        answer->set_value(failure{to_ec(why), "no answer from the daemon"});
        self->quit();
      });
  return {};
}

} // namespace

result<actors::admin_reply> run(const std::string& socket_path,
                                const actors::admin_command& command,
                                unsigned timeout_s) {
  auto fd = actors::dial_admin_socket(socket_path);
  if (!fd)
    return std::move(fd).error();
  auto cfg = config{};
  auto system = caf::actor_system{cfg};
  auto& middleman = system.middleman();
  auto broker = middleman.named_broker<caf::io::basp_broker>(caf::atom("BASP"));
  auto& multiplexer
    = dynamic_cast<caf::io::network::default_multiplexer&>(middleman.backend());
  auto self = caf::scoped_actor{system};
  auto admin = actors::admin_actor{};
  auto outcome
    = result<actors::admin_reply>{failure{ec::actor_down, "no answer"}};
  self
    ->request(broker, handshake_time_max, caf::connect_atom_v,
              multiplexer.new_scribe((*fd).release()), std::uint16_t{1})
    .receive(
      [&](caf::node_id&, caf::strong_actor_ptr& peer, std::set<std::string>&) {
        admin = caf::actor_cast<actors::admin_actor>(peer);
      },
      [&](const caf::error& why) {
        outcome = failure{to_ec(why), "the daemon did not answer"};
      });
  if (!admin)
    return outcome;
  auto answer = std::make_shared<answer_promise>();
  auto later = answer->get_future();
  system.spawn(ask_admin, admin, command, timeout_s, std::move(answer));
  return later.get();
}

} // namespace cenote::ctl
