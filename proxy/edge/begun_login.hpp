#pragma once

#include <optional>
#include <string>
#include <utility>

#include "base/clock.hpp"
#include "net/edge_stream.hpp"
#include "protocol/scram.hpp"
#include "proxy/edge/counters.hpp"
#include "proxy/edge/identity.hpp"
#include "proxy/edge/rejection.hpp"
#include "tenants/model.hpp"

namespace cenote::proxy::edge {

/// How far a login came: a log field.
enum class login_stage : std::uint8_t {
  startup,
  resolve,
  authenticate,
  subscribe,
  greet,
};

[[nodiscard]] std::string_view name(login_stage stage) noexcept;

/// What is known of a login while it runs, for the log.
struct login_record {
  login_stage stage = login_stage::startup;
  std::string user;
  std::string tenant;
  std::string database;
};

/// Counts a login for as long as it is one, wherever that is.
class login_count {
public:
  explicit login_count(edge_counters& counters) noexcept
    : counters_{&counters} {
    ++counters_->logins_started;
    ++counters_->logins_in_progress;
  }

  login_count(login_count&& other) noexcept
    : counters_{std::exchange(other.counters_, nullptr)} {
    // nop
  }

  login_count& operator=(login_count&&) = delete;

  ~login_count() {
    end();
  }

  void end() noexcept {
    if (auto* counters = std::exchange(counters_, nullptr))
      --counters->logins_in_progress;
  }

private:
  edge_counters* counters_;
};

/// A client has answered a SCRAM challenge. Whether it is right is not known:
/// it is to be found out from the beginning.
struct scram_answer {
  std::string nonce; ///< Ours.
  std::string client_first;
  std::string client_final;
};

/// A login as one thread leaves it to another: to be gone on with where it is.
struct begun_login {
  begun_login(login_count here, time_point when,
              std::optional<tenants::pool_mode> of_listener) noexcept
    : counted{std::move(here)},
      since{when},
      mode{of_listener} {
    // nop
  }

  login_count counted;
  time_point since;
  std::optional<tenants::pool_mode> mode; ///< The listener's.
  login_record record;
  bool tls_was_refused = false; ///< An SSLRequest was answered with no.
  std::optional<identity> whom; ///< With `answer`.
  std::optional<scram_answer> answer;
  std::optional<rejection>
    failed; ///< It is over, but the client does not know.
};

/// Stage 4 begins: it is known who the client says it is.
void note_identity(login_record& record, const identity& whom);

/// Counts and logs a login that failed. Any thread.
void note_failure(edge_counters& counters, const rejection& why,
                  const login_record& record, const net::address& peer);

/// Of a login that ran out of time, or must end for another reason.
[[nodiscard]] rejection out_of_time(ec why, const login_record& record);

} // namespace cenote::proxy::edge
