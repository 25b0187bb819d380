#include <boost/test/unit_test.hpp>

#include <caf/binary_deserializer.hpp>
#include <caf/binary_serializer.hpp>

#include "tests/actors/actor_fixture.hpp"

using namespace cenote;
using namespace cenote::test;
using namespace std::chrono_literals;
using actors::admin_command;
using actors::admin_reply;
using actors::admin_verb;

namespace {

class admin_slot final : public actors::reply_slot<admin_reply> {
public:
  std::optional<admin_reply> value;

protected:
  void deliver(admin_reply reply) noexcept override {
    value = std::move(reply);
  }
  void lost() noexcept override {}
};

struct admin_fixture : node_fixture {
  std::shared_ptr<admin_slot> ask_admin(admin_command command) {
    auto slot = std::make_shared<admin_slot>();
    caf::anon_send(node, atom::run_v,
                   actors::admin_order{std::move(command),
                                       actors::reply<admin_reply>{slot}});
    run();
    return slot;
  }

  ec code_of(admin_command command) {
    auto slot = ask_admin(std::move(command));
    return slot->value ? slot->value->code : ec::timed_out;
  }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(admin_suite, admin_fixture)

BOOST_AUTO_TEST_CASE(a_target_names_a_database_a_tenant_or_both) {
  BOOST_TEST(actors::matches("", "acme", "shop"));
  BOOST_TEST(actors::matches("shop", "acme", "shop"));
  BOOST_TEST(actors::matches("acme.shop", "acme", "shop"));
  BOOST_TEST(actors::matches("acme.", "acme", "shop"));
  BOOST_TEST(actors::matches(".", "", "shop"));
  BOOST_TEST(!actors::matches("acme", "acme", "shop"));
  BOOST_TEST(!actors::matches("acme.sho", "acme", "shop"));
  BOOST_TEST(!actors::matches("acm.", "acme", "shop"));
  BOOST_TEST(!actors::matches(".", "acme", "shop"));
}

BOOST_AUTO_TEST_CASE(pause_answers_when_the_lane_is_quiet) {
  opener.is_automatic = true;
  join_and_run(1);
  shards.answers_pauses = false;
  auto slot = ask_admin(admin_command{admin_verb::pause, "shop"});
  BOOST_TEST(!slot->value);
  shards.port(1)->paused(fake_shards::ref(1));
  run();
  BOOST_REQUIRE(slot->value);
  BOOST_TEST(slot->value->count == 1u);
  BOOST_TEST((code_of(admin_command{admin_verb::resume, "shop"}) == ec::none));
  BOOST_TEST(!shards.with(1, [](auto& lane) { return lane.is_paused; }));
}

BOOST_AUTO_TEST_CASE(pause_survives_the_death_of_the_manager) {
  opener.is_automatic = true;
  join_and_run(1);
  shards.answers_pauses = false;
  auto slot = ask_admin(admin_command{admin_verb::pause});
  kill_now(pool()->now().manager);
  run();
  shards.answers_pauses = true;
  advance(1s);
  BOOST_TEST(slot->value.has_value());
}

BOOST_AUTO_TEST_CASE(a_paused_database_makes_new_pools_wait_for_resume) {
  opener.is_automatic = true;
  join_and_run(1);
  BOOST_TEST((code_of(admin_command{admin_verb::kill, "shop"}) == ec::none));
  BOOST_TEST(shards.with(1, [](auto& lane) { return lane.is_killed; }));
  auto slot = join_and_run(2);
  BOOST_TEST(!slot->has_answer());
  BOOST_TEST(shards.with(2, [](auto& lane) { return lane.is_paused; }));
  BOOST_TEST((code_of(admin_command{admin_verb::resume, "shop"}) == ec::none));
  run();
  BOOST_TEST(slot->is_seated());
}

BOOST_AUTO_TEST_CASE(what_is_paused_is_known_until_it_is_resumed) {
  using list = std::vector<std::string>;
  auto paused = [this] {
    auto slot = ask_admin(admin_command{admin_verb::show_paused});
    BOOST_REQUIRE(slot->value);
    return slot->value->paused;
  };
  BOOST_TEST((paused() == list{}));
  // There is no pool.
  BOOST_TEST((code_of(admin_command{admin_verb::pause}) == ec::none));
  BOOST_TEST((paused() == list{""}));
  BOOST_TEST((code_of(admin_command{admin_verb::resume}) == ec::none));
  BOOST_TEST((paused() == list{}));
  opener.is_automatic = true;
  join_and_run(1);
  BOOST_TEST((code_of(admin_command{admin_verb::kill, "shop"}) == ec::none));
  BOOST_TEST(pool() == nullptr);
  BOOST_TEST((paused() == list{"shop"}));
  BOOST_TEST((code_of(admin_command{admin_verb::resume, "shop"}) == ec::none));
  BOOST_TEST((paused() == list{}));
}

BOOST_AUTO_TEST_CASE(a_pause_that_is_taken_back_leaves_others) {
  using list = std::vector<std::string>;
  auto paused = [this] {
    auto slot = ask_admin(admin_command{admin_verb::show_paused});
    BOOST_REQUIRE(slot->value);
    return slot->value->paused;
  };
  opener.is_automatic = true;
  join_and_run(1);
  BOOST_TEST((code_of(admin_command{admin_verb::pause, "shop"}) == ec::none));
  BOOST_TEST((code_of(admin_command{admin_verb::pause}) == ec::none));
  BOOST_TEST((paused() == list{"", "shop"}));
  BOOST_TEST((code_of(admin_command{admin_verb::unpause}) == ec::none));
  BOOST_TEST((paused() == list{"shop"}));
  BOOST_TEST(pool()->is_paused);
  BOOST_TEST(
    (code_of(admin_command{admin_verb::unpause}) == ec::admin_wrong_state));
  BOOST_TEST((code_of(admin_command{admin_verb::pause}) == ec::none));
  BOOST_TEST((code_of(admin_command{admin_verb::unpause, "shop"}) == ec::none));
  BOOST_TEST((paused() == list{""}));
  BOOST_TEST(pool()->is_paused);
  BOOST_TEST((code_of(admin_command{admin_verb::unpause}) == ec::none));
  BOOST_TEST(!pool()->is_paused);
}

BOOST_AUTO_TEST_CASE(what_is_not_there_or_not_paused_is_an_error) {
  opener.is_automatic = true;
  join_and_run(1);
  BOOST_TEST((code_of(admin_command{admin_verb::pause, "nope"})
              == ec::admin_unknown_target));
  BOOST_TEST((code_of(admin_command{admin_verb::kill, "nope"})
              == ec::admin_unknown_target));
  BOOST_TEST((code_of(admin_command{admin_verb::resume, "shop"})
              == ec::admin_wrong_state));
  BOOST_TEST((code_of(admin_command{admin_verb::terminate, "nope"})
              == ec::admin_unknown_target));
  BOOST_TEST(
    (code_of(admin_command{admin_verb::reload}) == ec::admin_wrong_state));
}

BOOST_AUTO_TEST_CASE(a_name_that_the_database_for_any_name_fits_is_known) {
  auto tenant = tenants::tenant{};
  tenant.id = "acme";
  tenant.databases.resize(2);
  tenant.databases[0].name = "*";
  tenant.databases[1].name = "books";
  tenant.users.resize(1);
  tenant.users[0].name = "app";
  auto narrow = tenants::tenant{};
  narrow.id = "narrow";
  narrow.databases.resize(1);
  narrow.databases[0].name = "only";
  auto use = [&](std::vector<tenants::tenant> all) {
    shared->set_catalog(std::make_shared<const tenants::catalog>(
      std::move(all), tenants::pool_options{}, tenants::node_limits{}));
  };
  use({tenant, narrow});
  opener.is_automatic = true;
  for (const auto* target : {"other.books", "other.", "*", "acme.*",
                             "narrow.other", "acm.shop", "acmes.shop"})
    for (auto verb : {admin_verb::pause, admin_verb::resume,
                      admin_verb::reconnect, admin_verb::kill})
      BOOST_TEST(
        (code_of(admin_command{verb, target}) == ec::admin_unknown_target),
        actors::name(verb) << ' ' << target);
  for (const auto* target : {"", "shop", "acme.shop", "acme.a.b", "books",
                             "acme.books", "acme.", "only", "narrow.only"})
    BOOST_TEST(
      (code_of(admin_command{admin_verb::reconnect, target}) == ec::none),
      target);
  // Paused and resumed without a pool.
  BOOST_TEST((code_of(admin_command{admin_verb::pause, "shop"}) == ec::none));
  auto slot = join_and_run(1);
  BOOST_TEST(!slot->has_answer());
  BOOST_TEST((code_of(admin_command{admin_verb::resume, "shop"}) == ec::none));
  run();
  BOOST_TEST(slot->is_seated());
  BOOST_TEST((code_of(admin_command{admin_verb::resume, "later"})
              == ec::admin_wrong_state));
  use({narrow});
  BOOST_TEST((code_of(admin_command{admin_verb::pause, "nowhere"})
              == ec::admin_unknown_target));
}

BOOST_AUTO_TEST_CASE(reconnect_retires_what_is_open_now) {
  opener.is_automatic = true;
  join_and_run(1);
  BOOST_TEST((code_of(admin_command{admin_verb::reconnect}) == ec::none));
  BOOST_TEST(shards.with(1, [](auto& lane) { return lane.retired_below; })
             == 2u);
}

BOOST_AUTO_TEST_CASE(reconnect_is_answered_when_every_lane_knows) {
  opener.is_automatic = true;
  shards.answers_retires = false;
  join_and_run(1);
  join_and_run(2, make_spec("other"));
  auto slot = ask_admin(admin_command{admin_verb::reconnect});
  BOOST_REQUIRE(shards.untold.size() == 2u);
  shards.untold.pop_back();
  run();
  BOOST_TEST(!slot->value.has_value());
  shards.untold.pop_back();
  run();
  BOOST_REQUIRE(slot->value);
  BOOST_TEST((slot->value->code == ec::none));
  BOOST_TEST(slot->value->count == 2u);
}

BOOST_AUTO_TEST_CASE(reconnect_does_not_wait_for_ever) {
  opener.is_automatic = true;
  shards.answers_retires = false;
  join_and_run(1);
  auto slot = ask_admin(admin_command{admin_verb::reconnect});
  BOOST_TEST(!slot->value.has_value());
  advance(10s);
  BOOST_REQUIRE(slot->value);
  BOOST_TEST((slot->value->code == ec::timed_out));
  shards.untold.clear(); // Too late: nothing comes of it.
  run();
  BOOST_TEST(slot->value->text == "not every shard answers");
}

BOOST_AUTO_TEST_CASE(terminate_ends_one_tenant_only) {
  opener.is_automatic = true;
  join_and_run(1);
  join_and_run(2, make_spec("other"));
  auto slot = ask_admin(admin_command{admin_verb::terminate, "acme"});
  BOOST_REQUIRE(slot->value);
  BOOST_TEST(slot->value->count == 1u);
  BOOST_TEST(shards.live() == 1u);
  BOOST_TEST(join_and_run(3)->is_seated());
}

BOOST_AUTO_TEST_CASE(show_pools_counts_clients_and_servers) {
  opener.is_automatic = true;
  join_and_run(1);
  join_and_run(2);
  auto slot = ask_admin(admin_command{admin_verb::show_pools});
  BOOST_REQUIRE(slot->value);
  BOOST_REQUIRE(slot->value->pools.size() == 1u);
  const auto& row = slot->value->pools.front();
  BOOST_TEST(row.tenant == "acme");
  BOOST_TEST(row.mode == "transaction");
  BOOST_TEST(row.clients == 2u);
  BOOST_TEST(row.servers == 1u);
  BOOST_TEST(row.servers_max == 20u);
  BOOST_TEST(row.state == "running");
}

namespace {

template <class T>
T there_and_back(caf::actor_system& system, const T& value) {
  auto bytes = std::vector<char>{};
  auto sink = caf::binary_serializer{system, bytes};
  // As the link does it: a whole message, with the type's name.
  auto out = caf::make_message(value);
  BOOST_TEST(!sink(out));
  auto source = caf::binary_deserializer{system, bytes};
  auto in = caf::message{};
  BOOST_TEST(!source(in));
  BOOST_REQUIRE(in.match_elements<T>());
  return in.get_as<T>(0);
}

} // namespace

BOOST_AUTO_TEST_CASE(every_message_that_crosses_the_link_survives_it) {
  auto command
    = admin_command{admin_verb::kill, "acme.shop", actors::end_wait::clients};
  command.time_max_ms = 7;
  BOOST_TEST((there_and_back(system, command) == command));
  auto reply = admin_reply{};
  reply.code = ec::admin_unknown_target;
  reply.text = "nope";
  reply.count = 3;
  reply.pools.push_back(
    {"acme", "app", "shop", "session", 1, 2, 3, 4, 5, "running"});
  reply.tenants.push_back({"acme", 1, 2, 3});
  BOOST_TEST((there_and_back(system, reply) == reply));
  auto entry = registry::registration{"acme", "n1", {}, "r", 42};
  auto copy = there_and_back(system, entry);
  BOOST_TEST(copy.name == "acme");
  BOOST_TEST(copy.node == "n1");
  BOOST_TEST(copy.relay == "r");
  BOOST_TEST(copy.time_unix_us == 42);
  auto error
    = there_and_back(system, caf::error{caf::make_error(ec::tenant_down)});
  BOOST_TEST((to_ec(error) == ec::tenant_down));
}

BOOST_AUTO_TEST_SUITE_END()
