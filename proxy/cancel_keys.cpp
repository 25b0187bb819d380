#include "proxy/cancel_keys.hpp"

#include <algorithm>
#include <bit>
#include <span>
#include <string_view>
#include <utility>

#include "base/assert.hpp"
#include "base/secret.hpp"
#include "protocol/sha256.hpp"

namespace cenote::proxy {

namespace {

constexpr std::uint32_t random_bits = 0xfffe;
constexpr std::uint32_t long_bit = 1;

constexpr std::size_t chains_min = 16;
/// As many as there are numbers: more would stay empty.
constexpr std::size_t chains_max = 1 << 16;

/// The bit that all of one kind have in common goes last.
constexpr std::size_t place_of(std::uint32_t pid) noexcept {
  return std::rotr(static_cast<std::uint16_t>(pid), 1);
}

constexpr std::size_t length(std::uint32_t pid) noexcept {
  return (pid & long_bit) != 0 ? long_secret_bytes : short_secret_bytes;
}

std::string_view text_of(std::span<const std::byte> bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

} // namespace

cancel_keys::cancel_keys(std::uint32_t shard)
  : shard_{shard & 0xffU} {
  random_.draw(seed_);
}

cancel_keys::~cancel_keys() {
  wipe_bytes(seed_);
}

void cancel_keys::draw(holder& who, bool is_long) {
  constexpr unsigned shard_shift = 16;
  CENOTE_ASSERT(who.key_.pid == 0);
  if (size_ >= chains_.size() && chains_.size() < chains_max)
    grow();
  auto& out = who.key_;
  do {
    random_.draw(std::as_writable_bytes(std::span{&out, 1}));
    out.pid = (shard_ << shard_shift) | (out.pid & random_bits)
            | (is_long ? long_bit : 0);
    // To drivers the number 0 means that there is no key.
  } while (out.pid == 0 || is_taken(out));
  who.next_ = std::exchange(first_of(out.pid), &who);
  ++size_;
}

cancel_keys::holder*& cancel_keys::first_of(std::uint32_t pid) noexcept {
  return chains_[place_of(pid) & (chains_.size() - 1)];
}

cancel_keys::holder* cancel_keys::first_of(std::uint32_t pid) const noexcept {
  return chains_.empty() ? nullptr
                         : chains_[place_of(pid) & (chains_.size() - 1)];
}

bool cancel_keys::is_taken(const cancel_handle& which) const noexcept {
  for (const auto* at = first_of(which.pid); at != nullptr; at = at->next_)
    if (at->key_ == which)
      return true;
  return false;
}

void cancel_keys::grow() {
  const auto old = std::exchange(
    chains_, std::vector<holder*>(std::max(chains_min, 2 * chains_.size())));
  for (auto* at : old)
    while (at != nullptr) {
      auto& moved = *std::exchange(at, at->next_);
      moved.next_ = std::exchange(first_of(moved.key_.pid), &moved);
    }
}

void cancel_keys::forget(holder& who) noexcept {
  if (who.key_.pid == 0)
    return;
  auto* at = &first_of(who.key_.pid);
  while (*at != &who)
    at = &(*at)->next_;
  *at = who.next_;
  who.next_ = nullptr;
  who.key_ = {};
  --size_;
}

cancel_keys::holder* cancel_keys::find(const cancel_key& said) const {
  holder* out = nullptr;
  if (said.secret.size() != length(said.pid))
    return out;
  // All of them, whoever it is: no time tells how far a guess was right.
  for (auto* at = first_of(said.pid); at != nullptr; at = at->next_) {
    if (at->key_.pid != said.pid)
      continue;
    const auto secret = secret_of(at->key_);
    const auto bytes = std::span{secret}.first(said.secret.size());
    if (equal_in_constant_time(text_of(bytes), text_of(said.secret)))
      out = at;
  }
  return out;
}

cancel_key cancel_keys::spell_out(const cancel_handle& which) const {
  const auto secret = secret_of(which);
  const auto bytes = std::span{secret}.first(length(which.pid));
  return {which.pid, {bytes.begin(), bytes.end()}};
}

cancel_keys::secret_bytes
cancel_keys::secret_of(const cancel_handle& which) const {
  auto out = secret_bytes{};
  std::ranges::copy(which.token, out.begin());
  if (length(which.pid) == short_secret_bytes)
    return out;
  // Input of one fixed length and an output that is cut: a plain hash keyed in
  // front is as good as an HMAC here.
  auto input = std::array<std::byte, sizeof seed_ + sizeof which>{};
  auto at = std::ranges::copy(seed_, input.begin()).out;
  std::ranges::copy(std::as_bytes(std::span{&which, 1}), at);
  const auto derived = protocol::sha256(input);
  wipe_bytes(input);
  std::copy_n(derived.begin(), out.size() - short_secret_bytes,
              out.begin() + short_secret_bytes);
  return out;
}

} // namespace cenote::proxy
