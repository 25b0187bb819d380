#include "configs/config.hpp"

namespace cenote::configs {

std::string_view name(engine_choice engine) noexcept {
  switch (engine) {
    case engine_choice::automatic:
      return "auto";
    case engine_choice::io_uring:
      return "io_uring";
    case engine_choice::epoll:
      return "epoll";
  }
  return "invalid";
}

std::string_view name(client_tls mode) noexcept {
  switch (mode) {
    case client_tls::disable:
      return "disable";
    case client_tls::allow:
      return "allow";
    case client_tls::require:
      return "require";
  }
  return "invalid";
}

std::string_view name(admin_role role) noexcept {
  switch (role) {
    case admin_role::stats:
      return "stats";
    case admin_role::admin:
      return "admin";
  }
  return "invalid";
}

std::vector<std::string_view> needs_restart(const config& running,
                                            const config& next) {
  auto out = std::vector<std::string_view>{};
  if (running.process.shards != next.process.shards)
    out.emplace_back("cenote.shards");
  if (running.process.engine != next.process.engine)
    out.emplace_back("cenote.engine");
  if (running.listeners != next.listeners)
    out.emplace_back("listener");
  if (running.admin.http != next.admin.http)
    out.emplace_back("admin.http");
  if (running.admin.socket != next.admin.socket)
    out.emplace_back("admin.socket");
  return out;
}

void keep_until_restart(const config& running, config& next) {
  next.process.shards = running.process.shards;
  next.process.engine = running.process.engine;
  next.listeners = running.listeners;
  next.admin.http = running.admin.http;
  next.admin.socket = running.admin.socket;
}

} // namespace cenote::configs
