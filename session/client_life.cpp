#include "session/client_life.hpp"

namespace cenote::session {

namespace {

constexpr step go(phase to, std::initializer_list<effect> effects = {}) {
  step out;
  out.next = to;
  for (auto what : effects)
    out.effects[out.count++] = what;
  return out;
}

constexpr step stay(phase at) {
  return go(at);
}

constexpr step impossible(phase at) {
  step out = go(at);
  out.expected = false;
  return out;
}

constexpr step when_idle(event what) noexcept {
  switch (what) {
    case event::request:
      return go(phase::waiting, {effect::ask_server});
    case event::cancel: // Late: there is nothing left to cancel.
      return stay(phase::idle);
    case event::hung_up:
    case event::goodbye:
      return go(phase::gone, {effect::close_client});
    case event::refuse:
      return go(phase::gone, {effect::refuse_client});
    case event::lent:
    case event::prepared:
    case event::released:
    case event::server_lost:
      return impossible(phase::idle);
  }
  return impossible(phase::idle);
}

constexpr step when_waiting(event what) noexcept {
  switch (what) {
    case event::request: // More bytes behind the first ones.
      return stay(phase::waiting);
    case event::lent:
      return go(phase::preparing, {effect::prepare_server});
    case event::cancel:
      return go(phase::idle, {effect::leave_queue, effect::answer_canceled});
    case event::hung_up:
      return go(phase::gone, {effect::leave_queue, effect::close_client});
    case event::refuse:
      return go(phase::gone, {effect::leave_queue, effect::refuse_client});
    case event::goodbye: // Still unread among the held bytes.
    case event::prepared:
    case event::released:
    case event::server_lost:
      return impossible(phase::waiting);
  }
  return impossible(phase::waiting);
}

constexpr step when_preparing(event what) noexcept {
  switch (what) {
    case event::prepared:
      return go(phase::borrowing, {effect::forward_held});
    case event::request:
      return stay(phase::preparing);
    case event::cancel: // Nothing of the client runs yet; as PostgreSQL does
                        // with a cancel that comes before the query.
      return stay(phase::preparing);
    case event::hung_up:
      return go(phase::gone, {effect::recover_server, effect::close_client});
    case event::refuse:
      return go(phase::gone, {effect::recover_server, effect::refuse_client});
    case event::server_lost:
      return go(phase::gone, {effect::refuse_client});
    case event::goodbye:
    case event::lent:
    case event::released:
      return impossible(phase::preparing);
  }
  return impossible(phase::preparing);
}

constexpr step when_borrowing(event what) noexcept {
  switch (what) {
    case event::request:
      return stay(phase::borrowing);
    case event::released:
      return go(phase::idle, {effect::release_server});
    case event::cancel:
      return go(phase::borrowing, {effect::cancel_server});
    case event::hung_up:
    case event::goodbye:
      return go(phase::gone, {effect::recover_server, effect::close_client});
    case event::refuse:
      return go(phase::gone, {effect::recover_server, effect::refuse_client});
    case event::server_lost:
      return go(phase::gone, {effect::refuse_client});
    case event::lent:
    case event::prepared:
      return impossible(phase::borrowing);
  }
  return impossible(phase::borrowing);
}

constexpr step decide(phase at, event what) noexcept {
  switch (at) {
    case phase::idle:
      return when_idle(what);
    case phase::waiting:
      return when_waiting(what);
    case phase::preparing:
      return when_preparing(what);
    case phase::borrowing:
      return when_borrowing(what);
    case phase::gone: // Whatever was still on its way finds nobody.
      return stay(phase::gone);
  }
  return impossible(at);
}

/// All that was said above: a client asks four times per transaction.
constexpr auto matrix = [] {
  std::array<std::array<step, event_count>, phase_count> out{};
  for (std::size_t at = 0; at < phase_count; ++at)
    for (std::size_t what = 0; what < event_count; ++what)
      out[at][what] = decide(static_cast<phase>(at), static_cast<event>(what));
  return out;
}();

} // namespace

[[gnu::hot]] const step& next(phase at, event what) noexcept {
  return matrix[static_cast<std::size_t>(at)][static_cast<std::size_t>(what)];
}

} // namespace cenote::session
