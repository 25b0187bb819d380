#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "configs/config.hpp"
#include "configs/load.hpp"
#include "proxy/edge/settings.hpp"

namespace cenote::app {

/// How this program loads its configuration: certificates are tried.
[[nodiscard]] configs::load_options load_options_of(std::uint64_t version = 1);

/// What the edge works with, made of a configuration: reads the certificate.
/// Fails with `config_unreadable`. Blocking.
[[nodiscard]] result<proxy::edge::edge_settings>
edge_settings_of(const configs::config& from);

[[nodiscard]] std::vector<proxy::edge::listener_settings>
listeners_of(const configs::config& from);

/// The number of shards to start: the configured one, or one per core this
/// process may use.
[[nodiscard]] std::size_t shard_count_of(const configs::config& from);

} // namespace cenote::app
