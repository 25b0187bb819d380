#include "proxy/edge/auth_plan.hpp"

#include <variant>

namespace cenote::proxy::edge {

auth_plan plan_authentication(const tenants::user* who,
                              bool is_private) noexcept {
  if (who == nullptr)
    return {proof::scram, ec::unknown_user, ec::none};
  const auto& known = who->password;
  const bool has_none = std::holds_alternative<tenants::no_credential>(known);
  const auto missing = has_none ? ec::wrong_password : ec::none;
  switch (tenants::auth_method(*who)) {
    case tenants::client_auth::trust:
      return {proof::none, ec::none, ec::none};
    case tenants::client_auth::scram_sha_256:
      if (std::holds_alternative<tenants::md5_hash>(known))
        return {proof::scram, ec::auth_method_mismatch, ec::none};
      return {proof::scram, missing, ec::none};
    case tenants::client_auth::md5:
      if (std::holds_alternative<tenants::scram_verifier>(known))
        return {proof::scram, ec::none, ec::none};
      return {proof::md5, missing, ec::none};
    case tenants::client_auth::password:
      if (!is_private)
        return {proof::password, ec::none, ec::tls_required};
      return {proof::password, missing, ec::none};
  }
  return {proof::scram, ec::unknown_user, ec::none};
}

} // namespace cenote::proxy::edge
