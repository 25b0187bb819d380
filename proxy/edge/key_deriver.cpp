#include "proxy/edge/key_deriver.hpp"

#include <optional>
#include <utility>

#include "proxy/edge/coroutine.hpp"

namespace cenote::proxy::edge {

namespace {

struct derivation {
  secret password;
  std::string salt;
  std::uint32_t iterations;
  std::shared_ptr<std::atomic<bool>> stopped;

  result<protocol::scram_keys> operator()() const {
    if (*stopped)
      return ec::shutting_down;
    return protocol::derive_keys(password, salt, iterations);
  }
};

struct comparison {
  secret password;
  protocol::scram_verifier verifier;
  std::shared_ptr<std::atomic<bool>> stopped;

  result<bool> operator()() const {
    if (*stopped)
      return ec::shutting_down;
    return protocol::password_matches(password, verifier);
  }
};

} // namespace

key_deriver::key_deriver(asio::any_io_executor edge, std::size_t remembered_max)
  : edge_{std::move(edge)},
    remembered_max_{remembered_max},
    stopped_{std::make_shared<std::atomic<bool>>(false)},
    workers_{1},
    wasters_{1} {
  // nop
}

key_deriver::~key_deriver() {
  stop();
}

asio::awaitable<result<protocol::scram_keys>>
key_deriver::keys(secret password, std::string salt, std::uint32_t iterations,
                  bool* ran) {
  auto name = salt + '$' + std::to_string(iterations);
  for (;;) {
    if (auto* known = find(name, password); known != nullptr)
      co_return known->keys;
    auto at = pending_.find(name);
    if (at == pending_.end())
      break;
    if (ran != nullptr)
      *ran = true;
    auto wait = at->second;
    co_await wait->async_wait(no_throw);
  }
  if (*stopped_)
    co_return ec::shutting_down;
  if (ran != nullptr)
    *ran = true;
  auto done = std::make_shared<asio::steady_timer>(
    edge_, asio::steady_timer::time_point::max());
  pending_.emplace(name, done);
  auto job = derivation{password, salt, iterations, stopped_};
  auto derived = co_await run_beside(workers_, edge_, std::move(job));
  ++derived_;
  if (derived)
    remember(name, std::move(password), *derived);
  pending_.erase(name);
  done->cancel();
  co_return derived;
}

asio::awaitable<result<bool>>
key_deriver::matches(secret password, protocol::scram_verifier verifier) {
  if (*stopped_)
    co_return ec::shutting_down;
  auto job = comparison{std::move(password), std::move(verifier), stopped_};
  co_return co_await run_beside(workers_, edge_, std::move(job));
}

asio::awaitable<void> key_deriver::waste_one() {
  if (*stopped_)
    co_return;
  auto job = derivation{secret{"nobody"}, std::string(16, 's'),
                        protocol::scram_iterations_default, stopped_};
  auto wasted = co_await run_beside(wasters_, edge_, std::move(job));
  static_cast<void>(wasted);
}

void key_deriver::forget() {
  by_name_.clear();
  recent_.clear();
}

void key_deriver::stop() noexcept {
  // Not `thread_pool::stop`: a job that never runs would keep its coroutine,
  // and with it whatever the coroutine owns, inside the pool.
  *stopped_ = true;
  workers_.join();
  wasters_.join();
}

const key_deriver::entry* key_deriver::find(const std::string& name,
                                            const secret& password) {
  auto at = by_name_.find(name);
  if (at == by_name_.end() || !(at->second->password == password))
    return nullptr;
  recent_.splice(recent_.begin(), recent_, at->second);
  return &*at->second;
}

void key_deriver::remember(const std::string& name, secret password,
                           const protocol::scram_keys& keys) {
  if (auto at = by_name_.find(name); at != by_name_.end()) {
    recent_.erase(at->second);
    by_name_.erase(at);
  }
  recent_.push_front(entry{name, std::move(password), keys});
  by_name_.emplace(name, recent_.begin());
  if (recent_.size() > remembered_max_) {
    by_name_.erase(recent_.back().name);
    recent_.pop_back();
  }
}

} // namespace cenote::proxy::edge
