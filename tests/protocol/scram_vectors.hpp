#pragma once

#include <string>
#include <string_view>

#include "protocol/base64.hpp"
#include "protocol/scram.hpp"
#include "protocol/scram_crypto.hpp"

/// RFC 7677 section 3: user "user", password "pencil". The lines without a name
/// are the same exchange with `n=`, as libpq and cenote send it.
namespace cenote::protocol::test {

inline constexpr std::string_view pencil_verifier
  = "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$"
    "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:"
    "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";

inline constexpr std::string_view rfc_server_first
  = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
    "s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";

inline constexpr std::string_view rfc_client_final
  = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
    "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";

inline constexpr std::string_view rfc_server_final
  = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";

inline constexpr std::string_view client_final_without_name
  = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
    "p=qvT2SWdEH5Q06albL+hjSYuUhCG7VndFyzIb7CK4n9k=";

inline constexpr std::string_view server_final_without_name
  = "v=3HO6Qt1M4MKJrmlKaoOqLAI0/0TV0HZe7J9H3MBtSOg=";

inline std::string pencil_salt() {
  return *base64_decode("W22ZaJ0SNY7soEsUEjb6gQ==");
}

/// A client-final-message whose proof is right for "pencil".
inline std::string prove(std::string_view client_first_bare,
                         std::string_view server_first,
                         std::string_view without_proof) {
  static const auto keys
    = *derive_keys(secret{"pencil"}, pencil_salt(), scram_iterations_default);
  const auto signature = scram_crypto::hmac(
    scram_crypto::hash(keys.client_key).reveal(),
    {client_first_bare, ",", server_first, ",", without_proof});
  const auto proof = scram_crypto::exclusive_or(keys.client_key, signature);
  return std::string{without_proof} + ",p=" + base64_encode(proof.reveal());
}

} // namespace cenote::protocol::test
