#pragma once

#include <array>
#include <memory>
#include <vector>

#include <sys/epoll.h>

#include "base/limits.hpp"
#include "net/engine.hpp"
#include "net/epoll_outbox.hpp"
#include "net/output_queue.hpp"
#include "net/send_batch.hpp"
#include "net/timer_queue.hpp"
#include "net/tls.hpp"
#include "net/wait_timer.hpp"
#include "net/waker.hpp"

namespace cenote::net {

/// A stream of the epoll engine. Lives in a slab; its slot is used again from
/// the turn after its end, so that late events and lists may still point to it.
struct epoll_stream final : stream {
  enum class phase : std::uint8_t {
    closed,    ///< Free, or about to be.
    open,      ///< The sink's.
    lingering, ///< `close_when_sent`: the engine's own.
  };

  using linger_time = timer_queue<epoll_stream>::entry;

  epoll_stream() = default;

  std::unique_ptr<tls_session> tls;
  /// `at` says which of them it is.
  union {
    epoll_stream* next = nullptr; ///< Closed: of those, or of the free ones.
    stream_sink* sink;            ///< Open: who hears.
    linger_time* linger;          ///< Lingering: how long. Owned.
  };
  output_queue unsent;
  unique_fd fd;
  std::int16_t send_error = 0; ///< errno, reported by the next turn.
  phase at : 2 = phase::closed;
  std::uint8_t interest : 3 = 0; ///< What epoll watches.
  bool paused : 1 = false;
  bool masked : 1 = false; ///< Readable while paused: EPOLLIN is off.
  bool parked : 1 = false; ///< Hung up while paused: not in epoll.
  bool full : 1 = false;   ///< `send` said so; owes an `on_drained`.
  bool in_changed_list : 1 = false;
  bool in_failed_list : 1 = false;
  bool is_held : 1 = false;     ///< Something of it is in the outbox.
  bool write_ended : 1 = false; ///< Lingering: SHUT_WR is done.
  bool read_ended : 1 = false;  ///< Lingering: the peer ended.
};

static_assert(sizeof(epoll_stream) == 32, "one for each client");
static_assert((EPOLLIN | EPOLLOUT) < 8, "see `interest`");

/// What is watched and is no stream. Its address in an event has bit 0 set.
struct epoll_watched {
  ready_sink* who = nullptr; ///< Null: nobody.
  int fd = -1;
};

/// Level-triggered epoll. Per stream one system call at attach; after that only
/// recv and send, unless a peer is slow or a paused stream becomes readable.
class epoll_engine final : public engine {
public:
  epoll_engine(unique_fd epoll, unique_fd wakeup, unique_fd timer,
               const socket_options& options,
               std::unique_ptr<send_batch> batch);
  ~epoll_engine() override;

  result<stream*> attach(unique_fd socket, std::unique_ptr<tls_session> tls,
                         stream_sink& sink) override;
  result<stream*> attach_accepted(unique_fd socket, stream_sink& sink) override;
  bool send(stream& to, slice bytes) noexcept override;
  bool send_copy(stream& to,
                 std::span<const std::byte> bytes) noexcept override;
  std::size_t unsent(const stream& of) const noexcept override;
  void pause(stream& which) noexcept override;
  void resume(stream& which) noexcept override;
  void close(stream& which) noexcept override;
  void close_when_sent(stream& which, time_point deadline) noexcept override;
  void stop_writing(stream& which) noexcept override;
  result<detached> detach(stream& which) noexcept override;
  void redirect(stream& which, stream_sink& sink) noexcept override;
  result<void> watch(int fd, ready_sink& who) override;
  void unwatch(ready_sink& who) noexcept override;
  void run_turn(time_point until) override;
  void wake() noexcept override;
  const char* name() const noexcept override;

private:
  static constexpr std::size_t events_max = 512;
  static constexpr std::size_t block_streams = 64;
  /// Plaintext of one read and of a record that was begun before it.
  static constexpr std::size_t plain_bytes = limits::receive_bytes_max + 32768;

  using block = std::array<epoll_stream, block_streams>;

  static epoll_stream& own(stream& x) noexcept {
    return static_cast<epoll_stream&>(x);
  }

  static const epoll_stream& own(const stream& x) noexcept {
    return static_cast<const epoll_stream&>(x);
  }

  // -- streams: epoll_engine.cpp ---------------------------------------------
  epoll_stream& take_slot();
  result<stream*> open(unique_fd socket, std::unique_ptr<tls_session> tls,
                       stream_sink& sink);
  void release(epoll_stream& x) noexcept;
  void note_change(epoll_stream& x) noexcept;
  void note_failure(epoll_stream& x, int error) noexcept;
  void end_writing(epoll_stream& x) noexcept;

  // -- sending: epoll_send.cpp ------------------------------------------------
  bool transmit(epoll_stream& x, std::span<const std::byte> bytes) noexcept;
  bool encrypt(epoll_stream& x, std::span<const std::byte> bytes) noexcept;
  bool makes_room(epoll_stream& x, std::span<const std::byte> bytes) noexcept;
  bool pass(epoll_stream& x, std::span<const std::byte> bytes) noexcept;
  bool settle(epoll_stream& x, std::span<const std::byte> bytes,
              std::int64_t sent) noexcept;
  bool queue(epoll_stream& x, std::span<const std::byte> bytes) noexcept;
  void send_held() noexcept;
  std::span<const std::int64_t> submit_held() noexcept;
  void flush(epoll_stream& x);

  // -- the turn: epoll_turn.cpp -----------------------------------------------
  bool report_failed();
  void apply_changes() noexcept;
  void watch(epoll_stream& x) noexcept;
  void reuse_closed() noexcept;
  [[nodiscard]] bool may_sleep(time_point until) noexcept;
  void dispatch(const epoll_event& event);
  void dispatch(epoll_stream& x, std::uint32_t events);
  void dispatch_paused(epoll_stream& x, std::uint32_t events);
  void dispatch_lingering(epoll_stream& x, std::uint32_t events);
  void receive(epoll_stream& x);
  void deliver(epoll_stream& x, std::span<const std::byte> bytes);
  void deliver_decrypted(epoll_stream& x, std::span<const std::byte> bytes);
  void end(epoll_stream& x, const failure& why);
  void end(epoll_stream& x, int error, const char* doing);

  unique_fd epoll_;
  waker waker_;
  wait_timer wait_timer_;
  socket_options options_;
  std::vector<std::unique_ptr<block>> blocks_;
  epoll_stream* free_ = nullptr;
  epoll_stream* closed_ = nullptr;
  std::vector<epoll_stream*> changed_;
  std::vector<epoll_stream*> failed_;
  chunk_pool chunks_;
  epoll_outbox outbox_;
  std::unique_ptr<send_batch> batch_; ///< None: one send at a time.
  timer_queue<epoll_stream> lingering_;
  std::vector<std::unique_ptr<epoll_watched>> watched_;
  std::vector<std::byte> received_;
  std::vector<std::byte> plain_;  ///< Empty until the first TLS stream.
  std::vector<std::byte> cipher_; ///< Output of one TLS call.
  std::array<epoll_event, events_max> events_;
  bool in_turn_ = false;
  bool holds_ = false; ///< Until the next turn, short pieces are kept back.
};

} // namespace cenote::net
