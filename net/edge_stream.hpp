#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/generic/stream_protocol.hpp>

#include "base/limits.hpp"
#include "base/result.hpp"
#include "net/packed_address.hpp"
#include "net/tls.hpp"
#include "net/unique_fd.hpp"

namespace cenote::net {

/// One end of a connection, as text.
struct address {
  std::string host;       ///< IP literal; empty for a unix socket.
  std::uint16_t port = 0; ///< 0 for a unix socket.
  bool is_unix = false;
};

/// An address of the kernel as text; empty for what is neither TCP nor unix.
[[nodiscard]] address
to_address(const asio::generic::stream_protocol::endpoint& from);

[[nodiscard]] address unpacked(const packed_address& from);

/// What crosses from the edge to a shard.
struct handed_over {
  // A constructor keeps g++ 12 from destroying a temporary of this type twice.
  handed_over(unique_fd fd, std::unique_ptr<tls_session> session,
              std::vector<std::byte> bytes) noexcept
    : socket{std::move(fd)},
      tls{std::move(session)},
      unread{std::move(bytes)} {
    // nop
  }

  unique_fd socket;                 ///< Non-blocking.
  std::unique_ptr<tls_session> tls; ///< Null without TLS, else established.
  std::vector<std::byte> unread;    ///< Plaintext read ahead; comes first.
};

/// A client or server during its login: a socket, TLS if any, and what was read
/// ahead. For one coroutine at a time, on the edge. Must outlive the awaitables
/// it returns. Parameters are by value or spans of what the caller keeps;
/// pass named locals or `std::move` of them in a `co_await` expression, never
/// lambdas or braces (g++ 12 destroys such temporaries twice).
class edge_stream {
public:
  using socket_type = asio::generic::stream_protocol::socket;

  static constexpr std::size_t no_limit
    = std::numeric_limits<std::size_t>::max();

  /// Takes a connected socket. `budget`: plaintext bytes that may be read from
  /// it in all.
  explicit edge_stream(socket_type socket,
                       std::size_t budget = limits::login_bytes_max);

  /// The same, of a socket whose ends are known without asking the kernel;
  /// `local` may be empty.
  edge_stream(socket_type socket, address peer, std::optional<address> local);

  /// The same, of a connected non-blocking socket that somebody else has read
  /// `unread` from; they count against the budget. Fails with `os_error`.
  static result<edge_stream> take_over(const asio::any_io_executor& on,
                                       unique_fd socket, address peer,
                                       std::optional<address> local,
                                       std::vector<std::byte> unread);

  edge_stream(edge_stream&&) noexcept;
  edge_stream& operator=(edge_stream&&) noexcept;
  ~edge_stream();

  [[nodiscard]] asio::any_io_executor get_executor();

  /// Reads once and appends 1 to `limit` plaintext bytes to `buffered`; returns
  /// how many. Without TLS no byte beyond `limit` is taken from the socket.
  /// Fails with `client_gone` (orderly end), `os_error` (reset),
  /// `login_too_large` (budget spent), `tls_failed`, `timed_out` (cancelled).
  asio::awaitable<result<std::size_t>> read_more(std::size_t limit = no_limit);

  /// Reads until at least `count` bytes are buffered, and not a byte more
  /// than that (a message whose length is known). Fails like `read_more`.
  asio::awaitable<result<void>> read_exactly(std::size_t count);

  /// Bytes read and not consumed. Valid until the next read or `consume`.
  [[nodiscard]] std::span<const std::byte> buffered() const noexcept;

  /// Drops `count` bytes off the front of `buffered`.
  void consume(std::size_t count) noexcept;

  /// Raises the budget by `count` bytes.
  void grant(std::size_t count) noexcept;

  /// Sends all of it. Fails with `os_error`, `tls_failed`, `timed_out`.
  asio::awaitable<result<void>> write(std::vector<std::byte> bytes);

  /// Reads and drops until the peer ends the connection; a reset counts as an
  /// end. Fails with `protocol_violation` when it says more than a few
  /// kilobytes instead, `timed_out` (cancelled).
  asio::awaitable<result<void>> read_eof();

  /// Answers a client's TLS handshake. Fails with `bytes_before_tls` when
  /// anything is buffered (it would be plaintext injected before TLS; only what
  /// came first and `peek_one` just looked at may begin the handshake: direct
  /// TLS),
  /// `tls_handshake_failed`, `client_gone`.
  asio::awaitable<result<void>> tls_accept(tls_context_ptr context);

  /// Starts a TLS handshake with a server. `host`: as `tls_session::connect`.
  /// Fails with `bytes_before_tls`, `server_tls_failed`,
  /// `server_tls_verify_failed`, `client_gone`.
  asio::awaitable<result<void>> tls_connect(tls_context_ptr context,
                                            std::string host);

  /// Waits for the first bytes, leaves them in `buffered` and returns the first
  /// one: 0x16 starts direct TLS. Without TLS only. Fails like `read_more`.
  asio::awaitable<result<std::byte>> peek_one();

  /// Sends a TLS close_notify if there is TLS, then closes. Nothing is waited
  /// for: for a refusal use `close_gently`.
  void close() noexcept;

  /// Ends our direction, drops what the peer still sends, until its end or for
  /// `time_max`, then closes: what was written last is not lost to a reset.
  asio::awaitable<void> close_gently(std::chrono::milliseconds time_max);

  /// Known from the first call on, whatever becomes of the connection.
  [[nodiscard]] const address& peer() const;
  [[nodiscard]] address local() const;

  [[nodiscard]] bool is_tls() const noexcept {
    return tls_ != nullptr;
  }

  /// The session, or null. For SNI, ALPN, certificates, channel binding.
  [[nodiscard]] const tls_session* tls() const noexcept {
    return tls_.get();
  }

  [[nodiscard]] bool is_open() const noexcept;

  /// Gives everything away. No operation may be under way. The socket is
  /// empty-handed (`-1`) if it was closed before.
  [[nodiscard]] handed_over release() &&;

private:
  result<std::size_t> take_decrypted(std::size_t limit);
  asio::awaitable<result<std::size_t>> read_cipher();
  [[nodiscard]] bool send_now(std::vector<std::byte>& bytes) noexcept;
  asio::awaitable<result<void>> write_raw(std::vector<std::byte> bytes);
  asio::awaitable<result<void>>
  shake_hands(std::unique_ptr<tls_session> session);

  socket_type socket_;
  std::unique_ptr<tls_session> tls_;
  std::vector<std::byte> plain_; ///< Read ahead, from `taken_` on.
  std::size_t taken_ = 0;
  bool is_peeked_ = false; ///< `plain_` is what came first, and nothing more.
  std::vector<std::byte> cipher_;  ///< Received, not decrypted yet.
  std::vector<std::byte> replies_; ///< What TLS wants to send on its own.
  std::size_t budget_;
  mutable std::optional<address> peer_;
  std::optional<address> local_;
};

} // namespace cenote::net
