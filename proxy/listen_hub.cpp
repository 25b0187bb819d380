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

/// A cancel that struck our words, a full disk: not the third time.
constexpr unsigned failures_max = 3;

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
    untold_.push_back(name);
  }
}

void listen_hub::join(client_link& who, std::span<const std::string> channels) {
  add(who, channels);
  moved(who);
  moving_.push_back(&who);
  if (server_ == nullptr)
    return ask_for_server();
  tell();
  if (listens_to(channels))
    who.shared_listens();
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
    if (auto found = channels_.find(name);
        found != channels_.end() && std::erase(found->second.clients, &who) > 0
        && found->second.clients.empty())
      untold_.push_back(name);
  tell();
}

void listen_hub::moved(client_link& who) noexcept {
  std::erase(moving_, &who);
}

void listen_hub::end_clients() {
  for (auto* each : everybody())
    each->refuse(ec::killed_by_admin);
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
  untold_.clear();
  for (auto& [name, what] : channels_) {
    what.at = state::wanted;
    untold_.push_back(name);
  }
  log::debug("a server listens", {log::kv("server", server.id())});
  server.serve(*this);
  if (!lane_.may_keep(server))
    return drop_server();
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
  if (server_ != nullptr && is_busy_)
    return;
  std::string sql;
  // A client's server has that client's settings.
  if (server_ != nullptr && !std::exchange(is_set_up_, true))
    sql = "set statement_timeout to 0; set client_encoding to '" + encoding_
        + "'; select pg_catalog.set_config(s.name, '0', false) from "
          "pg_catalog.pg_settings s where s.name operator(pg_catalog.=) "
          "'idle_session_timeout'; listen "
        + session::quoted_name(fence_);
  auto say = [&sql](std::string_view verb, std::string_view name) {
    sql += sql.empty() ? "" : "; ";
    sql += verb;
    sql += session::quoted_name(name);
  };
  for (auto& name : std::exchange(untold_, {})) {
    auto found = channels_.find(name);
    if (found == channels_.end())
      continue;
    auto& what = found->second;
    if (what.clients.empty()) {
      if (what.at != state::wanted)
        say("unlisten ", name);
      channels_.erase(found);
    } else if (server_ != nullptr && what.at == state::wanted) {
      say("listen ", name);
      what.at = state::asked;
      asked_.push_back(std::move(name));
    }
  }
  if (server_ == nullptr && channels_.empty())
    return forget_loss();
  if (server_ == nullptr || sql.empty())
    return;
  is_busy_ = true;
  lane_.home().clocks().arm(timer_, lane_.home().now()
                                      + limits::listening_answer_time_max);
  server_->query_own(sql);
}

void listen_hub::server_at_rest() {
  if (std::exchange(is_busy_, false))
    answered();
  if (server_ == nullptr || is_busy_)
    return;
  tell();
  if (server_ == nullptr || is_busy_ || !channels_.empty())
    return;
  // Nobody listens any more. Who came and went while the server was busy has
  // left nothing to say.
  encoding_.clear();
  std::exchange(server_, nullptr)->recover(false, false, true);
}

void listen_hub::answered() {
  lane_.home().clocks().disarm(timer_);
  const auto asked = std::exchange(asked_, {});
  const auto failed = server_->take_own_error();
  for (const auto& name : asked)
    if (auto found = channels_.find(name); found != channels_.end()) {
      found->second.at = failed ? state::wanted : state::listening;
      if (failed)
        untold_.push_back(name);
    }
  if (failed) { // Perhaps a cancel of its client's that came late.
    log::warn("LISTEN failed on the listening server",
              {log::kv("server", server_->id())});
    is_set_up_ = false;
    return ++failures_ >= failures_max ? drop_server() : tell();
  }
  failures_ = 0;
  retry_after_ = limits::listening_retry_min;
  const auto moving = moving_;
  for (auto* each : moving)
    each->shared_listens();
  if (std::exchange(was_lost_, false))
    warn(false, "listening again; notifications since the last warning are "
                "lost");
}

void listen_hub::notified(const session::notification& what,
                          std::span<const std::byte> message) {
  if (what.channel == fence_) {
    const auto moving = moving_;
    for (auto* each : moving)
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
  failures_ = 0;
  lane_.home().clocks().disarm(timer_);
  asked_.clear();
  for (auto& [name, what] : channels_)
    what.at = state::wanted;
  tell(); // Channels without clients go.
  if (lane_.ending() || channels_.empty())
    return forget_loss();
  ++lane_.sums().listening_losses;
  log::warn("the listening server is lost",
            {log::kv("pool", tenants::to_string(lane_.key()))});
  if (!std::exchange(was_lost_, true))
    warn(true, "the server that listens for this connection is lost; "
               "notifications are lost until another one does");
  const auto moving = std::exchange(moving_, {});
  for (auto* each : moving)
    each->shared_lost();
  if (server_ == nullptr) // Nobody gave another one.
    try_again_later();
}

void listen_hub::forget_loss() {
  encoding_.clear();
  was_lost_ = false;
  retry_after_ = limits::listening_retry_min;
}

void listen_hub::warn(bool is_loss, std::string_view what) {
  protocol::notice_response notice;
  notice.severity = notice.severity_plain = "WARNING";
  notice.code = "01000";
  notice.message = what;
  const auto shared
    = std::make_shared<const std::vector<std::byte>>(protocol::encoded(notice));
  for (auto* each : everybody())
    each->hear_of_loss(is_loss, shared);
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
