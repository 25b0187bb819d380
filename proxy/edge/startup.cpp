#include "proxy/edge/startup.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "protocol/messages.hpp"
#include "protocol/reader.hpp"

namespace cenote::proxy::edge {

namespace {

/// The first byte of a TLS handshake record: direct TLS.
constexpr auto tls_handshake_record = std::byte{0x16};

/// Which encryption requests were answered: one of each, none inside TLS.
struct asked {
  bool tls = false;
  bool gss = false;
};

/// A packet, and the version word it began with (for the words of a refusal).
class packet_intake {
public:
  explicit packet_intake(net::edge_stream& from)
    : from_{from} {
    // nop
  }

  /// Null: done. Else why not.
  asio::awaitable<std::optional<rejection>> read() {
    using outcome = protocol::startup_reader::outcome;
    head_ = {};
    head_have_ = 0;
    for (;;) {
      auto input = from_.buffered();
      const auto before = input;
      const auto what = reader_.take(input);
      const auto used = before.size() - input.size();
      keep_head(before.first(used));
      from_.consume(used);
      if (what == outcome::packet)
        co_return std::nullopt;
      if (what == outcome::failed)
        co_return refused();
      auto got = co_await from_.read_more();
      if (!got)
        co_return lost_client(std::move(got).error());
    }
  }

  [[nodiscard]] protocol::startup_packet& packet() noexcept {
    return reader_.packet();
  }

  /// "unsupported frontend protocol" and so on, as PostgreSQL says it.
  [[nodiscard]] rejection unsupported() const {
    auto fields = protocol::reader{head_};
    fields.int32();
    const auto major = static_cast<std::uint16_t>(fields.int16());
    const auto minor = static_cast<std::uint16_t>(fields.int16());
    auto text = " " + std::to_string(major) + "." + std::to_string(minor)
              + ": server supports 3.0 to 3."
              + std::to_string(protocol::minor_version_max);
    return {failure{ec::unsupported_protocol, text}, text};
  }

private:
  void keep_head(std::span<const std::byte> bytes) {
    for (auto byte : bytes) {
      if (head_have_ == head_.size())
        return;
      head_[head_have_++] = byte;
    }
  }

  rejection refused() const {
    if (reader_.error() == ec::unsupported_protocol)
      return unsupported();
    auto out = rejection{reader_.error()};
    // PostgreSQL writes a bad length into its log and just closes: what sent
    // it speaks another protocol (HTTP, a port scanner).
    out.is_silent
      = reader_.error() == ec::startup_too_large || has_bad_length();
    return out;
  }

  /// Too short for any packet, or a CancelRequest of a wrong size.
  bool has_bad_length() const {
    auto fields = protocol::reader{head_};
    return fields.int32() < 8
        || fields.int32() == protocol::cancel_request::code;
  }

  net::edge_stream& from_;
  protocol::startup_reader reader_;
  std::array<std::byte, 8> head_{};
  std::size_t head_have_ = 0;
};

asio::awaitable<std::optional<rejection>>
begin_tls(net::edge_stream& stream, net::tls_context_ptr certificate) {
  auto done = co_await stream.tls_accept(std::move(certificate));
  if (!done)
    co_return lost_client(done.error());
  co_return std::nullopt;
}

/// TLS without asking first. Needs ALPN, so that no other protocol's TLS
/// clients can be turned against us (ALPACA).
asio::awaitable<std::optional<rejection>>
begin_direct_tls(net::edge_stream& stream, const edge_settings& settings) {
  auto first = co_await stream.peek_one();
  if (!first)
    co_return lost_client(first.error());
  if (*first != tls_handshake_record || settings.tls == client_tls::disable)
    co_return std::nullopt;
  auto failed = co_await begin_tls(stream, settings.certificate);
  if (!failed && !stream.tls()->has_postgresql_alpn()) {
    failed = rejection{failure{ec::tls_handshake_failed, "no ALPN"}};
    failed->is_silent = true;
  }
  co_return failed;
}

asio::awaitable<std::optional<rejection>>
answer_ssl_request(net::edge_stream& stream, const edge_settings& settings) {
  // Plaintext behind the request was put there by somebody in the middle
  // (CVE-2021-23214); a client waits for the answer.
  if (!stream.buffered().empty())
    co_return rejection{ec::bytes_before_tls};
  const bool is_offered = settings.tls != client_tls::disable;
  auto answer
    = std::vector<std::byte>(1, std::byte{is_offered ? u8'S' : u8'N'});
  auto sent = co_await stream.write(std::move(answer));
  if (!sent)
    co_return lost_client(sent.error());
  if (!is_offered)
    co_return std::nullopt;
  co_return co_await begin_tls(stream, settings.certificate);
}

asio::awaitable<std::optional<rejection>>
answer_gssenc_request(net::edge_stream& stream) {
  if (!stream.buffered().empty())
    co_return rejection{ec::bytes_before_tls};
  auto answer = std::vector<std::byte>(1, std::byte{u8'N'});
  auto sent = co_await stream.write(std::move(answer));
  if (!sent)
    co_return lost_client(sent.error());
  co_return std::nullopt;
}

asio::awaitable<outcome<first_wish>> welcome(net::edge_stream& stream,
                                             protocol::startup_message message,
                                             const edge_settings& settings) {
  if (settings.tls == client_tls::require && !stream.is_tls()
      && !stream.peer().is_unix)
    co_return rejection{ec::tls_required};
  if (message.needs_negotiation()) {
    auto answer = protocol::negotiate_protocol_version{};
    // PostgreSQL names what will be spoken, not the newest it could speak.
    answer.newest = message.common_version();
    answer.unknown_options = message.protocol_options();
    auto bytes = protocol::encoded(answer);
    auto sent = co_await stream.write(std::move(bytes));
    if (!sent)
      co_return lost_client(sent.error());
  }
  co_return first_wish{std::move(message)};
}

} // namespace

asio::awaitable<outcome<first_wish>> read_startup(net::edge_stream& stream,
                                                  edge_settings_ptr settings,
                                                  bool tls_was_refused) {
  auto failed = std::optional<rejection>{};
  if (!tls_was_refused)
    failed = co_await begin_direct_tls(stream, *settings);
  if (failed)
    co_return std::move(*failed);
  auto done = asked{stream.is_tls() || tls_was_refused, stream.is_tls()};
  auto intake = packet_intake{stream};
  for (;;) {
    failed = co_await intake.read();
    if (failed)
      co_return std::move(*failed);
    auto& packet = intake.packet();
    if (auto* cancel = std::get_if<protocol::cancel_request>(&packet))
      co_return first_wish{std::move(*cancel)};
    if (auto* message = std::get_if<protocol::startup_message>(&packet)) {
      auto hello = std::move(*message);
      co_return co_await welcome(stream, std::move(hello), *settings);
    }
    const bool is_tls = std::holds_alternative<protocol::ssl_request>(packet);
    // Twice, or inside TLS: PostgreSQL reads it as a version it never had.
    if (std::exchange(is_tls ? done.tls : done.gss, true))
      co_return intake.unsupported();
    if (is_tls)
      failed = co_await answer_ssl_request(stream, *settings);
    else
      failed = co_await answer_gssenc_request(stream);
    if (failed)
      co_return std::move(*failed);
    done.gss = done.gss || stream.is_tls();
  }
}

} // namespace cenote::proxy::edge
