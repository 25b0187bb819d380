// A server leaves its lane for another one of its pool: docs/lanes.md.

#include <utility>

#include "proxy/handover.hpp"
#include "proxy/lane.hpp"
#include "proxy/server_link.hpp"
#include "proxy/shard.hpp"

namespace cenote::proxy {

/// What is not packed by `move_out` is here, or begins anew in the other lane:
/// there the unnamed statement is nobody's we know, and what is prepared under
/// the other names of ours is closed before each use.
bool server_link::may_move() const noexcept {
  const auto is_free = duty_ == duty::resting && client_ == nullptr
                    && hub_ == nullptr && !doomed && !fatal_seen_
                    && cancels_ == 0;
  const auto is_asked = asking_ || asks_for_rows_ || beginning_ || preparing_
                     || replays_outstanding_ > 0 || !journal_.empty();
  const auto is_withheld
    = repeat_due_ || repeating_ || ready_withheld_ || !withheld_error_.empty()
   || !withheld_parameters_.empty() || !other_tags_.empty();
  return stream != nullptr && is_free && !is_asked && !is_withheld
      && !has_traces_ && walker_.at_boundary() && mirror_.owes_nothing()
      && mirror_.status() == protocol::transaction_status::idle
      && mirror_.dirt().empty();
}

std::optional<server_handover> server_link::move_out() {
  if (!may_move())
    return std::nullopt;
  auto taken = lane_.home().io().detach(*stream);
  if (!taken)
    return std::nullopt;
  stream = nullptr;
  duty_ = duty::dead;
  auto out = server_handover{};
  out.facts = std::move(facts_);
  out.facts.socket = std::move(taken->socket);
  out.facts.tls = std::move(taken->tls);
  out.id = id_;
  for (std::size_t i = 0; i < out.reported.size(); ++i) {
    out.knows[i] = reported_.knows(i);
    out.reported[i] = reported_.get(i);
  }
  out.startup = startup_;
  out.statements = statements_.pack();
  out.statements_doubted = statements_doubted_;
  out.knows_asker = knows_asker_;
  out.connected_at = connected_at_;
  out.request_at = request_at_;
  out.connect_time_unix = connect_time_unix_;
  return out;
}

server_link::server_link(lane& in, server_handover from)
  : server_link{in, from.id, std::move(from.facts)} {
  for (std::size_t i = 0; i < from.reported.size(); ++i)
    if (from.knows[i])
      reported_.set(i, from.reported[i]);
  if (from.startup != nullptr)
    startup_ = in.home().lists().share(*from.startup);
  statements_.unpack(in.statements(), from.statements);
  statements_doubted_ = from.statements_doubted;
  knows_asker_ = from.knows_asker;
  connected_at_ = from.connected_at;
  request_at_ = from.request_at;
  connect_time_unix_ = from.connect_time_unix;
}

} // namespace cenote::proxy
