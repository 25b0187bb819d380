#include "proxy/edge/acceptor.hpp"

#include <algorithm>
#include <utility>

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/experimental/awaitable_operators.hpp>
#include <asio/this_coro.hpp>

#include "base/limits.hpp"
#include "proxy/edge/coroutine.hpp"

namespace cenote::proxy::edge {

using namespace asio::experimental::awaitable_operators;

namespace {

asio::awaitable<void> say_goodbye(net::edge_stream& stream,
                                  std::vector<std::byte> bytes) {
  auto sent = co_await stream.write(std::move(bytes));
  if (sent)
    co_await stream.close_gently(limits::refusal_time_max);
}

/// Tells the client why, if anything is to be said, and closes.
asio::awaitable<void> refuse(net::edge_stream& stream, const rejection& why) {
  auto bytes = wire_form(why);
  if (!bytes.empty()) {
    auto late
      = asio::steady_timer{stream.get_executor(), limits::refusal_time_max};
    co_await (say_goodbye(stream, std::move(bytes))
              || late.async_wait(no_throw));
  }
  stream.close();
}

/// Never throws: what is thrown is a login that failed.
asio::awaitable<outcome<arrival>> try_log_in(net::edge_stream& stream,
                                             edge_settings_ptr settings,
                                             begun_login& begun,
                                             login_services& with) {
  if (begun.failed)
    co_return std::move(*begun.failed);
  auto what = std::string{};
  try {
    co_return co_await log_in(stream, std::move(settings), begun, with);
  } catch (const std::exception& error) {
    what = error.what();
  }
  co_return rejection{failure{ec::os_error, std::move(what)}};
}

/// A secret of another size is none of cenote's.
void take_cancel(edge_state& edge, protocol::cancel_request request) {
  ++edge.counters.cancels_received;
  const auto size = request.key.size();
  if (size != short_secret_bytes && size != long_secret_bytes)
    return;
  auto key = cancel_key{static_cast<std::uint32_t>(request.pid),
                        std::move(request.key)};
  if (edge.console.cancel(key))
    return;
  if (edge.counters.cancels_in_flight >= limits::cancels_in_flight_max) {
    ++edge.counters.cancels_dropped;
    return;
  }
  edge.shards.cancel(std::move(key));
}

void hand_over(edge_state& edge, net::edge_stream stream, welcomed who) {
  auto handed = std::move(stream).release();
  who.client.socket = std::move(handed.socket);
  who.client.tls = std::move(handed.tls);
  who.client.unread = std::move(handed.unread);
  ++edge.counters.logins_succeeded;
  edge.shards.adopt(who.lane, std::move(who.client));
}

/// 0: without end.
duration time_left(const edge_settings& settings, time_point since) {
  if (settings.login_time_max.count() <= 0)
    return {};
  const auto left = since + settings.login_time_max - clock::now();
  return std::max<duration>(left, std::chrono::milliseconds{1});
}

} // namespace

asio::awaitable<void> turn_away(edge_state_ptr edge, net::edge_stream stream) {
  const auto why = rejection{ec::too_many_logins};
  note_failure(edge->counters, why, login_record{}, stream.peer());
  auto bytes = wire_form(why);
  // Fits into an empty socket's buffer; nobody is waited for.
  auto sent = co_await stream.write(std::move(bytes));
  static_cast<void>(sent);
  stream.close();
}

asio::awaitable<void> accept_clients(edge_state_ptr edge, net::listener& from,
                                     std::optional<tenants::pool_mode> mode) {
  for (;;) {
    auto stream = co_await from.accept();
    if (!stream)
      co_return;
    const auto settings = edge->settings.load();
    if (edge->counters.logins_in_progress >= settings->logins_max) {
      asio::co_spawn(edge->on, turn_away(edge, std::move(*stream)),
                     asio::detached);
      continue;
    }
    auto begun = begun_login{login_count{edge->counters}, clock::now(), mode};
    go_on(edge, std::move(*stream), std::move(begun));
  }
}

void go_on(const edge_state_ptr& edge, net::edge_stream stream,
           begun_login begun) {
  spawn_watched(edge->on, [&](asio::cancellation_signal& stop) {
    return serve_client(edge, std::move(stream), std::move(begun), stop);
  });
}

asio::awaitable<void> serve_client(edge_state_ptr edge, net::edge_stream stream,
                                   begun_login begun,
                                   asio::cancellation_signal& stop) {
  auto settings = edge->settings.load();
  const auto peer = stream.peer();
  auto limit = std::optional<watch>{};
  limit.emplace(edge->watches, stop, time_left(*settings, begun.since),
                ec::login_timeout);
  auto went = outcome<arrival>{rejection{ec::login_timeout}};
  if (!limit->is_over())
    went = co_await try_log_in(stream, settings, begun, edge->login);
  if (limit->is_over()) {
    co_await asio::this_coro::reset_cancellation_state();
    if (std::holds_alternative<rejection>(went))
      went = out_of_time(limit->why(), begun.record);
  }
  limit.reset(); // What follows has limits of its own.
  if (auto* why = std::get_if<rejection>(&went)) {
    note_failure(edge->counters, *why, begun.record, peer);
    co_return co_await refuse(stream, *why);
  }
  auto& what = *std::get_if<arrival>(&went);
  if (auto* request = std::get_if<protocol::cancel_request>(&what)) {
    take_cancel(*edge, std::move(*request));
    stream.close();
  } else if (auto* who = std::get_if<welcomed>(&what)) {
    hand_over(*edge, std::move(stream), std::move(*who));
  } else if (auto* admin = std::get_if<console_login>(&what)) {
    ++edge->counters.console_logins;
    begun.counted.end();
    co_await edge->console.serve(std::move(stream), std::move(admin->user),
                                 admin->may_change);
  }
}

} // namespace cenote::proxy::edge
