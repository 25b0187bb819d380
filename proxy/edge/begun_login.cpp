#include "proxy/edge/begun_login.hpp"

#include "base/log.hpp"

namespace cenote::proxy::edge {

namespace {

std::string text_of(const net::address& peer) {
  if (peer.is_unix)
    return "unix";
  return peer.host + ":" + std::to_string(peer.port);
}

} // namespace

std::string_view name(login_stage stage) noexcept {
  switch (stage) {
    case login_stage::startup:
      return "startup";
    case login_stage::resolve:
      return "resolve";
    case login_stage::authenticate:
      return "authenticate";
    case login_stage::subscribe:
      return "subscribe";
    case login_stage::greet:
      return "greet";
  }
  return "?";
}

void note_identity(login_record& record, const identity& whom) {
  record.stage = login_stage::authenticate;
  record.user = whom.user;
  record.tenant = whom.tenant;
  record.database = whom.database;
}

void note_failure(edge_counters& counters, const rejection& why,
                  const login_record& record, const net::address& peer) {
  counters.logins_failed.add(why.why.code);
  // Load balancers look whether the port answers, all day long.
  const bool is_probe
    = why.why.code == ec::client_gone && record.stage == login_stage::startup;
  const auto level = is_probe ? log::level::debug : log::level::info;
  if (!log::enabled(level))
    return;
  log::write(level, "login failed",
             {log::kv("code", why.why.code), log::kv("detail", why.why.detail),
              log::kv("stage", name(record.stage)),
              log::kv("peer", text_of(peer)), log::kv("tenant", record.tenant),
              log::kv("user", record.user),
              log::kv("database", record.database)});
}

rejection out_of_time(ec why, const login_record& record) {
  auto out = rejection{why};
  // PostgreSQL says nothing to who has not said what it speaks.
  out.is_silent
    = why == ec::login_timeout && record.stage == login_stage::startup;
  return out;
}

} // namespace cenote::proxy::edge
