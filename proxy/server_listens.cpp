// A server whose loan is the listening server's, and what others say of LISTEN.

#include "proxy/client_link.hpp"
#include "proxy/lane.hpp"
#include "proxy/listen_hub.hpp"
#include "proxy/server_link.hpp"
#include "proxy/shard.hpp"

#include "protocol/messages.hpp"
#include "protocol/writer.hpp"

namespace cenote::proxy {

namespace {

using protocol::delivery;

/// Longer ones are none of PostgreSQL's.
constexpr std::size_t notification_bytes_max = 16 * 1024;

/// A portal and a statement of this name are there only between two messages of
/// ours.
constexpr std::string_view home_name = "cenote_home";

} // namespace

void server_link::assign(loan_id loan) noexcept {
  loan_ = loan;
  duty_ = duty::lent;
  request_at_ = connected_at_;
}

bool server_link::take_own_error() noexcept {
  const auto failed = !own_error_.empty();
  own_error_.clear();
  return failed;
}

void server_link::serve(listen_hub& hub) noexcept {
  forget_client();
  hub_ = &hub;
}

std::string server_link::client_encoding() const {
  const auto index = session::reported_index("client_encoding");
  return std::string{reported_.get(*index)};
}

void server_link::query_own(std::string_view sql) {
  auto& out = lane_.home().scratch();
  protocol::writer to{out};
  protocol::query_message{sql}.encode(to);
  own_error_.clear();
  unnamed_is_foreign();
  if (expect_own('Q') != ec::none)
    return fail(ec::server_protocol_violation);
  send_copy(out);
}

ec server_link::put_home(std::string_view sql, bool is_query,
                         std::vector<std::byte>& out) {
  protocol::writer to{out};
  if (is_query) {
    protocol::query_message{sql}.encode(to);
    return expect('Q', delivery::skip);
  }
  auto close = [&](protocol::target what) {
    protocol::close_message{what, home_name}.encode(to);
  };
  close(protocol::target::statement);
  to.begin('P');
  to.string(home_name);
  to.string(sql);
  to.int16(0);
  to.end();
  to.begin('B');
  to.string(home_name);
  to.string(home_name);
  to.int16(0);
  to.int16(0);
  to.int16(0);
  to.end();
  to.begin('E');
  to.string(home_name);
  to.int32(0);
  to.end();
  close(protocol::target::portal);
  close(protocol::target::statement);
  for (char tag : std::string_view{"CPBECC"})
    if (auto code = expect(tag, delivery::skip_answer); code != ec::none)
      return code;
  return ec::none;
}

void server_link::take_notification(const protocol::piece& part,
                                    byte_run<to_client>& forward) {
  if (part.body_bytes > notification_bytes_max)
    return forward.add(part);
  gather_bytes(part);
  if (!part.ends())
    return;
  const auto what = session::read_notification(
    std::span{gathered_}.subspan(protocol::header_bytes));
  if (what && hub_ != nullptr)
    return hub_->notified(*what, gathered_);
  if (!what || (client_ != nullptr && client_->hears_own(*what)))
    forward.add_copy(gathered_, true);
}

} // namespace cenote::proxy
