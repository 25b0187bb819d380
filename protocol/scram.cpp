#include "protocol/scram.hpp"

#include <algorithm>
#include <charconv>
#include <initializer_list>
#include <utility>

#include "base/assert.hpp"
#include "protocol/base64.hpp"
#include "protocol/scram_crypto.hpp"

namespace cenote::protocol {

using namespace scram_crypto;

namespace {

/// Reads `a=value,b=value` from the front. RFC 5802 section 5.1.
class attributes {
public:
  explicit attributes(std::string_view text) noexcept
    : left_{text} {
    // nop
  }

  struct item {
    char name;
    std::string_view value;
  };

  /// The next attribute, whichever it is; its comma is taken too.
  std::optional<item> any() noexcept {
    const bool is_letter = !left_.empty()
                        && ((left_[0] >= 'a' && left_[0] <= 'z')
                            || (left_[0] >= 'A' && left_[0] <= 'Z'));
    if (!is_letter || left_.size() < 2 || left_[1] != '=')
      return std::nullopt;
    const auto comma = left_.find(',');
    auto out = item{left_[0], left_.substr(2, comma - 2)};
    if (comma == std::string_view::npos)
      left_ = {};
    else
      left_.remove_prefix(comma + 1);
    return out;
  }

  /// The value of the next attribute, which must be `name`.
  std::optional<std::string_view> value(char name) noexcept {
    auto next = any();
    if (!next || next->name != name)
      return std::nullopt;
    return next->value;
  }

  [[nodiscard]] bool empty() const noexcept {
    return left_.empty();
  }

private:
  std::string_view left_;
};

/// "printable" of RFC 5802 section 7, and neither empty nor too long.
bool is_nonce(std::string_view text) noexcept {
  return !text.empty() && text.size() <= scram_nonce_bytes_max
      && std::all_of(text.begin(), text.end(),
                     [](char c) { return c >= 0x21 && c <= 0x7e && c != ','; });
}

bool is_acceptable(std::string_view message) noexcept {
  return message.size() <= limits::auth_message_bytes_max
      && message.find('\0') == std::string_view::npos;
}

/// Once, not wherever texts are put together: each place would be code of its
/// own, cold like the first.
[[gnu::noinline]] std::string
joined(std::initializer_list<std::string_view> parts) {
  auto out = std::string{};
  std::size_t size = 0;
  for (auto part : parts)
    size += part.size();
  out.reserve(size);
  for (auto part : parts)
    out += part;
  return out;
}

failure malformed(const char* why) {
  return {ec::auth_protocol_violation, why};
}

failure malformed_server(const char* why) {
  return {ec::server_protocol_violation, why};
}

} // namespace

scram_server::scram_server(scram_verifier verifier, std::string nonce,
                           bool plus_offered)
  : verifier_{std::move(verifier)},
    nonce_{std::move(nonce)},
    plus_offered_{plus_offered} {
  CENOTE_ASSERT(is_nonce(nonce_));
}

result<std::string> scram_server::start(std::string_view client_first) {
  // Every way out but the last one fails for good.
  if (std::exchange(phase_, phase::failed) != phase::fresh)
    return malformed("SCRAM message out of turn");
  if (!is_acceptable(client_first) || client_first.size() < 3)
    return malformed("malformed SCRAM client-first-message");
  // gs2-header: the binding flag, and an authorisation name that must be empty.
  binding_flag_ = client_first[0];
  if (binding_flag_ == 'p')
    return malformed("SCRAM channel binding without SCRAM-SHA-256-PLUS");
  if (binding_flag_ == 'y' && plus_offered_)
    return malformed("SCRAM channel binding was negotiated away");
  if (binding_flag_ != 'n' && binding_flag_ != 'y')
    return malformed("unexpected SCRAM channel-binding flag");
  if (client_first[1] != ',' || client_first[2] != ',')
    return malformed("malformed SCRAM header or an authorization identity");
  const auto bare = client_first.substr(3);
  auto in = attributes{bare};
  const auto user = in.value('n'); // 'm=' in its place is refused, too.
  const auto client_nonce = user ? in.value('r') : std::nullopt;
  if (!client_nonce || !is_nonce(*client_nonce))
    return malformed("malformed SCRAM client-first-message");
  while (!in.empty())
    if (!in.any()) // Extensions are ignored, but have a form.
      return malformed("malformed SCRAM extension");
  client_first_bare_ = bare;
  nonce_.insert(0, *client_nonce);
  server_first_ = joined({"r=", nonce_, ",s=", base64_encode(verifier_.salt),
                          ",i=", std::to_string(verifier_.iterations)});
  phase_ = phase::challenged;
  return server_first_;
}

result<std::string> scram_server::finish(std::string_view client_final) {
  if (std::exchange(phase_, phase::failed) != phase::challenged)
    return malformed("SCRAM message out of turn");
  if (!is_acceptable(client_final))
    return malformed("malformed SCRAM client-final-message");
  auto in = attributes{client_final};
  const auto binding = in.value('c');
  // base64 of "n,," and "y,,".
  if (!binding || *binding != (binding_flag_ == 'n' ? "biws" : "eSws"))
    return malformed("unexpected SCRAM channel-binding attribute");
  const auto nonce = in.value('r');
  if (!nonce)
    return malformed("malformed SCRAM client-final-message");
  auto next = in.any();
  while (next && next->name != 'p')
    next = in.any();
  auto proof = next && in.empty() ? key_from_base64(next->value) : std::nullopt;
  if (!proof)
    return malformed("malformed SCRAM client-final-message");
  if (!equal_in_constant_time(*nonce, nonce_))
    return malformed("SCRAM nonce does not match");
  // Up to the comma in front of "p=".
  const auto without_proof = client_final.substr(
    0, static_cast<std::size_t>(next->value.data() - client_final.data()) - 3);
  // The AuthMessage.
  const auto all
    = {std::string_view{client_first_bare_}, std::string_view{","},
       std::string_view{server_first_}, std::string_view{","}, without_proof};
  const auto signature = hmac(verifier_.stored_key.reveal(), all);
  client_key_ = exclusive_or(*proof, signature);
  const bool right = hash(client_key_) == verifier_.stored_key;
  if (!right || verifier_.mock) {
    client_key_ = {};
    return ec::wrong_password;
  }
  phase_ = phase::proved;
  const auto answer = hmac(verifier_.server_key.reveal(), all);
  return joined({"v=", base64_encode(answer.reveal())});
}

scram_keys scram_server::keys() const {
  CENOTE_ASSERT(phase_ == phase::proved);
  return {client_key_, verifier_.server_key};
}

scram_client::scram_client(std::string nonce)
  : nonce_{std::move(nonce)} {
  CENOTE_ASSERT(is_nonce(nonce_));
}

std::string scram_client::start() const {
  return "n,,n=,r=" + nonce_;
}

result<scram_challenge>
scram_client::challenged(std::string_view server_first) {
  if (!server_first_.empty())
    return malformed_server("SCRAM message out of turn");
  if (!is_acceptable(server_first))
    return malformed_server("malformed SCRAM server-first-message");
  auto in = attributes{server_first};
  const auto nonce = in.value('r');
  const auto salt = nonce ? in.value('s') : std::nullopt;
  const auto count = salt ? in.value('i') : std::nullopt;
  if (!count || !in.empty())
    return malformed_server("malformed SCRAM server-first-message");
  if (!is_nonce(*nonce) || nonce->size() <= nonce_.size()
      || !nonce->starts_with(nonce_))
    return malformed_server("the server's SCRAM nonce is not acceptable");
  scram_challenge out;
  auto raw_salt = base64_decode(*salt);
  if (!raw_salt || raw_salt->empty() || raw_salt->size() > scram_salt_bytes_max)
    return malformed_server("the server's SCRAM salt is not acceptable");
  const auto* end = count->data() + count->size();
  const auto number = std::from_chars(count->data(), end, out.iterations);
  if (number.ptr != end || number.ec == std::errc::invalid_argument)
    return malformed_server("malformed SCRAM iteration count");
  if (number.ec == std::errc::result_out_of_range
      || out.iterations > limits::scram_iterations_max)
    return ec::server_scram_iterations;
  if (out.iterations == 0)
    return malformed_server("malformed SCRAM iteration count");
  out.salt = std::move(*raw_salt);
  server_nonce_ = *nonce;
  server_first_ = server_first;
  return out;
}

std::string scram_client::answer(const scram_keys& keys) {
  CENOTE_ASSERT(!server_first_.empty());
  auto message = "c=biws,r=" + server_nonce_;
  auth_message_ = "n=,r=" + nonce_ + ',' + server_first_ + ',' + message;
  server_key_ = keys.server_key;
  const auto signature = hmac(hash(keys.client_key).reveal(), {auth_message_});
  const auto proof = exclusive_or(keys.client_key, signature);
  return message + ",p=" + base64_encode(proof.reveal());
}

result<void> scram_client::verify(std::string_view server_final) const {
  if (auth_message_.empty())
    return malformed_server("SCRAM message out of turn");
  if (!is_acceptable(server_final))
    return malformed_server("malformed SCRAM server-final-message");
  auto in = attributes{server_final};
  const auto first = in.any();
  if (first && first->name == 'e')
    return failure{ec::server_auth_failed,
                   "the server says " + std::string{first->value}};
  if (!first || first->name != 'v' || !in.empty())
    return malformed_server("malformed SCRAM server-final-message");
  const auto signature = key_from_base64(first->value);
  if (!signature)
    return malformed_server("malformed SCRAM server signature");
  if (!(*signature == hmac(server_key_.reveal(), {auth_message_})))
    return failure{ec::server_auth_failed,
                   "the server does not know the SCRAM verifier"};
  return {};
}

} // namespace cenote::protocol
