#pragma once

#include <chrono>
#include <type_traits>
#include <utility>

#include <asio/any_io_executor.hpp>
#include <asio/async_result.hpp>
#include <asio/awaitable.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/experimental/as_tuple.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <asio/thread_pool.hpp>
#include <asio/use_awaitable.hpp>

/// The edge's coroutine rule: g++ 12 destroys a temporary of aggregate or
/// closure type twice if it stands in an expression with `co_await`. Pass named
/// locals with `std::move`, or types that have a constructor.
namespace cenote::proxy::edge {

/// Errors stay values.
inline constexpr auto no_throw
  = asio::experimental::as_tuple(asio::use_awaitable);

/// A timer that `time` (0 or less: never) ends.
inline void expire_after(asio::steady_timer& timer,
                         std::chrono::steady_clock::duration time) {
  if (time.count() <= 0)
    timer.expires_at(asio::steady_timer::time_point::max());
  else
    timer.expires_after(time);
}

/// Runs `work` on `pool` and completes on `back` with what it returned. Not a
/// coroutine: its closures never live in a frame.
template <class Work>
asio::awaitable<std::invoke_result_t<Work&>>
run_beside(asio::thread_pool& pool, asio::any_io_executor back, Work work) {
  using value_type = std::invoke_result_t<Work&>;
  return asio::async_initiate<const asio::use_awaitable_t<>&, void(value_type)>(
    [&pool, back](auto handler, Work job) {
      // The guard keeps the edge's loop alive while only the pool works for it.
      auto guard = asio::make_work_guard(back);
      asio::post(pool, [handler = std::move(handler), job = std::move(job),
                        guard = std::move(guard)]() mutable {
        auto to = guard.get_executor();
        asio::post(to, [handler = std::move(handler), value = job(),
                        guard = std::move(guard)]() mutable {
          std::move(handler)(std::move(value));
        });
      });
    },
    asio::use_awaitable, std::move(work));
}

} // namespace cenote::proxy::edge
