#include "app/console/answers.hpp"

#include <utility>

#include "base/utf8.hpp"

namespace cenote::app {

namespace {

/// `why` in ADMIN's words. Whether all is paused was asked before: PAUSE and
/// KILL fail later for another reason.
std::string wrong_state(const statement& what, const std::string& why) {
  if (what.what == verb::resume)
    return what.argument.empty()
           ? std::string{"pooler is not paused/suspended"}
           : "database " + what.argument + " is not paused";
  return std::string{name(what.what)} + " was undone: " + why;
}

} // namespace

protocol::error_response complaint(ec code, std::string_view message) {
  auto out = protocol::make_error(code);
  out.message = to_utf8(message);
  return out;
}

protocol::error_response not_supported(std::string what, std::string hint) {
  auto out = complaint(ec::admin_syntax,
                       std::move(what) + " is not supported by cenote");
  out.code = "0A000";
  out.hint = std::move(hint);
  return out;
}

protocol::notice_response notice(std::string message) {
  auto out = protocol::notice_response{};
  out.severity = "NOTICE";
  out.severity_plain = "NOTICE";
  out.code = "00000";
  out.message = std::move(message);
  return out;
}

bool may_everybody(const statement& what) {
  if (what.what == verb::show)
    return parse_subject(what.argument) != subject::fds;
  return what.what == verb::set && find_fake_setting(what.argument) != nullptr;
}

protocol::error_response failed_reply(const statement& what,
                                      const actors::admin_reply& reply) {
  if (what.what == verb::reload) {
    auto out = complaint(ec::config_bad_value,
                         "RELOAD failed, see logs for additional details");
    out.detail = reply.text;
    return out;
  }
  if (reply.code == ec::admin_unknown_target)
    return complaint(reply.code, "no such database: " + what.argument);
  if (reply.code == ec::admin_wrong_state
      && (what.what == verb::pause || what.what == verb::resume
          || what.what == verb::kill)) {
    auto out = complaint(reply.code, wrong_state(what, reply.text));
    out.detail = reply.text;
    return out;
  }
  auto out = protocol::make_error(reply.code);
  // The session goes on, whatever a client would have been told.
  out.severity = "ERROR";
  out.severity_plain = "ERROR";
  out.detail = reply.text;
  return out;
}

} // namespace cenote::app
