#pragma once

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "net/engine.hpp"
#include "net/uring.hpp"
#include "protocol/messages.hpp"
#include "proxy/lane.hpp"
#include "proxy/shard.hpp"
#include "tests/support/wants_uring.hpp"

namespace cenote::test {

/// The far end of a server answers no question of ours that a test is not
/// about.
inline tenants::pool_settings unwatched_settings() {
  tenants::pool_settings out;
  out.function_watch_interval = std::chrono::milliseconds{0};
  return out;
}

} // namespace cenote::test

namespace cenote::proxy {

/// Remembers what a lane says upwards.
struct recording_port final : pool_port {
  tenants::pool_key pool{"acme", "app", "db", tenants::pool_mode::transaction};
  std::vector<client_id> left;
  std::vector<lane_numbers> starved;
  std::vector<ec> gone;
  int drained_count = 0;
  std::uint32_t cut_short = 0;
  int paused_count = 0;

  const tenants::pool_key& key() const noexcept override {
    return pool;
  }
  void client_left(client_id who) noexcept override {
    left.push_back(who);
  }
  void starving(lane_ref, const lane_numbers& now) noexcept override {
    starved.push_back(now);
  }
  void server_opened(lane_ref, const greeting&) noexcept override {
    // nop
  }
  void server_failed(lane_ref, refusal,
                     std::vector<quota_unit>) noexcept override {
    // nop
  }
  void server_gone(lane_ref, ec why) noexcept override {
    gone.push_back(why);
  }
  void drained(lane_ref, std::uint32_t cut) noexcept override {
    ++drained_count;
    cut_short = cut;
  }
  void paused(lane_ref) noexcept override {
    ++paused_count;
  }
  void reported(lane_ref, census) noexcept override {
    // nop
  }
};

/// Keeps the orders; the test settles them.
struct recording_edge final : edge_port {
  std::vector<cancel_order> orders;
  void deliver_cancel(cancel_order order) noexcept override {
    orders.push_back(std::move(order));
  }
};

/// The far end of a socket pair whose near end is on the shard.
class far_end {
public:
  far_end() {
    int pair[2];
    BOOST_REQUIRE(
      ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair)
      == 0);
    mine_.reset(pair[0]);
    near_.reset(pair[1]);
  }

  net::unique_fd near_end() {
    return std::move(near_);
  }

  void say(std::string_view bytes) {
    BOOST_REQUIRE(::send(mine_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL)
                  == static_cast<ssize_t>(bytes.size()));
  }

  /// What has come, without waiting. Into fixed memory: allocates nothing.
  std::string_view hear() {
    auto got = ::recv(mine_.get(), heard_, sizeof heard_, MSG_DONTWAIT);
    return {heard_, got > 0 ? static_cast<std::size_t>(got) : 0};
  }

  bool is_closed() {
    char byte = 0;
    return ::recv(mine_.get(), &byte, 1, MSG_DONTWAIT | MSG_PEEK) == 0;
  }

  void hang_up() {
    mine_.reset();
  }

  int fd() const {
    return mine_.get();
  }

private:
  net::unique_fd mine_;
  net::unique_fd near_;
  char heard_[65536];
};

/// A message: tag, length, body.
inline std::string message(char tag, std::string_view body = {}) {
  auto length = static_cast<std::uint32_t>(body.size() + 4);
  std::string out{tag};
  for (int shift : {24, 16, 8, 0})
    out += static_cast<char>((length >> shift) & 0xff);
  return out.append(body);
}

inline std::string query(std::string_view sql) {
  return message('Q', std::string{sql} + '\0');
}

inline std::string done(std::string_view tag, char status = 'I') {
  return message('C', std::string{tag} + '\0')
       + message('Z', std::string_view{&status, 1});
}

/// The whole answer to a SELECT. Without its RowDescription it would be a
/// SELECT INTO, which leaves something behind.
inline std::string selected() {
  return message('T', std::string_view{"\0\0", 2}) + done("SELECT 1");
}

/// One shard run by hand, with one lane.
struct shard_fixture {
  shard_fixture() {
    settings.mode = tenants::pool_mode::transaction;
    settings.pool_size = 2;
    start();
  }

  void start() {
    auto engine
      = on_uring ? net::make_uring_engine() : net::make_epoll_engine();
    BOOST_REQUIRE(static_cast<bool>(engine));
    home = std::make_unique<shard>(0, std::move(*engine), edge);
    home->open_lane(lane_id{1}, port, settings);
  }

  lane& here() {
    return *home->find_lane(lane_id{1});
  }

  /// Lets the shard do what is to be done, without waiting for more.
  void turn(int count = 3) {
    // io_uring sends with the next turn.
    for (int i = on_uring ? -1 : 0; i < count; ++i)
      home->turn(time_point{});
  }

  void adopt_client(far_end& end, std::uint64_t id, bool has_long_key = false) {
    client_adoption from;
    from.socket = end.near_end();
    from.seat = subscription{client_id{id}, port, {}};
    from.profile = std::make_shared<const client_profile>(
      client_profile{"app", "db", "", has_long_key, {}});
    const auto words = message('R', std::string_view{"\0\0\0\0", 4});
    for (auto c : words)
      from.last_words.push_back(static_cast<std::byte>(c));
    home->adopt(lane_id{1}, std::move(from));
    turn();
    auto greeting = end.hear();
    // What the edge left unsaid comes first, in the same write.
    BOOST_REQUIRE(greeting.starts_with(words));
    greeting.remove_prefix(words.size());
    const auto key_end = greeting.size() - message('Z', "I").size();
    BOOST_REQUIRE(key_end == (has_long_key ? 41u : 13u));
    BOOST_TEST(greeting[0] == 'K');
    const auto body = greeting.substr(5, key_end - 5);
    auto key = protocol::backend_key_data::decode(
      std::as_bytes(std::span{body.data(), body.size()}));
    BOOST_REQUIRE(static_cast<bool>(key));
    last_key.pid = static_cast<std::uint32_t>(key->pid);
    last_key.secret.assign(key->key.begin(), key->key.end());
    BOOST_TEST(greeting.substr(key_end) == message('Z', "I"));
  }

  void adopt_server(far_end& end) {
    server_adoption from;
    from.socket = end.near_end();
    from.target = std::make_shared<const tenants::server_target>();
    from.backend_pid = 42;
    home->adopt(lane_id{1}, std::move(from));
    turn();
  }

  const bool on_uring = test::wants_uring();
  std::shared_ptr<recording_port> port = std::make_shared<recording_port>();
  recording_edge edge;
  tenants::pool_settings settings = test::unwatched_settings();
  std::unique_ptr<shard> home;
  cancel_key last_key;
};

} // namespace cenote::proxy
