#pragma once

#include <exception>
#include <string>
#include <utility>

#include <caf/actor_cast.hpp>
#include <caf/actor_system.hpp>
#include <caf/atom.hpp>
#include <caf/error.hpp>
#include <caf/exit_reason.hpp>
#include <caf/message_priority.hpp>
#include <caf/meta/type_name.hpp>
#include <caf/scheduled_actor.hpp>
#include <caf/send.hpp>
#include <caf/system_messages.hpp>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/log.hpp"

/// What CAF 1.x will spell differently than 0.17.6 does, in one place: atoms,
/// sending, handlers, errors.

CAF_ERROR_CODE_ENUM(cenote::ec, "cenote")

/// An atom of `cenote::atom` whose text is its name (at most ten characters).
#define CENOTE_ADD_ATOM(block, name)                                           \
  CAF_ADD_ATOM(block, cenote::atom, name, #name)

namespace cenote {

/// The code inside a CAF error; CAF's own reasons become `actor_down` or
/// `timed_out`. Safe on an empty error.
[[nodiscard]] ec to_ec(const caf::error& why) noexcept;

/// The operator's text inside an error made by us, or empty.
[[nodiscard]] std::string detail_of(const caf::error& why);

// -- sending ------------------------------------------------------------------

template <class Self, class Dest, class... Ts>
void tell(Self* self, const Dest& to, Ts&&... xs) {
  self->send(to, std::forward<Ts>(xs)...);
}

/// From a thread that is no actor: shards and the edge.
template <class Dest, class... Ts>
void tell_from_outside(const Dest& to, Ts&&... xs) {
  caf::anon_send(to, std::forward<Ts>(xs)...);
}

/// A request. Always with a deadline, for an actor that dies with it says
/// nothing; `.then` needs both handlers.
template <class Self, class Dest, class... Ts>
auto ask(Self* self, const Dest& to, duration within, Ts&&... xs) {
  return self->request(to, within, std::forward<Ts>(xs)...);
}

/// A message to be sent later. It cannot be recalled: the receiver checks
/// whether it still means something.
template <class Self, class Dest, class... Ts>
void after(Self* self, duration pause, const Dest& to, Ts&&... xs) {
  self->delayed_send(to, pause, std::forward<Ts>(xs)...);
}

/// Ends an actor ahead of everything in its mailbox. A handler that runs is not
/// interrupted.
template <class Handle>
void kill_now(const Handle& who) {
  if (!who)
    return;
  auto dest = caf::actor_cast<caf::actor>(who);
  caf::anon_send<caf::message_priority::high>(
    dest, caf::exit_msg{dest->address(), caf::exit_reason::kill});
}

// -- every actor's handlers ---------------------------------------------------

/// What each of our actors does with the unforeseen: an exception ends it (its
/// supervisor starts it anew) and is logged, unknown messages are dropped, an
/// error nobody waited for is not fatal.
template <class Self>
void install_handlers(Self* self, const char* who) {
  self->set_exception_handler([who](std::exception_ptr& thrown) -> caf::error {
    auto what = std::string{"unknown exception"};
    try {
      std::rethrow_exception(thrown);
    } catch (const std::exception& x) {
      what = x.what();
    } catch (...) {
      // nop
    }
    log::error("actor failed", {log::kv("actor", who), log::kv("why", what)});
    return caf::make_error(ec::actor_down);
  });
  self->set_default_handler(caf::drop);
  self->set_error_handler([](caf::error&) {
    // nop
  });
}

} // namespace cenote
