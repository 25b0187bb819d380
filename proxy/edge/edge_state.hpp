#pragma once

#include <memory>
#include <utility>

#include <asio/io_context.hpp>

#include "net/connect.hpp"
#include "proxy/edge/counters.hpp"
#include "proxy/edge/edge.hpp"
#include "proxy/edge/key_deriver.hpp"
#include "proxy/edge/login.hpp"
#include "proxy/edge/server_dialer.hpp"
#include "proxy/edge/watch.hpp"

namespace cenote::proxy::edge {

/// What all coroutines of one edge share. Each holds it by `shared_ptr`, so
/// that frames which die with the io_context find it alive. Edge thread, but
/// for the counters.
struct edge_state {
  explicit edge_state(const edge_parts& parts)
    : on{parts.io.get_executor()},
      shards{parts.shards},
      console{parts.console},
      settings{parts.settings},
      quotas{parts.quotas},
      keys{parts.keys},
      process_secret{random_bytes(32)},
      deriver{on},
      dialer{on},
      login{parts.shards, parts.pools, pool_lookup{parts.quotas}, parts.catalog,
            auth_services{deriver, parts.keys, process_secret}},
      watches{on} {
    // nop
  }

  asio::any_io_executor on;
  data_plane& shards;
  console_service& console;
  const edge_settings_cell& settings;
  quota_book& quotas;
  key_store& keys;
  secret process_secret;
  key_deriver deriver;
  server_dialer dialer;
  login_services login;
  edge_counters counters;
  watch_list watches;
  std::vector<std::unique_ptr<net::listener>> listeners;
  /// Only what is left over is destroyed now; `shards` may be gone.
  bool is_over = false;
};

using edge_state_ptr = std::shared_ptr<edge_state>;

} // namespace cenote::proxy::edge
