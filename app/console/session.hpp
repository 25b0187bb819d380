#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/steady_timer.hpp>

#include "app/console/answers.hpp"
#include "app/console/console.hpp"
#include "app/console/statement.hpp"
#include "app/console/stats.hpp"
#include "app/console/view.hpp"
#include "net/edge_stream.hpp"
#include "proxy/cancel_keys.hpp"

namespace cenote::app {

/// What a session hears of CancelRequests, and the key that they name.
class interruption : public proxy::cancel_keys::holder {
public:
  interruption(proxy::cancel_keys& keys, const asio::any_io_executor& on)
    : keys_{keys},
      none_yet_{on, asio::steady_timer::time_point::max()} {
    keys_.draw(*this, false);
  }

  ~interruption() {
    keys_.forget(*this);
  }

  /// Ends `wait` if that is under way.
  void come() {
    none_yet_.cancel();
  }

  asio::awaitable<void> wait();

private:
  proxy::cancel_keys& keys_;
  asio::steady_timer none_yet_;
};

/// What all sessions of a console share.
struct console_state {
  explicit console_state(console_parts with)
    : parts{std::move(with)} {
    // nop
  }

  console_parts parts;
  std::atomic<const proxy::edge::edge_counters*> counters{nullptr};
  stats_history history{clock::now()};
  std::atomic<std::size_t> session_count{0};
  /// The sessions'. Their numbers name the last shard that there can be; who
  /// has no session's key may be a client there.
  proxy::cancel_keys keys{0xff};
};

/// One operator, from AuthenticationOk to the end. Lives in the frame of the
/// coroutine that runs it.
class session {
public:
  session(console_state& home, net::edge_stream stream, std::string user,
          bool may_change);

  asio::awaitable<void> run();

private:
  /// What a statement came to: its answer is in `out_`, or an error, or the
  /// session is over.
  struct done {};
  struct over {};
  using outcome = std::variant<done, protocol::error_response, over>;

  asio::awaitable<bool> greet();
  asio::awaitable<bool> answer(std::string text);
  asio::awaitable<void> refuse(protocol::error_response why);
  asio::awaitable<outcome> execute(std::string_view text);
  asio::awaitable<outcome> show(const statement& what);
  asio::awaitable<outcome> change(const statement& what);
  asio::awaitable<outcome> ask(const statement& what, actors::admin_verb verb,
                               actors::end_wait wait
                               = actors::end_wait::nothing);
  asio::awaitable<outcome> shut_down(const statement& what);
  asio::awaitable<outcome> kill_client(const statement& what);
  asio::awaitable<outcome> wait_close(const statement& what);
  outcome set(const statement& what);
  asio::awaitable<view> look(subject what);
  asio::awaitable<std::optional<actors::admin_reply>>
  ask_for(actors::admin_verb what);
  asio::awaitable<bool> is_paused(std::string target);
  asio::awaitable<void> until_gone();
  void complete(verb what);

  console_state& home_;
  net::edge_stream stream_;
  std::string user_;
  bool may_change_;
  interruption interrupted_;
  std::vector<std::byte> out_;
};

} // namespace cenote::app
