#include "proxy/cancel_keys.hpp"

#include <algorithm>
#include <span>
#include <string_view>

#include "base/assert.hpp"
#include "base/secret.hpp"
#include "protocol/sha256.hpp"

namespace cenote::proxy {

namespace {

constexpr std::uint32_t random_bits = 0xfffe;
constexpr std::uint32_t long_bit = 1;

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

cancel_handle cancel_keys::draw(client_id who, bool is_long) {
  constexpr unsigned shard_shift = 16;
  auto out = cancel_handle{};
  do {
    random_.draw(std::as_writable_bytes(std::span{&out, 1}));
    out.pid = (shard_ << shard_shift) | (out.pid & random_bits)
            | (is_long ? long_bit : 0);
    // To drivers the number 0 means that there is no key.
  } while (out.pid == 0 || is_taken(out));
  entries_.insert({out, who});
  return out;
}

bool cancel_keys::is_taken(const cancel_handle& which) const {
  auto [first, last] = entries_.equal_range(entry{which, {}});
  return std::any_of(first, last,
                     [&](const entry& each) { return each.handle == which; });
}

void cancel_keys::forget(const cancel_handle& which, client_id who) noexcept {
  auto [first, last] = entries_.equal_range(entry{which, {}});
  auto found = std::find_if(first, last, [&](const entry& each) {
    return each.handle == which && each.who == who;
  });
  if (found != last)
    entries_.erase(found);
}

std::optional<client_id> cancel_keys::find(const cancel_key& said) const {
  auto out = std::optional<client_id>{};
  if (said.secret.size() != length(said.pid))
    return out;
  const auto wanted = entry{{said.pid, {}}, {}};
  auto [first, last] = entries_.equal_range(wanted);
  // All of them, whoever it is: no time tells how far a guess was right.
  for (; first != last; ++first) {
    const auto secret = secret_of(first->handle);
    const auto bytes = std::span{secret}.first(said.secret.size());
    if (equal_in_constant_time(text_of(bytes), text_of(said.secret)))
      out = first->who;
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
