#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "net/tls.hpp"
#include "net/tls_keys.hpp"

namespace cenote::net {

/// The records of one TLS 1.3 connection behind its handshake (RFC 8446, 4.6
/// and 5). OpenSSL has shaken hands, and does the ciphers; its own session
/// takes 13 KB and 2.6 times as long (docs/performance.md). Never sends more
/// than it must: no early data, no padding, no request for a certificate.
/// Bytes in, bytes out; one owner at a time, on any thread.
class tls_records {
public:
  /// What the handshake has left.
  struct start {
    const tls_suite* suite = nullptr;
    tls_secret read_secret;
    tls_secret write_secret;
    bool accepts = true;             ///< We are the server.
    std::uint64_t sent_records = 0;  ///< Under the write secret, by OpenSSL.
    std::size_t plain_bytes_max = 0; ///< Of a record of ours.
    std::uint64_t records_max = 0;   ///< Of ours, under one key.
  };

  explicit tls_records(const start& from) noexcept;

  /// How many protected records these are. Nothing: there are others.
  static std::optional<std::uint64_t>
  count_sealed(std::span<const std::byte> records) noexcept;

  [[nodiscard]] bool is_usable() const noexcept {
    return read_key_.is_usable() && write_key_.is_usable();
  }

  using state = tls_read::state;

  /// As `tls_session::decrypt`; returns how many bytes are in `plain`. `out`
  /// gets our answer to a KeyUpdate, or the alert of a failure.
  std::size_t decrypt(std::span<const std::byte>& in,
                      std::span<std::byte> plain, std::vector<std::byte>& out);

  /// As `tls_session::encrypt`.
  bool encrypt(std::span<const std::byte> plain, std::vector<std::byte>& out);

  /// Appends our close_notify, once.
  void close_notify(std::vector<std::byte>& out);

  [[nodiscard]] state now() const noexcept {
    return now_;
  }

  /// Why it failed.
  [[nodiscard]] const char* complaint() const noexcept {
    return complaint_;
  }

  [[nodiscard]] const tls_suite& suite() const noexcept {
    return *suite_;
  }

private:
  enum class alert : std::uint8_t {
    close_notify = 0,
    unexpected_message = 10,
    bad_record_mac = 20,
    record_overflow = 22,
    illegal_parameter = 47,
    decode_error = 50,
    internal_error = 80,
    user_canceled = 90,
  };

  std::size_t take_rest(std::span<std::byte> plain) noexcept;
  std::optional<std::span<const std::byte>>
  next_record(std::span<const std::byte>& in);
  std::size_t open(std::span<const std::byte> record,
                   std::span<std::byte> plain);
  std::size_t take_in(std::span<const std::byte> inner, bool is_in_place);
  void hear_alert(std::span<const std::byte> body) noexcept;
  void hear_handshake(std::span<const std::byte> body) noexcept;
  void hear_key_update() noexcept;
  bool seal(tls_content type, std::span<const std::byte> plain,
            std::vector<std::byte>& out);
  void update_write_key(std::vector<std::byte>& out);
  void fail(alert which, const char* why) noexcept;

  tls_traffic_key read_key_;
  tls_traffic_key write_key_;
  std::vector<std::byte> part_; ///< The front of a record.
  std::vector<std::byte> rest_; ///< Text that had no room.
  std::size_t rest_taken_ = 0;
  const tls_suite* suite_;
  const char* complaint_ = "";
  std::size_t plain_bytes_max_;
  std::uint64_t records_max_;
  std::uint32_t skip_ = 0; ///< Of a message that says nothing to us.
  std::array<std::byte, 5> message_{}; ///< The front of one of the handshake's.
  std::uint8_t message_bytes_ = 0;
  std::uint8_t without_text_ = 0; ///< Records, one behind the other.
  state now_ = state::open;
  alert alert_ = alert::close_notify; ///< Of the failure.
  bool accepts_;
  bool owes_update_ = false;
  bool said_goodbye_ = false;
};

} // namespace cenote::net
