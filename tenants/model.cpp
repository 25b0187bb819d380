#include "tenants/model.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "base/limits.hpp"

namespace cenote::tenants {

namespace {

template <class Enum, std::size_t N>
std::optional<Enum> parse_word(std::string_view text,
                               const std::array<Enum, N>& all) {
  for (auto value : all)
    if (name(value) == text)
      return value;
  return std::nullopt;
}

bool is_hex(char c) noexcept {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')
      || (c >= 'A' && c <= 'F');
}

bool is_base64_digit(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
      || (c >= '0' && c <= '9') || c == '+' || c == '/';
}

/// Bytes that `text` stands for in padded base64 (RFC 4648), or 0 when it is
/// empty or not base64.
std::size_t base64_bytes(std::string_view text) noexcept {
  if (text.empty() || text.size() % 4 != 0)
    return 0;
  auto padding = std::size_t{0};
  while (padding < 2 && text.ends_with('=')) {
    text.remove_suffix(1);
    ++padding;
  }
  if (!std::all_of(text.begin(), text.end(), is_base64_digit))
    return 0;
  return (text.size() + padding) / 4 * 3 - padding;
}

constexpr auto scram_prefix = std::string_view{"SCRAM-SHA-256$"};
constexpr auto sha256_bytes = std::size_t{32};
constexpr auto md5_text_size = std::size_t{35};

bool is_md5_hash(std::string_view text) noexcept {
  return text.size() == md5_text_size && text.starts_with("md5")
      && std::all_of(text.begin() + 3, text.end(), is_hex);
}

/// Null when `text` (behind the prefix) is a verifier, else what is wrong.
const char* verifier_fault(std::string_view text) noexcept {
  auto iterations = std::uint32_t{0};
  auto* end = text.data() + text.size();
  auto [rest, error] = std::from_chars(text.data(), end, iterations);
  if (error != std::errc{} || rest == end || *rest != ':' || iterations == 0)
    return "SCRAM verifier: bad iteration count";
  if (iterations > limits::scram_iterations_max)
    return "SCRAM verifier: too many iterations";
  text.remove_prefix(static_cast<std::size_t>(rest - text.data()) + 1);
  auto dollar = text.find('$');
  if (dollar == std::string_view::npos
      || base64_bytes(text.substr(0, dollar)) == 0)
    return "SCRAM verifier: bad salt";
  text.remove_prefix(dollar + 1);
  auto colon = text.find(':');
  if (colon == std::string_view::npos
      || base64_bytes(text.substr(0, colon)) != sha256_bytes)
    return "SCRAM verifier: bad StoredKey";
  if (base64_bytes(text.substr(colon + 1)) != sha256_bytes)
    return "SCRAM verifier: bad ServerKey";
  return nullptr;
}

} // namespace

std::string_view name(pool_mode mode) noexcept {
  switch (mode) {
    case pool_mode::session:
      return "session";
    case pool_mode::transaction:
      return "transaction";
    case pool_mode::statement:
      return "statement";
  }
  return "invalid";
}

std::string_view name(pin_policy policy) noexcept {
  switch (policy) {
    case pin_policy::pin:
      return "pin";
    case pin_policy::reject:
      return "reject";
  }
  return "invalid";
}

std::string_view name(listen_policy policy) noexcept {
  switch (policy) {
    case listen_policy::pin:
      return "pin";
    case listen_policy::shared:
      return "shared";
  }
  return "invalid";
}

std::string_view name(server_tls mode) noexcept {
  switch (mode) {
    case server_tls::disable:
      return "disable";
    case server_tls::prefer:
      return "prefer";
    case server_tls::require:
      return "require";
    case server_tls::verify_ca:
      return "verify-ca";
    case server_tls::verify_full:
      return "verify-full";
  }
  return "invalid";
}

std::string_view name(client_auth method) noexcept {
  switch (method) {
    case client_auth::scram_sha_256:
      return "scram-sha-256";
    case client_auth::md5:
      return "md5";
    case client_auth::password:
      return "password";
    case client_auth::trust:
      return "trust";
  }
  return "invalid";
}

std::optional<pool_mode> parse_pool_mode(std::string_view text) {
  static constexpr auto all = std::array{
    pool_mode::session, pool_mode::transaction, pool_mode::statement};
  return parse_word(text, all);
}

std::optional<pin_policy> parse_pin_policy(std::string_view text) {
  static constexpr auto all = std::array{pin_policy::pin, pin_policy::reject};
  return parse_word(text, all);
}

std::optional<listen_policy> parse_listen_policy(std::string_view text) {
  static constexpr auto all
    = std::array{listen_policy::pin, listen_policy::shared};
  return parse_word(text, all);
}

std::optional<server_tls> parse_server_tls(std::string_view text) {
  static constexpr auto all
    = std::array{server_tls::disable, server_tls::prefer, server_tls::require,
                 server_tls::verify_ca, server_tls::verify_full};
  return parse_word(text, all);
}

std::optional<client_auth> parse_client_auth(std::string_view text) {
  static constexpr auto all
    = std::array{client_auth::scram_sha_256, client_auth::md5,
                 client_auth::password, client_auth::trust};
  return parse_word(text, all);
}

result<credential> parse_credential(std::string_view text) {
  if (text.empty())
    return credential{no_credential{}};
  if (is_md5_hash(text))
    return credential{md5_hash{secret{std::string{text}}}};
  if (!text.starts_with(scram_prefix))
    return credential{plain_password{secret{std::string{text}}}};
  // PostgreSQL would take a malformed verifier for a password. A typing error
  // is far more likely, and would lock the user out without a word.
  if (auto* fault = verifier_fault(text.substr(scram_prefix.size())))
    return failure{ec::config_bad_value, fault};
  return credential{scram_verifier{secret{std::string{text}}}};
}

client_auth auth_method(const user& who) noexcept {
  if (who.auth)
    return *who.auth;
  return std::holds_alternative<md5_hash>(who.password)
         ? client_auth::md5
         : client_auth::scram_sha_256;
}

const database* tenant::find_database(std::string_view wanted) const {
  const database* any = nullptr;
  for (const auto& item : databases) {
    if (item.name == "*")
      any = &item;
    else if (item.name == wanted)
      return &item;
  }
  return any;
}

const user* tenant::find_user(std::string_view wanted) const {
  auto at = std::find_if(users.begin(), users.end(),
                         [=](const user& x) { return x.name == wanted; });
  return at == users.end() ? nullptr : &*at;
}

} // namespace cenote::tenants
