// The plain SHA-256 functions are deprecated, not gone.
#define OPENSSL_SUPPRESS_DEPRECATED

#include <openssl/evp.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <climits>
#include <utility>

#include "base/assert.hpp"
#include "protocol/base64.hpp"
#include "protocol/scram.hpp"
#include "protocol/scram_crypto.hpp"

namespace cenote::protocol {

namespace scram_crypto {

namespace {

/// SHA-256, again and again. OpenSSL's own functions, not those that look for a
/// provider first: around the hashing these touch four times as much code,
/// which is cold whenever a client that computed its proof comes back.
class hasher {
public:
  hasher() {
    start();
  }

  hasher(const hasher&) = delete;
  hasher& operator=(const hasher&) = delete;

  ~hasher() {
    wipe({reinterpret_cast<char*>(&state_), sizeof(state_)});
  }

  void add(std::string_view bytes) noexcept {
    ::SHA256_Update(&state_, bytes.data(), bytes.size());
  }

  /// Starts over after that.
  scram_key finish() noexcept {
    scram_key out;
    ::SHA256_Final(reinterpret_cast<unsigned char*>(out.bytes().data()),
                   &state_);
    start();
    return out;
  }

private:
  void start() noexcept {
    ::SHA256_Init(&state_);
  }

  ::SHA256_CTX state_;
};

/// SHA-256's, in bytes.
constexpr std::size_t block_size = 64;

} // namespace

/// RFC 2104.
scram_key hmac(std::string_view key,
               std::initializer_list<std::string_view> parts) {
  auto with = hasher{};
  auto pad = std::array<char, block_size>{};
  if (key.size() > pad.size()) {
    with.add(key);
    const auto short_key = with.finish();
    std::ranges::copy(short_key.reveal(), pad.begin());
  } else {
    std::ranges::copy(key, pad.begin());
  }
  for (auto& c : pad)
    c = static_cast<char>(c ^ 0x36);
  with.add({pad.data(), pad.size()});
  for (auto part : parts)
    with.add(part);
  const auto inner = with.finish();
  for (auto& c : pad)
    c = static_cast<char>(c ^ 0x36 ^ 0x5c);
  with.add({pad.data(), pad.size()});
  wipe(pad);
  with.add(inner.reveal());
  return with.finish();
}

scram_key hash(const scram_key& key) {
  auto with = hasher{};
  with.add(key.reveal());
  return with.finish();
}

scram_key exclusive_or(const scram_key& a, const scram_key& b) {
  scram_key out;
  for (std::size_t i = 0; i < scram_key::size; ++i)
    out.bytes()[i] = static_cast<char>(a.reveal()[i] ^ b.reveal()[i]);
  return out;
}

std::optional<scram_key> key_from_base64(std::string_view text) {
  auto raw = base64_decode(text);
  std::optional<scram_key> out;
  if (raw && raw->size() == scram_key::size)
    out.emplace(std::span<const char, scram_key::size>{*raw});
  if (raw)
    wipe(*raw);
  return out;
}

} // namespace scram_crypto

using namespace scram_crypto;

namespace {

/// Cuts `text` at the first `separator`; what is behind stays in `text`.
std::optional<std::string_view> cut(std::string_view& text, char separator) {
  const auto at = text.find(separator);
  if (at == std::string_view::npos)
    return std::nullopt;
  auto out = text.substr(0, at);
  text.remove_prefix(at + 1);
  return out;
}

failure no_verifier() {
  return {ec::config_bad_value, "not a SCRAM-SHA-256 verifier"};
}

} // namespace

scram_key::scram_key(std::span<const char, size> bytes) noexcept {
  std::copy(bytes.begin(), bytes.end(), bytes_.begin());
}

scram_key::~scram_key() {
  wipe(bytes_);
}

result<scram_verifier> scram_verifier::parse(std::string_view text) {
  const auto mechanism = cut(text, '$');
  const auto iterations = cut(text, ':');
  const auto salt = cut(text, '$');
  const auto stored_key = cut(text, ':');
  if (!mechanism || !iterations || !salt || !stored_key
      || *mechanism != scram_mechanism)
    return no_verifier();
  scram_verifier out;
  const auto* end = iterations->data() + iterations->size();
  const auto number = std::from_chars(iterations->data(), end, out.iterations);
  if (number.ec != std::errc{} || number.ptr != end || out.iterations == 0
      || out.iterations > INT_MAX)
    return no_verifier();
  auto raw_salt = base64_decode(*salt);
  if (!raw_salt || raw_salt->empty() || raw_salt->size() > scram_salt_bytes_max)
    return no_verifier();
  auto stored = key_from_base64(*stored_key);
  auto server = key_from_base64(text);
  if (!stored || !server)
    return no_verifier();
  out.salt = std::move(*raw_salt);
  out.stored_key = *stored;
  out.server_key = *server;
  return out;
}

secret scram_verifier::format() const {
  auto out = std::string{scram_mechanism};
  out += '$';
  out += std::to_string(iterations);
  out += ':';
  out += base64_encode(salt);
  out += '$';
  out += base64_encode(stored_key.reveal());
  out += ':';
  out += base64_encode(server_key.reveal());
  return secret{std::move(out)};
}

scram_verifier scram_verifier::from_keys(const scram_keys& keys,
                                         std::string salt,
                                         std::uint32_t iterations) {
  return {iterations, std::move(salt), hash(keys.client_key), keys.server_key,
          false};
}

scram_verifier mock_verifier(const secret& process_secret,
                             std::string_view user, std::uint32_t iterations) {
  // Each value has its own label: none can be computed from another, and a
  // salt of PostgreSQL's usual 16 bytes looks like any other.
  const auto key = process_secret.reveal();
  scram_verifier out;
  out.iterations = iterations;
  out.salt = hmac(key, {"mock salt", user}).reveal().substr(0, 16);
  out.stored_key = hmac(key, {"mock stored key", user});
  out.server_key = hmac(key, {"mock server key", user});
  out.mock = true;
  return out;
}

result<scram_keys> derive_keys(const secret& password, std::string_view salt,
                               std::uint32_t iterations) {
  if (iterations > limits::scram_iterations_max)
    return ec::server_scram_iterations;
  if (iterations == 0 || salt.size() > scram_salt_bytes_max)
    return failure{ec::server_protocol_violation, "bad SCRAM salt or count"};
  const auto prepared = saslprep(password);
  const auto text = prepared.reveal();
  if (text.size() > INT_MAX)
    return failure{ec::server_auth_failed, "the password is too long"};
  scram_key salted;
  const auto done = PKCS5_PBKDF2_HMAC(
    text.data(), static_cast<int>(text.size()),
    reinterpret_cast<const unsigned char*>(salt.data()),
    static_cast<int>(salt.size()), static_cast<int>(iterations), EVP_sha256(),
    static_cast<int>(scram_key::size),
    reinterpret_cast<unsigned char*>(salted.bytes().data()));
  if (done != 1)
    return failure{ec::server_auth_failed, "PBKDF2 failed"};
  return scram_keys{hmac(salted.reveal(), {"Client Key"}),
                    hmac(salted.reveal(), {"Server Key"})};
}

result<bool> password_matches(const secret& password,
                              const scram_verifier& verifier) {
  auto keys = derive_keys(password, verifier.salt, verifier.iterations);
  if (!keys)
    return keys.error();
  // Both are compared, whatever the first says: a mock costs the same.
  const bool stored = hash(keys->client_key) == verifier.stored_key;
  const bool server = keys->server_key == verifier.server_key;
  return stored && server && !verifier.mock;
}

} // namespace cenote::protocol
