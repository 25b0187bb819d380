#include "net/resolver.hpp"

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>

#include <netdb.h>
#include <sys/socket.h>

#include <asio/execution_context.hpp>
#include <asio/experimental/as_tuple.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/address.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/local/stream_protocol.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>

namespace cenote::net {

namespace {

using endpoint = asio::generic::stream_protocol::endpoint;
using endpoints = std::vector<endpoint>;

constexpr auto no_throw = asio::experimental::as_tuple(asio::use_awaitable);

/// Threads that wait for name servers.
constexpr unsigned lookup_threads_max = 4;

/// Who waits for an answer. Touched on its executor only.
struct asker {
  explicit asker(const asio::any_io_executor& executor)
    : answered{executor} {
    // nop
  }

  asio::steady_timer answered; ///< Cancelled when the answer is there.
  bool done = false;
  endpoints found;
  std::string problem;
};

/// What a lookup thread gets. It never owns the asker, whose timer must not
/// outlive its context; an asker that gave up is gone when the answer comes.
struct question {
  std::weak_ptr<asker> from;
  asio::any_io_executor executor;
  std::string host;
  std::uint16_t port;
};

/// Blocks for as long as the system's resolver does.
endpoints look_up(const std::string& host, std::uint16_t port,
                  std::string& problem) {
  auto hints = addrinfo{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV | AI_ADDRCONFIG;
  addrinfo* first = nullptr;
  auto rc
    = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &first);
  if (rc != 0) {
    problem = ::gai_strerror(rc);
    return {};
  }
  auto found = endpoints{};
  for (auto* at = first; at != nullptr; at = at->ai_next)
    found.emplace_back(at->ai_addr, at->ai_addrlen, IPPROTO_TCP);
  ::freeaddrinfo(first);
  return found;
}

/// What the lookup threads share with their context. It outlives the context
/// while a thread is still inside the system's resolver.
struct lookup_core {
  std::mutex guard;
  std::condition_variable changed;
  std::deque<question> waiting;
  unsigned threads = 0;
  unsigned idle = 0;
  bool stopped = false; ///< The context is going: no executor may be touched.
};

void serve(const std::shared_ptr<lookup_core>& core) {
  auto lock = std::unique_lock{core->guard};
  for (;;) {
    ++core->idle;
    core->changed.wait(
      lock, [&core] { return core->stopped || !core->waiting.empty(); });
    --core->idle;
    if (core->stopped)
      return;
    auto next = std::move(core->waiting.front());
    core->waiting.pop_front();
    lock.unlock();
    auto problem = std::string{};
    auto found = look_up(next.host, next.port, problem);
    lock.lock();
    // Under the lock: the context cannot end between the check and the post.
    if (core->stopped)
      return;
    auto to = next.from.lock();
    if (to == nullptr)
      continue;
    asio::post(next.executor, [to = std::move(to), found = std::move(found),
                               problem = std::move(problem)]() mutable {
      to->found = std::move(found);
      to->problem = std::move(problem);
      to->done = true;
      to->answered.cancel();
    });
  }
}

/// The lookup threads of one context. Started as they are needed.
class lookup_service : public asio::execution_context::service {
public:
  using key_type = lookup_service;

  static inline asio::execution_context::id id;

  explicit lookup_service(asio::execution_context& owner)
    : asio::execution_context::service{owner} {
    // nop
  }

  void ask(question what) {
    auto lock = std::lock_guard{core_->guard};
    core_->waiting.push_back(std::move(what));
    if (core_->idle < core_->waiting.size()
        && core_->threads < lookup_threads_max) {
      ++core_->threads;
      // Detached: the system's resolver cannot be interrupted, and the end of
      // the program must not wait for a name server.
      std::thread{[core = core_] { serve(core); }}.detach();
    }
    core_->changed.notify_one();
  }

private:
  void shutdown() noexcept override {
    auto dropped = std::deque<question>{};
    {
      auto lock = std::lock_guard{core_->guard};
      core_->stopped = true;
      dropped.swap(core_->waiting);
    }
    core_->changed.notify_all();
  }

  std::shared_ptr<lookup_core> core_ = std::make_shared<lookup_core>();
};

} // namespace

asio::awaitable<result<endpoints>> resolve(std::string host, std::uint16_t port,
                                           time_point deadline) {
  auto found = endpoints{};
  if (host.starts_with('/')) {
    auto path = host + "/.s.PGSQL." + std::to_string(port);
    // The length of sockaddr_un::sun_path; Asio throws beyond it.
    if (path.size() >= 108)
      co_return failure{ec::server_resolve_failed, path + ": name too long"};
    found.emplace_back(asio::local::stream_protocol::endpoint{path});
    co_return found;
  }
  auto malformed = asio::error_code{};
  auto literal = asio::ip::make_address(host, malformed);
  if (!malformed) {
    found.emplace_back(asio::ip::tcp::endpoint{literal, port});
    co_return found;
  }
  auto executor = co_await asio::this_coro::executor;
  auto asked = std::make_shared<asker>(executor);
  asked->answered.expires_at(deadline);
  auto& context = asio::query(executor, asio::execution::context);
  auto what = question{asked, executor, host, port};
  asio::use_service<lookup_service>(context).ask(std::move(what));
  if (!asked->done)
    co_await asked->answered.async_wait(no_throw);
  if (!asked->done)
    co_return failure{ec::server_connect_timeout, host + ": no answer"};
  if (asked->found.empty())
    co_return failure{ec::server_resolve_failed, host + ": " + asked->problem};
  co_return std::move(asked->found);
}

} // namespace cenote::net
