#pragma once

#include <array>
#include <memory>
#include <vector>

#include "base/limits.hpp"
#include "net/uring.hpp"
#include "net/uring_buffers.hpp"
#include "net/uring_outbox.hpp"
#include "net/uring_ring.hpp"
#include "net/uring_stream.hpp"
#include "net/wait_timer.hpp"
#include "net/waker.hpp"

namespace cenote::net {

/// What is watched and is no stream.
struct alignas(16) uring_watched {
  ready_sink* who = nullptr; ///< Null: nobody.
  int fd = -1;
  bool is_armed = false; ///< A poll is in the kernel.
};

/// io_uring. A turn is one io_uring_enter: it submits what the last turn made
/// (sends, gathered per stream) and waits for what arrived. Streams receive by
/// one multishot operation each, into buffers they share. A stream in bulk
/// receives once a turn into a larger one: the kernel would go on receiving for
/// a multishot beyond the stream's share of the turn, and all that must be
/// copied, twice.
///
/// Sends are tried once, within the submission: the kernel takes all at once
/// and says nothing, or says how much it took, and only the rest is copied and
/// waits. So a received buffer is held no longer than until the next turn, and
/// a slow peer holds none.
class uring_engine final : public engine {
public:
  uring_engine(unique_fd wakeup, unique_fd timer, const socket_options& options,
               const uring_tuning& tuning);
  ~uring_engine() override;

  /// Asks the kernel for all there is to have. Fails with `engine_unavailable`.
  result<void> open();

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
  /// What a completion is about: the low bits of its user data, next to the
  /// stream's address. 0 is about nothing.
  enum operation : std::uint64_t {
    op_nothing,
    op_receive,
    op_first_send, ///< Completes only if the kernel did not take all.
    op_send,
    op_watch,
    op_stop_receiving,
    op_wake,
    op_ring, ///< Of the timer.
    op_ready,
  };
  static constexpr std::uint64_t operation_mask = 15;

  static constexpr std::size_t block_streams = 64;
  /// Plaintext of one buffer and of a record that was begun before it.
  static constexpr std::size_t plain_bytes = limits::receive_bytes_max + 32768;
  /// Smaller pieces are copied: it costs less than to hold their buffer.
  static constexpr std::size_t copied_bytes_max = 512;
  /// One stream's share of a turn.
  static constexpr std::size_t turn_bytes_max
    = limits::reads_per_turn_max * limits::receive_bytes_max;
  static constexpr std::size_t gathered_max = 32;

  using block = std::array<uring_stream, block_streams>;

  static uring_stream& own(stream& x) noexcept {
    return static_cast<uring_stream&>(x);
  }

  static const uring_stream& own(const stream& x) noexcept {
    return static_cast<const uring_stream&>(x);
  }

  // -- streams: uring_engine.cpp ----------------------------------------------
  void own_thread() noexcept;
  void watch_always(int fd, operation tag) noexcept;
  void arm(uring_watched& x) noexcept;
  void hear_ready(uring_watched& x);
  uring_stream& take_slot();
  result<stream*> open(unique_fd socket, std::unique_ptr<tls_session> tls,
                       stream_sink& sink);
  void release(uring_stream& x) noexcept;
  void reset(uring_stream& x) noexcept;
  void note_change(uring_stream& x) noexcept;
  void note_resumed(uring_stream& x) noexcept;
  void note_failure(uring_stream& x, int error) noexcept;
  void end_writing(uring_stream& x) noexcept;
  [[nodiscard]] bool is_at_rest(const uring_stream& x) const noexcept;
  [[nodiscard]] bool has_received(const uring_stream& x) const noexcept;

  // -- sending: uring_send.cpp ------------------------------------------------
  bool encrypt(uring_stream& x, std::span<const std::byte> bytes) noexcept;
  void copy_out(uring_stream& x, std::span<const std::byte> bytes) noexcept;
  bool has_room(uring_stream& x) noexcept;
  void join_outbox(uring_stream& x) noexcept;
  void submit_fresh() noexcept;
  void submit_fresh(uring_stream& x) noexcept;
  void submit_unsent(uring_stream& x) noexcept;
  void list_for_kernel(io_uring_sqe& entry, std::span<iovec> parts) noexcept;
  std::span<iovec> free_parts() noexcept;
  void hear_sent(uring_stream& x, int taken);
  void settle_sends();
  void settle(uring_stream& x);
  void drained(uring_stream& x);

  // -- the turn: uring_turn.cpp -----------------------------------------------
  bool deliver_arrived();
  void deliver_arrived(uring_stream& x);
  void apply_changes() noexcept;
  void apply(uring_stream& x) noexcept;
  void apply_ending(uring_stream& x) noexcept;
  void end_operations(uring_stream& x) noexcept;
  io_uring_sqe& cancel(uring_stream& x, operation which) noexcept;
  [[nodiscard]] bool may_sleep(time_point until) noexcept;
  void hear();
  void note_cut_sends() noexcept;
  void dispatch(const io_uring_cqe& event);
  void report_failed();
  void reuse_ended() noexcept;
  io_uring_sqe& next(io_uring_op what, uring_stream& x, operation tag) noexcept;

  // -- receiving: uring_receive.cpp -------------------------------------------
  void hear_received(uring_stream& x, const io_uring_cqe& event);
  void hear_watched(uring_stream& x, int events);
  void hear_end(uring_stream& x, int error);
  void take(uring_stream& x, std::span<const std::byte> bytes,
            uring_buffer& buffer);
  void note_pace(uring_stream& x, std::size_t size) noexcept;
  void deliver(uring_stream& x, std::span<const std::byte> bytes,
               buffer_lease* lease);
  void deliver_decrypted(uring_stream& x, std::span<const std::byte> bytes);
  void deliver_end(uring_stream& x);
  void read_last_words(uring_stream& x);
  [[nodiscard]] std::size_t share_left(uring_stream& x) noexcept;
  void end(uring_stream& x, const failure& why);
  void end(uring_stream& x, int error, const char* doing);

  waker waker_;
  wait_timer wait_timer_;
  socket_options options_;
  std::size_t bulk_from_bytes_;
  // Before the ring, so that they outlive it: the kernel uses them.
  uring_buffers buffers_;
  uring_buffers bulk_buffers_;
  chunk_pool chunks_;
  uring_outbox filling_;
  uring_outbox leaving_;
  bool wants_settling_ = false; ///< Somebody waits for what is in `leaving_`.
  std::vector<std::unique_ptr<block>> blocks_;
  std::vector<std::unique_ptr<uring_watched>> watched_;
  uring_ring ring_;
  uring_stream* free_ = nullptr;
  std::vector<uring_stream*> changed_;
  std::vector<uring_stream*> resumed_;
  std::vector<uring_stream*> failed_;
  std::vector<uring_stream*> ended_;
  std::vector<uring_stream*> listed_; ///< One of the above, being worked on.
  timer_queue<uring_stream> lingering_;
  std::vector<std::byte> plain_;      ///< Empty until the first TLS stream.
  std::vector<std::byte> last_words_; ///< Empty until the first failure.
  std::array<iovec, 512> parts_;      ///< Of messages until they are submitted.
  std::array<msghdr, 128> messages_;
  std::size_t parts_used_ = 0;
  std::size_t messages_used_ = 0;
  std::uint32_t turn_ = 0;
  bool in_turn_ = false;
};

} // namespace cenote::net
