#include "net/edge_stream.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include <fcntl.h>
#include <sys/socket.h>

#include <asio/buffer.hpp>
#include <asio/experimental/as_tuple.hpp>
#include <asio/experimental/awaitable_operators.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>

#include "base/assert.hpp"

namespace cenote::net {

namespace {

using namespace asio::experimental::awaitable_operators;

constexpr auto no_throw = asio::experimental::as_tuple(asio::use_awaitable);

/// One read of the edge.
constexpr std::size_t read_bytes_max = 8 * 1024;

/// The same in clear text: logins are small, and what is read into is zeroed.
constexpr std::size_t plain_bytes_max = 1024;

/// What a peer may still say when we wait for its end.
constexpr std::size_t farewell_bytes_max = 64 * 1024;

failure to_failure(const asio::error_code& why, const char* doing) {
  if (why == asio::error::eof)
    return {ec::client_gone, {}};
  if (why == asio::error::operation_aborted)
    return {ec::timed_out, doing};
  return {ec::os_error, std::string{doing} + ": " + why.message()};
}

} // namespace

address to_address(const asio::generic::stream_protocol::endpoint& from) {
  auto family = from.protocol().family();
  if (family != AF_INET && family != AF_INET6)
    return {{}, 0, true};
  auto tcp = asio::ip::tcp::endpoint{};
  if (from.size() > tcp.capacity())
    return {};
  std::memcpy(tcp.data(), from.data(), from.size());
  tcp.resize(from.size());
  return {tcp.address().to_string(), tcp.port(), false};
}

address unpacked(const packed_address& from) {
  return {from.host(), from.port(), from.is_unix()};
}

edge_stream::edge_stream(socket_type socket, std::size_t budget)
  : socket_{std::move(socket)},
    budget_{budget} {
  // nop
}

edge_stream::edge_stream(socket_type socket, address peer,
                         std::optional<address> local)
  : edge_stream{std::move(socket)} {
  peer_ = std::move(peer);
  local_ = std::move(local);
}

result<edge_stream> edge_stream::take_over(const asio::any_io_executor& on,
                                           unique_fd socket, address peer,
                                           std::optional<address> local,
                                           std::vector<std::byte> unread) {
  auto family = int{AF_UNSPEC};
  socklen_t size = sizeof(family);
  ::getsockopt(socket.get(), SOL_SOCKET, SO_DOMAIN, &family, &size);
  auto taken = socket_type{on};
  auto error = asio::error_code{};
  taken.assign(asio::generic::stream_protocol{family, 0}, socket.get(), error);
  if (error)
    return failure{ec::os_error, "take over: " + error.message()};
  static_cast<void>(socket.release());
  taken.non_blocking(true, error);
  auto out = edge_stream{std::move(taken), std::move(peer), std::move(local)};
  out.budget_ -= std::min(out.budget_, unread.size());
  out.is_peeked_ = !unread.empty();
  out.plain_ = std::move(unread);
  return out;
}

edge_stream::edge_stream(edge_stream&&) noexcept = default;
edge_stream& edge_stream::operator=(edge_stream&&) noexcept = default;
edge_stream::~edge_stream() = default;

asio::any_io_executor edge_stream::get_executor() {
  return socket_.get_executor();
}

// -- the buffer ---------------------------------------------------------------

std::span<const std::byte> edge_stream::buffered() const noexcept {
  return std::span{plain_}.subspan(taken_);
}

void edge_stream::consume(std::size_t count) noexcept {
  CENOTE_ASSERT(count <= plain_.size() - taken_);
  is_peeked_ = false;
  taken_ += count;
  if (taken_ == plain_.size()) {
    plain_.clear();
    taken_ = 0;
  }
}

void edge_stream::grant(std::size_t count) noexcept {
  budget_ += std::min(count, no_limit - budget_);
}

// -- reading ------------------------------------------------------------------

asio::awaitable<result<std::size_t>> edge_stream::read_more(std::size_t limit) {
  is_peeked_ = false;
  limit = std::min({limit, budget_, read_bytes_max});
  if (budget_ == 0)
    co_return failure{ec::login_too_large, "more bytes than a login may have"};
  if (tls_ != nullptr) {
    for (;;) {
      auto got = take_decrypted(limit);
      if (!replies_.empty()) {
        auto output = std::exchange(replies_, {});
        auto sent = co_await write_raw(std::move(output));
        if (!sent)
          co_return sent.error();
      }
      if (!got || *got > 0)
        co_return got;
      auto received = co_await read_cipher();
      if (!received)
        co_return received;
    }
  }
  limit = std::min(limit, plain_bytes_max);
  auto before = plain_.size();
  plain_.resize(before + limit);
  auto into = asio::buffer(plain_.data() + before, limit);
  auto [error, count] = co_await socket_.async_read_some(into, no_throw);
  plain_.resize(before + count);
  budget_ -= count;
  if (error)
    co_return to_failure(error, "read");
  co_return count;
}

asio::awaitable<result<void>> edge_stream::read_exactly(std::size_t count) {
  while (buffered().size() < count) {
    auto got = co_await read_more(count - buffered().size());
    if (!got)
      co_return got.error();
  }
  co_return result<void>{};
}

/// Decrypts what is at hand, up to `limit` bytes. 0: nothing whole is there.
result<std::size_t> edge_stream::take_decrypted(std::size_t limit) {
  auto before = plain_.size();
  plain_.resize(before + limit);
  auto in = std::span<const std::byte>{cipher_};
  auto got = tls_->decrypt(in, std::span{plain_}.subspan(before), replies_);
  cipher_.erase(cipher_.begin(), cipher_.end() - std::ssize(in));
  plain_.resize(before + got.bytes);
  budget_ -= got.bytes;
  if (got.bytes > 0 || got.then == tls_read::state::open)
    return got.bytes;
  if (got.then == tls_read::state::closed)
    return failure{ec::client_gone, {}};
  return tls_->why();
}

asio::awaitable<result<std::size_t>> edge_stream::read_cipher() {
  auto before = cipher_.size();
  cipher_.resize(before + read_bytes_max);
  auto into = asio::buffer(cipher_.data() + before, read_bytes_max);
  auto [error, count] = co_await socket_.async_read_some(into, no_throw);
  cipher_.resize(before + count);
  if (error)
    co_return to_failure(error, "read");
  co_return count;
}

asio::awaitable<result<std::byte>> edge_stream::peek_one() {
  if (buffered().empty()) {
    auto got = co_await read_more();
    if (!got)
      co_return got.error();
    is_peeked_ = true;
  }
  co_return buffered().front();
}

asio::awaitable<result<void>> edge_stream::read_eof() {
  auto dropped = std::array<std::byte, 512>{};
  for (std::size_t total = 0; total < farewell_bytes_max;) {
    auto into = asio::buffer(dropped);
    auto [error, count] = co_await socket_.async_read_some(into, no_throw);
    if (error == asio::error::operation_aborted)
      co_return failure{ec::timed_out, "waiting for the end"};
    if (error)
      co_return result<void>{};
    total += count;
  }
  co_return failure{ec::protocol_violation, "it goes on instead of ending"};
}

// -- writing ------------------------------------------------------------------

asio::awaitable<result<void>> edge_stream::write(std::vector<std::byte> bytes) {
  if (tls_ == nullptr) {
    if (send_now(bytes))
      co_return result<void>{};
    co_return co_await write_raw(std::move(bytes));
  }
  auto encrypted = std::exchange(replies_, {});
  if (!tls_->encrypt(bytes, encrypted))
    co_return tls_->why();
  co_return co_await write_raw(std::move(encrypted));
}

/// What a login says nearly always fits into the socket's buffer: then nobody
/// waits, and the event loop is not asked. False: `bytes` are left to be sent,
/// and whoever tries next will hear of an error again.
bool edge_stream::send_now(std::vector<std::byte>& bytes) noexcept {
  const auto sent = ::send(socket_.native_handle(), bytes.data(), bytes.size(),
                           MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent > 0)
    bytes.erase(bytes.begin(), bytes.begin() + sent);
  return sent >= 0 && bytes.empty();
}

asio::awaitable<result<void>>
edge_stream::write_raw(std::vector<std::byte> bytes) {
  auto from = asio::buffer(bytes);
  auto [error, count] = co_await asio::async_write(socket_, from, no_throw);
  if (error)
    co_return to_failure(error, "write");
  co_return result<void>{};
}

// -- TLS ----------------------------------------------------------------------

asio::awaitable<result<void>> edge_stream::tls_accept(tls_context_ptr context) {
  if (std::exchange(is_peeked_, false)) {
    cipher_ = std::exchange(plain_, {});
    grant(cipher_.size());
  }
  if (!buffered().empty() || tls_ != nullptr)
    co_return failure{ec::bytes_before_tls, {}};
  auto session = tls_session::accept(std::move(context));
  if (!session)
    co_return session.error();
  co_return co_await shake_hands(std::move(*session));
}

asio::awaitable<result<void>> edge_stream::tls_connect(tls_context_ptr context,
                                                       std::string host) {
  if (!buffered().empty() || tls_ != nullptr)
    co_return failure{ec::bytes_before_tls, {}};
  auto session = tls_session::connect(std::move(context), host);
  if (!session)
    co_return session.error();
  co_return co_await shake_hands(std::move(*session));
}

asio::awaitable<result<void>>
edge_stream::shake_hands(std::unique_ptr<tls_session> session) {
  for (;;) {
    auto in = std::span<const std::byte>{cipher_};
    auto output = std::vector<std::byte>{};
    auto done = session->handshake(in, output);
    cipher_.erase(cipher_.begin(), cipher_.end() - std::ssize(in));
    if (!output.empty()) {
      auto sent = co_await write_raw(std::move(output));
      // What the handshake says counts for more than that its alert is lost.
      if (!sent && done)
        co_return sent;
    }
    if (!done)
      co_return done.error();
    if (*done)
      break;
    auto received = co_await read_cipher();
    if (!received)
      co_return received.error();
  }
  tls_ = std::move(session);
  co_return result<void>{};
}

// -- the end ------------------------------------------------------------------

void edge_stream::close() noexcept {
  if (!socket_.is_open())
    return;
  if (tls_ != nullptr) {
    auto output = std::move(replies_);
    tls_->close_notify(output);
    ::send(socket_.native_handle(), output.data(), output.size(),
           MSG_NOSIGNAL | MSG_DONTWAIT);
    tls_.reset();
  }
  auto ignored = asio::error_code{};
  socket_.close(ignored);
}

asio::awaitable<void>
edge_stream::close_gently(std::chrono::milliseconds time_max) {
  if (!socket_.is_open())
    co_return;
  if (tls_ != nullptr) {
    auto output = std::move(replies_);
    tls_->close_notify(output);
    ::send(socket_.native_handle(), output.data(), output.size(),
           MSG_NOSIGNAL | MSG_DONTWAIT);
  }
  auto ignored = asio::error_code{};
  socket_.shutdown(asio::socket_base::shutdown_send, ignored);
  auto over = asio::steady_timer{socket_.get_executor(), time_max};
  co_await (read_eof() || over.async_wait(no_throw));
  close();
}

bool edge_stream::is_open() const noexcept {
  return socket_.is_open();
}

const address& edge_stream::peer() const {
  if (!peer_) {
    auto error = asio::error_code{};
    auto end = socket_.remote_endpoint(error);
    peer_ = error ? address{} : to_address(end);
  }
  return *peer_;
}

address edge_stream::local() const {
  if (local_)
    return *local_;
  auto error = asio::error_code{};
  auto end = socket_.local_endpoint(error);
  return error ? address{} : to_address(end);
}

handed_over edge_stream::release() && {
  // A shard decrypts what it receives itself: nothing received may stay here.
  while (tls_ != nullptr) {
    auto before = plain_.size();
    plain_.resize(before + read_bytes_max);
    auto in = std::span<const std::byte>{cipher_};
    auto got = tls_->decrypt(in, std::span{plain_}.subspan(before), replies_);
    cipher_.erase(cipher_.begin(), cipher_.end() - std::ssize(in));
    plain_.resize(before + got.bytes);
    if (got.bytes < read_bytes_max)
      break;
  }
  if (tls_ != nullptr)
    tls_->forget_handshake();
  plain_.erase(plain_.begin(),
               plain_.begin() + static_cast<std::ptrdiff_t>(taken_));
  taken_ = 0;
  auto fd = unique_fd{};
  if (socket_.is_open()) {
    auto error = asio::error_code{};
    // Either kind of "non-blocking" that Asio knows is O_NONBLOCK.
    const bool is_non_blocking
      = socket_.non_blocking() || socket_.native_non_blocking();
    auto released = socket_.release(error);
    if (!error) {
      fd.reset(released);
      if (!is_non_blocking)
        ::fcntl(released, F_SETFL, ::fcntl(released, F_GETFL) | O_NONBLOCK);
    }
  }
  return {std::move(fd), std::move(tls_), std::move(plain_)};
}

} // namespace cenote::net
