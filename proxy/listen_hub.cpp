#include "proxy/listen_hub.hpp"

#include <algorithm>
#include <memory>
#include <random>

#include "base/limits.hpp"
#include "base/log.hpp"
#include "protocol/messages.hpp"
#include "protocol/writer.hpp"
#include "proxy/client_link.hpp"
#include "proxy/lane.hpp"
#include "proxy/server_link.hpp"
#include "proxy/shard.hpp"

namespace cenote::proxy {

namespace {

/// Other poolers of the same database have fences of their own.
std::string random_name() {
  constexpr std::string_view digits = "0123456789abcdef";
  std::random_device from;
  std::string out = "cenote_fence_";
  for (int i = 0; i < 4; ++i)
    for (auto bits = from(), n = 0u; n < 4; ++n, bits >>= 4)
      out += digits[bits & 15];
  return out;
}

} // namespace

listen_hub::listen_hub(lane& in)
  : lane_{in},
    fence_{random_name()},
    retry_after_{limits::listening_retry_min},
    timer_{*this} {
  // nop
}

// -- clients ------------------------------------------------------------------

void listen_hub::add(client_link& who, std::span<const std::string> channels) {
  for (const auto& name : channels) {
    auto& all = channels_[name].clients;
    if (std::find(all.begin(), all.end(), &who) == all.end())
      all.push_back(&who);
  }
}

void listen_hub::join(client_link& who,
                      std::span<const std::string> channels) {
  add(who, channels);
  if (server_ == nullptr)
    return ask_for_server();
  if (listens_to(channels))
    return who.shared_listens();
  tell();
}

void listen_hub::join_with(client_link& who,
                           std::span<const std::string> channels,
                           server_link& server) {
  add(who, channels);
  take(server);
}

void listen_hub::leave(client_link& who,
                       std::span<const std::string> channels) {
  for (const auto& name : channels)
    if (auto found = channels_.find(name); found != channels_.end())
      std::erase(found->second.clients, &who);
  tell();
}

void listen_hub::leave(client_link& who) {
  for (auto& [name, what] : channels_)
    std::erase(what.clients, &who);
  tell();
}

bool listen_hub::listens_to(
  std::span<const std::string> channels) const noexcept {
  return std::all_of(channels.begin(), channels.end(), [&](auto& name) {
    auto found = channels_.find(name);
    return found != channels_.end() && found->second.at == state::listening;
  });
}

std::vector<client_link*> listen_hub::everybody() const {
  std::vector<client_link*> out;
  for (auto& [name, what] : channels_)
    out.insert(out.end(), what.clients.begin(), what.clients.end());
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

// -- the server ---------------------------------------------------------------

bool listen_hub::wants_server() const noexcept {
  return server_ == nullptr && !channels_.empty() && !lane_.ending();
}

void listen_hub::ask_for_server() {
  if (!wants_server() || is_waiting_ || try_at_ != never)
    return;
  is_waiting_ = true;
  lane_.checkout_for_hub();
}

void listen_hub::take(server_link& server) {
  if (std::exchange(is_waiting_, false))
    lane_.leave_queue_for_hub();
  try_at_ = never;
  server_ = &server;
  is_set_up_ = false;
  if (encoding_.empty())
    encoding_ = server.client_encoding();
  for (auto& [name, what] : channels_)
    what.at = state::wanted;
  log::debug("a server listens", {log::kv("server", server.id())});
  server.serve(*this);
  tell();
}

void listen_hub::refused() {
  is_waiting_ = false;
  try_again_later();
}

void listen_hub::try_again_later() {
  if (channels_.empty() || lane_.ending())
    return;
  try_at_ = lane_.home().now() + retry_after_;
  retry_after_
    = std::min<duration>(2 * retry_after_, limits::listening_retry_max);
  lane_.home().clocks().arm(timer_, try_at_);
}

void listen_hub::drop_server() {
  if (server_ != nullptr)
    server_->close(ec::server_retired);
}

/// Says what is to be said next, when the last was answered.
void listen_hub::tell() {
  std::erase_if(channels_, [this](auto& each) {
    return each.second.clients.empty()
        && (server_ == nullptr || each.second.at == state::wanted);
  });
  if (server_ == nullptr || is_busy_)
    return;
  std::string sql;
  if (!std::exchange(is_set_up_, true))
    sql = "set client_encoding to '" + encoding_
        + "'; select pg_catalog.set_config(s.name, '0', false) from "
          "pg_catalog.pg_settings s where s.name operator(pg_catalog.=) "
          "'idle_session_timeout'; listen "
        + session::quoted_name(fence_);
  auto add = [&sql](std::string_view verb, std::string_view name) {
    sql += sql.empty() ? "" : "; ";
    sql += verb;
    sql += session::quoted_name(name);
  };
  for (auto& [name, what] : channels_)
    if (what.clients.empty())
      add("unlisten ", name);
    else if (what.at == state::wanted)
      add("listen ", name);
  std::erase_if(channels_,
                [](auto& each) { return each.second.clients.empty(); });
  for (auto& [name, what] : channels_)
    if (what.at == state::wanted)
      what.at = state::asked;
  if (sql.empty())
    return;
  is_busy_ = true;
  lane_.home().clocks().arm(timer_, lane_.home().now()
                                      + limits::listening_answer_time_max);
  server_->query_own(sql);
}

void listen_hub::server_at_rest() {
  if (std::exchange(is_busy_, false)) {
    lane_.home().clocks().disarm(timer_);
    if (server_->has_own_error()) {
      log::warn("LISTEN failed on the listening server",
                {log::kv("server", server_->id())});
      return drop_server();
    }
    for (auto& [name, what] : channels_)
      if (what.at == state::asked)
        what.at = state::listening;
    retry_after_ = limits::listening_retry_min;
    for (auto* each : everybody())
      each->shared_listens();
    if (std::exchange(was_lost_, false))
      warn("listening again; notifications since the last warning are lost");
  }
  if (server_ == nullptr)
    return;
  if (!channels_.empty())
    return tell();
  // Nobody listens any more.
  encoding_.clear();
  std::exchange(server_, nullptr)->recover(false, false, true);
}

void listen_hub::notified(const session::notification& what,
                          std::span<const std::byte> message) {
  if (what.channel == fence_) {
    for (auto* each : everybody())
      each->shared_fenced(what.payload);
    return;
  }
  auto found = channels_.find(what.channel);
  if (found == channels_.end())
    return;
  const auto shared = std::make_shared<const std::vector<std::byte>>(
    message.begin(), message.end());
  // One that does not read ends, and leaves.
  const auto clients = found->second.clients;
  for (auto* each : clients)
    each->hear_shared(what.channel, shared);
}

void listen_hub::server_lost() {
  server_ = nullptr;
  is_busy_ = false;
  lane_.home().clocks().disarm(timer_);
  for (auto& [name, what] : channels_)
    what.at = state::wanted;
  tell(); // Channels without clients go.
  if (lane_.ending() || channels_.empty()) {
    encoding_.clear();
    return;
  }
  log::warn("the listening server is lost",
            {log::kv("pool", tenants::to_string(lane_.key()))});
  if (!std::exchange(was_lost_, true))
    warn("the server that listens for this connection is lost; notifications "
         "are lost until another one does");
  for (auto* each : everybody())
    each->shared_lost();
  if (server_ == nullptr) // Nobody gave another one.
    try_again_later();
}

void listen_hub::warn(std::string_view what) {
  protocol::notice_response notice;
  notice.severity = notice.severity_plain = "WARNING";
  notice.code = "01000";
  notice.message = what;
  const auto shared = std::make_shared<const std::vector<std::byte>>(
    protocol::encoded(notice));
  for (auto* each : everybody())
    each->hear_shared({}, shared);
}

void listen_hub::on_time(time_point now) {
  if (is_busy_) // It does not answer.
    return drop_server();
  if (now < try_at_)
    return;
  try_at_ = never;
  ask_for_server();
}

} // namespace cenote::proxy
