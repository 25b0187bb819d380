#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <span>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "net/unique_fd.hpp"

namespace cenote::net {

class tls_session;

/// A connection on an engine: an opaque handle that the engine owns.
class stream {
public:
  stream(const stream&) = delete;
  stream& operator=(const stream&) = delete;

protected:
  stream() = default;
  ~stream() = default;
};

/// What an engine sets on every TCP socket it takes over, beside TCP_NODELAY.
/// Zero leaves the system's value.
struct socket_options {
  bool keepalive = true;
  std::chrono::seconds keepalive_idle{0};
  std::chrono::seconds keepalive_interval{0};
  unsigned keepalive_count = 0;
  std::chrono::milliseconds user_timeout{0}; ///< TCP_USER_TIMEOUT.
};

/// Keeps the engine's buffer behind a slice alive. The epoll engine has none
/// (its one receive buffer is valid until `on_bytes` returns); io_uring counts
/// its ring's buffers.
class buffer_lease {
public:
  virtual void retain() noexcept = 0;
  virtual void release() noexcept = 0;

protected:
  ~buffer_lease() = default;
};

/// Received plaintext, borrowed: valid until `on_bytes` returns. `engine::send`
/// keeps what it needs of it for longer.
struct slice {
  std::span<const std::byte> bytes;
  buffer_lease* lease = nullptr;

  [[nodiscard]] slice part(std::size_t offset,
                           std::size_t count) const noexcept {
    return {bytes.subspan(offset, count), lease};
  }
};

/// Who owns a stream hears this. All calls come on the engine's thread.
class stream_sink {
public:
  /// Plaintext arrived. The sink may send on, pause, or close any stream of the
  /// engine from here, also this one.
  virtual void on_bytes(slice in) = 0;

  /// Unsent bytes fell to `limits::unsent_low_bytes` or below after `send` had
  /// reported a full stream.
  virtual void on_drained() = 0;

  /// The peer is gone or the stream failed (`why.code`: `client_gone` for an
  /// orderly end, `os_error`, `tls_…`). The stream is dead already and is
  /// freed after this turn; no other call follows.
  virtual void on_closed(const failure& why) = 0;

protected:
  ~stream_sink() = default;
};

/// Who waits for a descriptor that is no stream: a listening socket.
class ready_sink {
public:
  /// It can be read, or has failed. Called again in every turn until it is read
  /// empty or no longer watched. Engine's thread.
  virtual void on_ready() = 0;

protected:
  ~ready_sink() = default;
};

/// What a shard runs on: completion-shaped streams over sockets. One engine per
/// thread; only `wake` may be called from another. Holds no buffer for an idle
/// stream and allocates nothing per message.
class engine {
public:
  virtual ~engine() = default;

  /// Takes over a connected non-blocking socket; with `tls`, a session whose
  /// handshake is done. Receiving starts at once: `on_bytes` comes from a later
  /// `run_turn`, never from here. Returns the stream, owned by the engine until
  /// `close`/`detach`/`on_closed`. Fails with `os_error`.
  virtual result<stream*>
  attach(unique_fd socket, std::unique_ptr<tls_session> tls, stream_sink& sink)
    = 0;

  /// The same for a connection that was accepted from a socket that an engine
  /// watches: it has inherited the options that `attach` would set.
  virtual result<stream*> attach_accepted(unique_fd socket, stream_sink& sink)
    = 0;

  /// Sends received bytes on, without a copy where they are many and the kernel
  /// takes them at once; keeps the rest. What is sent while a turn delivers may
  /// leave when all of it is delivered. Never blocks, never calls a sink.
  /// Returns false when more than `limits::unsent_high_bytes` are unsent: stop
  /// what feeds it until `on_drained`. A send error is reported later through
  /// `on_closed`, never from here.
  virtual bool send(stream& to, slice bytes) noexcept = 0;

  /// The same for bytes that no engine buffer holds (our own messages).
  virtual bool send_copy(stream& to,
                         std::span<const std::byte> bytes) noexcept = 0;

  /// Bytes (with TLS: encrypted ones) accepted by `send` and not yet taken by
  /// the kernel.
  [[nodiscard]] virtual std::size_t unsent(const stream& of) const noexcept = 0;

  /// Stops / restarts `on_bytes` of one stream. Idempotent. An end of stream is
  /// seen when receiving is on again; a reset is reported even while paused.
  virtual void pause(stream& which) noexcept = 0;
  virtual void resume(stream& which) noexcept = 0;

  /// Closes now; unsent bytes are dropped. The sink hears nothing more.
  virtual void close(stream& which) noexcept = 0;

  /// Stops receiving, sends what is unsent (and a TLS close_notify), then
  /// closes; at `deadline` at the latest. The sink hears nothing more from the
  /// moment of the call.
  virtual void close_when_sent(stream& which, time_point deadline) noexcept = 0;

  /// Drops what is unsent and ends the stream's writing direction: the peer
  /// reads an end, perhaps in the middle of a message (or of a TLS record).
  /// Receiving goes on; what is sent afterwards is an error of the stream.
  virtual void stop_writing(stream& which) noexcept = 0;

  /// Gives socket and TLS state back (a server that changes lanes). Only legal
  /// with nothing unsent; fails with `os_error` otherwise.
  struct detached {
    unique_fd socket;
    std::unique_ptr<tls_session> tls;
  };
  virtual result<detached> detach(stream& which) noexcept = 0;

  /// From now on `sink` hears of the stream, also of what has arrived already.
  virtual void redirect(stream& which, stream_sink& sink) noexcept = 0;

  /// Calls `who` whenever `fd`, a listening socket, can be read. Engines that
  /// watch one socket share its wake-ups. What is accepted from it inherits the
  /// options of streams. `fd` stays the caller's, open until `unwatch`. Fails
  /// with `os_error`.
  virtual result<void> watch(int fd, ready_sink& who) = 0;

  /// `who` hears nothing more. Ignored if it watches nothing.
  virtual void unwatch(ready_sink& who) noexcept = 0;

  /// Waits at most until `until` (or for ever with `never`) or a `wake`, and
  /// delivers what happened. Reads the clock once after waiting.
  virtual void run_turn(time_point until) = 0;

  /// The clock as read at the start of this turn. No system call.
  [[nodiscard]] time_point now() const noexcept {
    return now_;
  }

  /// Makes a running or the next `run_turn` return soon. Any thread. What the
  /// caller wrote before is seen by whoever looks after that turn.
  virtual void wake() noexcept = 0;

  /// "epoll" or "io_uring".
  [[nodiscard]] virtual const char* name() const noexcept = 0;

protected:
  time_point now_ = clock::now(); ///< The engine's to set.
};

/// Makes the epoll engine. What leaves at the end of a turn does so by one
/// system call if `batches`, where the system has it (io_submit) and SIGPIPE is
/// ignored. Fails with `os_error` (out of descriptors).
result<std::unique_ptr<engine>>
make_epoll_engine(const socket_options& options = {}, bool batches = true);

} // namespace cenote::net
