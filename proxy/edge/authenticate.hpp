#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include <asio/awaitable.hpp>

#include "base/secret.hpp"
#include "net/edge_stream.hpp"
#include "proxy/edge/begun_login.hpp"
#include "proxy/edge/identity.hpp"
#include "proxy/edge/key_deriver.hpp"
#include "proxy/edge/key_store.hpp"
#include "proxy/edge/rejection.hpp"
#include "proxy/random_store.hpp"

namespace cenote::proxy::edge {

/// What authentication works with; all of it outlives every login.
struct auth_services {
  key_deriver& deriver;
  key_store& keys;
  const secret& process_secret; ///< Random; salts of users come from it.
};

/// Sent in front of AuthenticationOk or of a later refusal: SCRAM's last word.
using auth_farewell = std::vector<std::byte>;

/// Stage 4 (DESIGN 5): finds out whether the client is who it says. Does not
/// send AuthenticationOk. Unknown tenants, unknown users and wrong passwords
/// meet the same messages and the same work: every failed login has cost one
/// key derivation. Fails with `unknown_tenant`, `unknown_user`,
/// `wrong_password`, `auth_method_mismatch` (the same words for all four),
/// `auth_protocol_violation`, `tls_required`, or like `read_message`.
/// With `said` the client was challenged elsewhere, and this is its answer.
asio::awaitable<outcome<auth_farewell>>
authenticate(net::edge_stream& stream, const identity& whom,
             auth_services& with, std::optional<scram_answer> said = {});

/// Salt and iterations as the client will see them. They come from the name the
/// client said alone, unless a verifier is configured: nobody can tell a user
/// with a password from one that does not exist.
[[nodiscard]] protocol::scram_verifier
visible_verifier(const identity& whom, const secret& process_secret);

/// The offer of SCRAM: an AuthenticationRequest.
[[nodiscard]] std::vector<std::byte> scram_offer();

/// Random bytes from OpenSSL; aborts the process where there are none.
[[nodiscard]] std::string random_bytes(std::size_t count);

/// A nonce for SCRAM, fresh and unguessable.
[[nodiscard]] std::string make_nonce();
[[nodiscard]] std::string make_nonce(random_store& from);

} // namespace cenote::proxy::edge
