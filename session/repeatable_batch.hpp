#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

/// The batch that a client sent last, kept so that it can be sent once more
/// when PostgreSQL refused its first message for a plan that is out of date
/// (docs/prepared-statements.md). Pure.
namespace cenote::session {

class repeatable_batch {
public:
  /// Of a longer one nothing is kept.
  static constexpr std::size_t bytes_max = 8 * 1024;

  /// A Bind or Describe comes that is its first.
  void begin() noexcept {
    state_ = state::open;
    bytes_.clear();
  }

  /// Not this one.
  void drop() noexcept {
    state_ = state::none;
  }

  /// Some of it, or all, was sent.
  [[nodiscard]] bool is_kept() const noexcept {
    return state_ != state::none;
  }

  /// Its Sync was sent.
  [[nodiscard]] bool is_whole() const noexcept {
    return state_ == state::whole;
  }

  /// More of it was sent, as request `sequence` of the server.
  void add(std::span<const std::byte> bytes, std::uint32_t sequence) {
    if (bytes_.size() + bytes.size() > bytes_max)
      return drop();
    if (bytes_.empty())
      first_ = sequence;
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
  }

  void end() noexcept {
    state_ = state::whole;
  }

  /// What answers `sequence` answers its first message, or what was sent for
  /// it.
  [[nodiscard]] bool begins_at(std::uint32_t sequence) const noexcept {
    return is_kept() && (bytes_.empty() || first_ == sequence);
  }

  /// It is whole, and whoever sent it is told anew what the rows are like
  /// before they come: what it binds it describes before it executes it.
  [[nodiscard]] bool tells_rows() const;

  [[nodiscard]] std::vector<std::byte> take() noexcept {
    drop();
    return std::exchange(bytes_, {});
  }

private:
  enum class state : std::uint8_t { none, open, whole };

  std::vector<std::byte> bytes_;
  std::uint32_t first_ = 0;
  state state_ = state::none;
};

} // namespace cenote::session
