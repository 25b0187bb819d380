#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/secret.hpp"
#include "protocol/scram.hpp"

namespace cenote::proxy::edge {

/// The keys that clients proved to have, for logins to servers that hold the
/// same verifier: no password is needed. One per process. Any thread.
class key_store {
public:
  /// `verifier`: the text (as in pg_authid) that the proof was checked with.
  void put(std::string_view tenant, std::string_view user,
           const secret& verifier, const protocol::scram_keys& keys);

  /// The keys of that user, if they belong to this very verifier: a changed
  /// password makes the old keys useless.
  [[nodiscard]] std::optional<protocol::scram_keys>
  find(std::string_view tenant, std::string_view user,
       const secret& verifier) const;

  /// Drops all keys of a tenant.
  void forget(std::string_view tenant);

  [[nodiscard]] std::size_t size() const;

private:
  struct entry {
    secret verifier;
    protocol::scram_keys keys;
  };

  using user_map = std::map<std::string, entry, std::less<>>;

  mutable std::mutex mutex_;
  std::map<std::string, user_map, std::less<>> tenants_;
};

} // namespace cenote::proxy::edge
