#include "actors/bridge.hpp"

#include <functional>
#include <optional>
#include <system_error>
#include <utility>

#include <asio/any_io_executor.hpp>
#include <asio/experimental/as_tuple.hpp>
#include <asio/io_context.hpp>
#include <asio/local/stream_protocol.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>

#include "actors/house.hpp"

namespace cenote::actors {

namespace {

constexpr auto no_throw = asio::experimental::as_tuple(asio::use_awaitable);

/// Waits for one answer on the executor of the coroutine that asked. The timer
/// is both the deadline and the doorbell.
template <class T>
class waiter final : public reply_slot<T>,
                     public std::enable_shared_from_this<waiter<T>> {
public:
  /// `unclaimed` takes back what arrived when nobody was there any more.
  waiter(asio::any_io_executor on, std::function<void(T&)> unclaimed)
    : bell_{std::move(on)},
      unclaimed_{std::move(unclaimed)} {
    // nop
  }

  ~waiter() override {
    if (value_ && unclaimed_)
      unclaimed_(*value_);
  }

  /// The answer; nothing if it was lost (`is_lost`) or abandoned.
  asio::awaitable<std::optional<T>> wait(time_point deadline) {
    auto throws = co_await asio::this_coro::throw_if_cancelled();
    co_await asio::this_coro::throw_if_cancelled(false);
    while (!value_ && !is_lost_) {
      bell_.expires_at(deadline);
      co_await bell_.async_wait(no_throw);
      if (value_ || is_lost_)
        break;
      auto state = co_await asio::this_coro::cancellation_state;
      auto is_over = state.cancelled() != asio::cancellation_type::none
                  || clock::now() >= deadline;
      if (is_over && this->abandon())
        break;
      // Too late to give up: the answer is on its way.
      if (is_over)
        deadline = never;
    }
    co_await asio::this_coro::throw_if_cancelled(throws);
    co_return std::exchange(value_, std::nullopt);
  }

  [[nodiscard]] bool is_lost() const noexcept {
    return is_lost_;
  }

protected:
  void deliver(T value) noexcept override {
    asio::post(bell_.get_executor(), [self = this->shared_from_this(),
                                      value = std::move(value)]() mutable {
      self->value_ = std::move(value);
      self->bell_.cancel();
    });
  }

  void lost() noexcept override {
    asio::post(bell_.get_executor(), [self = this->shared_from_this()] {
      self->is_lost_ = true;
      self->bell_.cancel();
    });
  }

private:
  asio::steady_timer bell_;
  std::function<void(T&)> unclaimed_;
  std::optional<T> value_;
  bool is_lost_ = false;
};

/// Abandons the order when the coroutine's frame goes away, whatever the
/// reason.
template <class T>
class asking {
public:
  asking(asio::any_io_executor on, std::function<void(T&)> unclaimed)
    : slot_{std::make_shared<waiter<T>>(std::move(on), std::move(unclaimed))} {
    // nop
  }

  asking(const asking&) = delete;
  asking& operator=(const asking&) = delete;

  ~asking() {
    slot_->abandon();
  }

  [[nodiscard]] const std::shared_ptr<waiter<T>>& slot() const noexcept {
    return slot_;
  }

private:
  std::shared_ptr<waiter<T>> slot_;
};

/// A seat that nobody sits on.
std::function<void(seat_answer&)> leave_for(client_id who) {
  return [who](seat_answer& unclaimed) {
    if (auto* given = std::get_if<seat>(&unclaimed))
      given->port->client_left(who);
  };
}

// The two that send are plain functions: what they make inside must not be a
// temporary of a `co_await` expression (g++ 12 destroys some of those twice).

void send_subscribe(const house& with, client_id who, spec_ptr spec,
                    const std::shared_ptr<waiter<seat_answer>>& to) {
  auto order = subscribe_order{who, std::move(spec), reply<seat_answer>{to}};
  if (auto node = with.node())
    tell_from_outside(node, atom::subscribe_v, std::move(order));
}

void send_run(const house& with, admin_command command,
              const std::shared_ptr<waiter<admin_reply>>& to) {
  auto order = admin_order{std::move(command), reply<admin_reply>{to}};
  if (auto node = with.node())
    tell_from_outside(node, atom::run_v, std::move(order));
}

/// A seat by the pool's open door: no actor is asked.
std::optional<proxy::edge::admission> walk_in(const house& with,
                                              const tenants::pool_key& key,
                                              client_id who,
                                              proxy::quota_units& units) {
  auto pool = with.pools.find(key);
  auto greet = pool ? pool->enter(who) : std::nullopt;
  if (!greet)
    return std::nullopt;
  const auto lane = pool->lane;
  return proxy::edge::admission{
    lane, std::move(*greet),
    proxy::subscription{who, std::move(pool), std::move(units)}};
}

proxy::refusal refused(ec code) {
  return proxy::refusal{failure{code, {}}, {}};
}

} // namespace

bridge::bridge(std::shared_ptr<house> with)
  : with_{std::move(with)} {
  // nop
}

std::optional<proxy::edge::admission>
bridge::enter(const tenants::pool_spec& spec, client_id who,
              proxy::quota_units& units) {
  return walk_in(*with_, spec.key, who, units);
}

asio::awaitable<proxy::edge::subscribe_outcome>
bridge::subscribe(spec_ptr spec, client_id who, proxy::quota_units units) {
  if (auto walked_in = walk_in(*with_, spec->key, who, units))
    co_return std::move(*walked_in);
  auto on = co_await asio::this_coro::executor;
  const auto& settings = with_->settings();
  auto deadline = clock::now() + settings.subscribe_time_max;
  auto pause = settings.ask_again_pause;
  for (auto asked = 1u;; ++asked) {
    auto attempt = asking<seat_answer>{on, leave_for(who)};
    send_subscribe(*with_, who, spec, attempt.slot());
    auto answer = co_await attempt.slot()->wait(deadline);
    if (answer) {
      if (auto* why = std::get_if<proxy::refusal>(&*answer))
        co_return std::move(*why);
      auto& given = std::get<seat>(*answer);
      auto admitted = proxy::edge::admission{
        given.lane, given.greet,
        proxy::subscription{who, given.port, std::move(units)}};
      co_return std::move(admitted);
    }
    if (!attempt.slot()->is_lost())
      co_return refused(ec::subscribe_timeout);
    if (asked >= settings.ask_count_max || clock::now() + pause >= deadline)
      co_return refused(ec::actor_down);
    auto timer = asio::steady_timer{on, pause};
    auto [failed] = co_await timer.async_wait(no_throw);
    if (failed)
      co_return refused(ec::subscribe_timeout);
    pause *= 4;
  }
}

asio::awaitable<admin_reply> bridge::run(admin_command command) {
  auto on = co_await asio::this_coro::executor;
  auto attempt = asking<admin_reply>{on, {}};
  send_run(*with_, std::move(command), attempt.slot());
  auto answer = co_await attempt.slot()->wait(never);
  if (answer)
    co_return std::move(*answer);
  auto lost = admin_reply{};
  lost.code = attempt.slot()->is_lost() ? ec::actor_down : ec::timed_out;
  co_return lost;
}

result<net::unique_fd> dial_admin_socket(const std::string& path) {
  try {
    auto io = asio::io_context{1};
    auto socket = asio::local::stream_protocol::socket{io};
    socket.connect(asio::local::stream_protocol::endpoint{path});
    return net::unique_fd{socket.release()};
  } catch (const std::system_error& x) {
    return failure{ec::os_error, path + ": " + x.code().message()};
  }
}

} // namespace cenote::actors
