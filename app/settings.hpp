#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "configs/config.hpp"
#include "proxy/edge/settings.hpp"

namespace cenote::app {

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
