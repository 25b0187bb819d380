#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "protocol/scram.hpp"
#include "proxy/adoption.hpp"
#include "proxy/edge/auth_plan.hpp"
#include "proxy/edge/identity.hpp"
#include "proxy/edge/pool_lookup.hpp"
#include "proxy/edge/settings.hpp"
#include "tenants/catalog.hpp"

namespace cenote::proxy::edge {

/// What a startup message comes to: who says it, how it is to be proved, and
/// where whoever proved it belongs.
struct acquaintance {
  identity whom;
  auth_plan plan;
  protocol::scram_verifier visible; ///< With `proof::scram`.
  client_profile_ptr profile;       ///< Null until the first one is in.
  std::optional<pool_ticket> where; ///< The same.
  tenants::catalog_ptr where_in;    ///< What `where` is by.
};

using acquaintance_ptr = std::shared_ptr<acquaintance>;

/// Startup messages that were heard lately. An application's clients say the
/// same, byte by byte, and each comes with a cold cache: what follows from the
/// message is some hundred lines of code. Strangers are kept like everybody: by
/// microseconds it can be told that somebody said the same lately, as with any
/// cache, but not whether the catalog knows him. Each message has one place, by
/// its hash, and pushes out who was there. One shard's thread.
class acquaintances {
public:
  /// What a message is heard with: it means something else on another
  /// listener.
  struct where_said {
    bool is_unix = false;
    std::optional<tenants::pool_mode> mode;

    friend bool operator==(const where_said&, const where_said&) = default;
  };

  /// Longer messages are not kept.
  static constexpr std::size_t hello_bytes_max = 512;
  static constexpr std::size_t places_max = 256;

  /// Null: not known. Forgets everything with a new catalog and new settings.
  [[nodiscard]] acquaintance_ptr find(std::span<const std::byte> hello,
                                      const where_said& at,
                                      const tenants::catalog_ptr& all,
                                      const edge_settings_ptr& settings);

  /// Behind a `find` that found nothing.
  void keep(std::span<const std::byte> hello, const where_said& at,
            acquaintance_ptr who);

private:
  struct place {
    std::string hello;
    where_said at;
    acquaintance_ptr who;
  };

  place& place_of(std::string_view hello) noexcept;

  tenants::catalog_ptr of_;
  edge_settings_ptr with_;
  std::array<place, places_max> places_;
};

} // namespace cenote::proxy::edge
