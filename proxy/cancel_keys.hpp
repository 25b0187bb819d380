#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "proxy/random_store.hpp"

namespace cenote::proxy {

/// What a CancelRequest says: the number and the secret that BackendKeyData
/// told a client. Byte 0 of the number is the node (0 until there is a
/// cluster), byte 1 the shard that owns the client; its lowest bit tells long
/// secrets (32 bytes, protocol 3.2) from short ones (4 bytes, 3.0).
struct cancel_key {
  std::uint32_t pid = 0;
  std::vector<std::byte> secret;

  /// Which shard to ask.
  [[nodiscard]] std::uint32_t shard() const noexcept {
    constexpr unsigned shard_shift = 16;
    return (pid >> shard_shift) & 0xffU;
  }

  friend bool operator==(const cancel_key&, const cancel_key&) = default;
};

inline constexpr std::size_t short_secret_bytes = 4;
inline constexpr std::size_t long_secret_bytes = 32;

/// What is kept of a client's key, however long it is: the rest of a long
/// secret is derived.
struct cancel_handle {
  std::uint32_t pid = 0;
  std::array<std::byte, short_secret_bytes> token{};

  friend bool operator==(const cancel_handle&, const cancel_handle&) = default;
};

/// The cancel keys of one shard's clients. Clients are found by the number,
/// which is no secret and which several may share; secrets are only compared,
/// in constant time. One thread.
class cancel_keys {
public:
  /// Base of whoever has a key: what is kept of it, and its place here.
  class holder {
  public:
    holder() noexcept = default;
    holder(const holder&) = delete;
    holder& operator=(const holder&) = delete;

    [[nodiscard]] const cancel_handle& key() const noexcept {
      return key_;
    }

  protected:
    ~holder() = default;

  private:
    friend class cancel_keys;

    cancel_handle key_; ///< Number 0: it has none.
    holder* next_ = nullptr;
  };

  explicit cancel_keys(std::uint32_t shard);
  ~cancel_keys();
  cancel_keys(const cancel_keys&) = delete;
  cancel_keys& operator=(const cancel_keys&) = delete;

  /// Draws a key that nobody here has, for one that has none. Who holds it says
  /// `forget` before it dies.
  void draw(holder& who, bool is_long);

  /// Idempotent.
  void forget(holder& who) noexcept;

  /// Whose key that is, null: nobody's; all of it has to be right, its length
  /// included.
  [[nodiscard]] holder* find(const cancel_key& said) const;

  /// The key as its client is told.
  [[nodiscard]] cancel_key spell_out(const cancel_handle& which) const;

  [[nodiscard]] std::size_t size() const noexcept {
    return size_;
  }

private:
  using secret_bytes = std::array<std::byte, long_secret_bytes>;

  /// The first `length(pid)` bytes count.
  [[nodiscard]] secret_bytes secret_of(const cancel_handle& which) const;
  [[nodiscard]] bool is_taken(const cancel_handle& which) const noexcept;
  [[nodiscard]] holder*& first_of(std::uint32_t pid) noexcept;
  [[nodiscard]] holder* first_of(std::uint32_t pid) const noexcept;
  void grow();

  std::uint32_t shard_;
  secret_bytes seed_{}; ///< Long secrets come from it; never told.
  random_store random_;
  /// A hash table by number, chained through the holders: a power of two, or
  /// none.
  std::vector<holder*> chains_;
  std::size_t size_ = 0;
};

} // namespace cenote::proxy
