#pragma once

#include <cstdint>

#include "base/error.hpp"
#include "tenants/model.hpp"

namespace cenote::proxy::edge {

/// What is asked of a client.
enum class proof : std::uint8_t { none, scram, md5, password };

/// How a login will go, decided before the first byte about it is sent.
struct auth_plan {
  proof ask = proof::scram;
  /// Not `none`: no answer is right, and this is what the log says. The client
  /// sees what every user with a wrong password sees.
  ec hopeless = ec::none;
  /// Not `none`: refused at once, with this code.
  ec refused = ec::none;
};

/// The plan for `who` (null: unknown). Passwords in clear text are asked for
/// only where nobody can listen (`is_private`: TLS or a unix socket). An md5
/// hash cannot check SCRAM, so that pair is hopeless; a SCRAM verifier is never
/// asked for by md5, as in PostgreSQL. Pure.
[[nodiscard]] auth_plan plan_authentication(const tenants::user* who,
                                            bool is_private) noexcept;

} // namespace cenote::proxy::edge
