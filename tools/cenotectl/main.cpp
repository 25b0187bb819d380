#include <cstdio>
#include <string>
#include <tuple>

#include <CLI/CLI.hpp>
#include <fmt/core.h>

#include "base/error.hpp"
#include "tools/cenotectl/link.hpp"

using cenote::actors::admin_command;
using cenote::actors::admin_reply;
using cenote::actors::admin_verb;
using cenote::actors::end_wait;

namespace {

void print_pools(const admin_reply& reply) {
  fmt::print("{:<16} {:<16} {:<20} {:<12} {:>5} {:>8} {:>8} {:>5}  {}\n",
             "tenant", "user", "database", "mode", "shard", "clients",
             "servers", "max", "state");
  for (const auto& row : reply.pools)
    fmt::print("{:<16} {:<16} {:<20} {:<12} {:>5} {:>8} {:>8} {:>5}  {}\n",
               row.tenant, row.user, row.database, row.mode, row.shard,
               row.clients, row.servers, row.servers_max, row.state);
}

void print_tenants(const admin_reply& reply) {
  fmt::print("{:<16} {:>6} {:>8} {:>8}\n", "tenant", "pools", "clients",
             "servers");
  for (const auto& row : reply.tenants)
    fmt::print("{:<16} {:>6} {:>8} {:>8}\n", row.tenant, row.pools, row.clients,
               row.servers);
}

/// Prints the answer; the exit status.
int show(const admin_command& command, const admin_reply& reply) {
  if (reply.code != cenote::ec::none) {
    fmt::print(stderr, "cenotectl: {}{}{}\n",
               cenote::describe(reply.code).message,
               reply.text.empty() ? "" : ": ", reply.text);
    return 1;
  }
  if (command.verb == admin_verb::show_pools)
    print_pools(reply);
  else if (command.verb == admin_verb::show_tenants)
    print_tenants(reply);
  else if (command.verb == admin_verb::version)
    fmt::print("{}\n", reply.text);
  else
    fmt::print("{}: done{}{}\n", name(command.verb),
               reply.text.empty() ? "" : ", ", reply.text);
  return 0;
}

struct arguments {
  std::string socket = "/run/cenote/admin.sock";
  unsigned timeout_s = 300;
  admin_command command;
};

/// One subcommand that sends `verb`; `target` is its optional or required
/// argument.
CLI::App* add(CLI::App& to, arguments& into, admin_verb verb,
              const std::string& word, const std::string& help) {
  auto* made = to.add_subcommand(word, help);
  made->callback([&into, verb] { into.command.verb = verb; });
  return made;
}

} // namespace

int main(int argc, char** argv) {
  auto args = arguments{};
  auto cli = CLI::App{"Talks to a running cenote over its admin socket."};
  cli.add_option("--socket", args.socket, "The daemon's admin.socket")
    ->capture_default_str();
  cli.add_option("--timeout", args.timeout_s, "Seconds to wait for the answer")
    ->capture_default_str();
  cli.require_subcommand(1);
  auto* show_what = cli.add_subcommand("show", "Shows what there is");
  show_what->require_subcommand(1);
  add(*show_what, args, admin_verb::show_pools, "pools", "All open pools");
  add(*show_what, args, admin_verb::show_tenants, "tenants", "All tenants");
  add(*show_what, args, admin_verb::version, "version", "The daemon's version");
  const auto* target_help
    = "\"database\", \"tenant.database\" or \"tenant.\"; all without";
  for (auto [verb, word, help] :
       {std::tuple{admin_verb::pause, "pause", "Stops lending, waits for it"},
        std::tuple{admin_verb::resume, "resume", "Lends again"},
        std::tuple{admin_verb::reconnect, "reconnect",
                   "Replaces servers as they come free"},
        std::tuple{admin_verb::kill, "kill", "Ends clients and servers now"}})
    add(cli, args, verb, word, help)
      ->add_option("target", args.command.target, target_help);
  add(cli, args, admin_verb::reload, "reload", "Reads the configuration again");
  add(cli, args, admin_verb::terminate, "terminate",
      "Ends a tenant's pools now")
    ->add_option("tenant", args.command.target, "The tenant's id")
    ->required();
  auto* end
    = add(cli, args, admin_verb::shutdown, "shutdown", "Ends the daemon");
  auto& wait = args.command.wait;
  end->add_flag_callback(
    "--wait", [&wait] { wait = end_wait::servers; },
    "Clients may finish their transactions");
  end->add_flag_callback(
    "--wait-for-clients", [&wait] { wait = end_wait::clients; },
    "Nobody new comes in; ends when all clients are gone");
  CLI11_PARSE(cli, argc, argv);

  auto answer = cenote::ctl::run(args.socket, args.command, args.timeout_s);
  if (!answer) {
    fmt::print(stderr, "cenotectl: {}\n", answer.error().detail);
    return 2;
  }
  return show(args.command, *answer);
}
