#include "app/console/session.hpp"

#include <array>
#include <string_view>
#include <utility>

#include "app/console/tables.hpp"
#include "base/limits.hpp"
#include "base/log.hpp"
#include "protocol/messages.hpp"
#include "protocol/reader.hpp"
#include "protocol/reply_mirror.hpp"
#include "proxy/edge/message_io.hpp"

namespace cenote::app {

namespace {

/// One Query message. What an operator types is short.
constexpr std::size_t query_bytes_max = 64 * 1024;

/// A client that PgBouncer's console would not disconnect with words of its
/// own: the extended protocol.
constexpr bool is_extended(char tag) noexcept {
  constexpr std::string_view tags = "PBDECHS";
  return tags.find(tag) != std::string_view::npos;
}

void add_ready(std::vector<std::byte>& out) {
  auto to = protocol::writer{out};
  auto ready = protocol::ready_for_query{};
  ready.status = protocol::transaction_status::idle;
  ready.encode(to);
}

template <class Message>
void add(std::vector<std::byte>& out, const Message& message) {
  auto to = protocol::writer{out};
  message.encode(to);
}

std::vector<std::byte> welcome(const std::string& version,
                               const proxy::cancel_key& own) {
  auto out = std::vector<std::byte>{};
  add(out, protocol::authentication_ok{});
  const auto server_version = version + "/bouncer";
  const auto parameters
    = std::array<std::pair<std::string_view, std::string_view>, 8>{{
      {"server_version", server_version},
      {"client_encoding", "UTF8"},
      {"server_encoding", "UTF8"},
      {"DateStyle", "ISO"},
      {"TimeZone", "GMT"},
      {"standard_conforming_strings", "on"},
      {"integer_datetimes", "on"},
      {"is_superuser", "on"},
    }};
  for (const auto& [key, value] : parameters) {
    auto status = protocol::parameter_status{};
    status.name = key;
    status.value = value;
    add(out, status);
  }
  auto key = protocol::backend_key_data{};
  key.pid = static_cast<std::int32_t>(own.pid);
  key.key = own.secret;
  add(out, key);
  add_ready(out);
  return out;
}

} // namespace

session::session(console_state& home, net::edge_stream stream, std::string user,
                 bool may_change)
  : home_{home},
    stream_{std::move(stream)},
    user_{std::move(user)},
    may_change_{may_change},
    interrupted_{home.keys, stream_.get_executor()} {
  // nop
}

asio::awaitable<bool> session::greet() {
  auto bytes
    = welcome(home_.parts.version, home_.keys.spell_out(interrupted_.key()));
  auto sent = co_await stream_.write(std::move(bytes));
  co_return !!sent;
}

asio::awaitable<void> session::run() {
  if (!co_await greet())
    co_return;
  for (;;) {
    stream_.grant(query_bytes_max);
    auto got = co_await proxy::edge::read_message(stream_, query_bytes_max,
                                                  ec::message_too_large);
    if (!got) {
      if (got.error().code == ec::message_too_large) {
        auto why = protocol::make_error(ec::message_too_large);
        co_await refuse(std::move(why));
      }
      co_return;
    }
    if (got->tag == protocol::terminate_message::tag)
      co_return;
    if (got->tag != protocol::query_message::tag) {
      auto why
        = is_extended(got->tag)
          ? protocol::make_error(ec::admin_extended_query)
          : complaint(ec::protocol_violation,
                      "unsupported packet type for admin console: "
                        + std::to_string(static_cast<unsigned char>(got->tag)));
      co_return co_await refuse(std::move(why));
    }
    auto query = protocol::query_message::decode(got->body);
    if (!query) {
      auto why = protocol::make_error(ec::protocol_violation);
      co_return co_await refuse(std::move(why));
    }
    auto text = std::string{query->text};
    if (!co_await answer(std::move(text)))
      co_return;
  }
}

asio::awaitable<void> session::refuse(protocol::error_response why) {
  why.severity = "FATAL";
  why.severity_plain = "FATAL";
  auto bytes = protocol::encoded(why);
  auto sent = co_await stream_.write(std::move(bytes));
  if (sent)
    co_await stream_.close_gently(limits::refusal_time_max);
}

/// False: the session is over.
asio::awaitable<bool> session::answer(std::string text) {
  out_.clear();
  const auto statements = split(text);
  if (statements.empty())
    add(out_, protocol::empty_query_response{});
  for (auto one : statements) {
    auto how = co_await execute(one);
    if (std::holds_alternative<over>(how))
      co_return false;
    if (const auto* why = std::get_if<protocol::error_response>(&how)) {
      add(out_, *why);
      break;
    }
  }
  add_ready(out_);
  auto sent = co_await stream_.write(std::move(out_));
  out_ = {};
  co_return !!sent;
}

asio::awaitable<session::outcome> session::execute(std::string_view text) {
  auto what = parse(text);
  if (!what)
    co_return complaint(ec::admin_syntax, what.error().detail);
  if (!may_change_ && !may_everybody(*what))
    co_return protocol::make_error(ec::admin_denied);
  if (what->what == verb::set)
    co_return set(*what);
  if (what->what == verb::show)
    co_return co_await show(*what);
  auto line = std::string{text.substr(0, 200)};
  log::info("console command",
            {log::kv("user", user_), log::kv("command", line)});
  co_return co_await change(*what);
}

asio::awaitable<session::outcome> session::show(const statement& what) {
  if (const auto* setting = find_fake_setting(what.argument)) {
    write_setting(out_, *setting);
    co_return done{};
  }
  if (upper(what.argument) == "SERVER_VERSION") {
    const auto value = home_.parts.version + "/bouncer";
    write_setting(out_, {"server_version", value});
    co_return done{};
  }
  auto asked = parse_subject(what.argument);
  if (!asked)
    co_return complaint(ec::admin_syntax,
                        invalid_command("SHOW " + what.argument));
  if (*asked == subject::fds)
    co_return not_supported("SHOW FDS");
  auto seen = co_await look(*asked);
  if (seen.links.missing != 0)
    add(out_, notice(std::to_string(seen.links.missing)
                     + " shards did not answer in time"));
  if (needs_paused(*asked) && !seen.paused)
    add(out_, notice("what is paused is not known"));
  write_table(out_, *asked, seen);
  co_return done{};
}

session::outcome session::set(const statement& what) {
  if (find_fake_setting(what.argument) == nullptr)
    return not_supported("SET", "Edit the configuration file, then RELOAD.");
  add(out_, notice("SET ignored"));
  complete(verb::set);
  return done{};
}

void session::complete(verb what) {
  auto tag = protocol::command_complete{};
  tag.command = name(what);
  add(out_, tag);
}

} // namespace cenote::app
