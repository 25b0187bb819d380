#include "proxy/edge/server_login.hpp"

#include <algorithm>
#include <memory>
#include <utility>

#include "base/limits.hpp"
#include "base/log.hpp"
#include "protocol/md5.hpp"
#include "protocol/messages.hpp"
#include "protocol/reader.hpp"
#include "protocol/reply_mirror.hpp"
#include "proxy/edge/authenticate.hpp"
#include "proxy/edge/message_io.hpp"

namespace cenote::proxy::edge {

namespace {

/// Nothing: the message was taken in stride. Else why the login is over.
using step = result<void>;

failure violation(std::string what) {
  return {ec::server_protocol_violation, std::move(what)};
}

/// What a failed read or write of a server means.
failure lost_server(const failure& why) {
  auto out = why;
  if (why.code == ec::login_too_large)
    out.code = ec::server_protocol_violation;
  else if (why.code == ec::tls_failed)
    out.code = ec::server_tls_failed;
  else if (why.code != ec::server_protocol_violation)
    out.code = ec::server_lost;
  return out;
}

/// One login.
class server_exchange {
public:
  server_exchange(net::edge_stream& stream,
                  const tenants::server_target& target, std::string tenant,
                  server_login_services& with)
    : stream_{stream},
      target_{target},
      tenant_{std::move(tenant)},
      with_{with} {
    // nop
  }

  asio::awaitable<std::variant<server_words, refusal>> run();

private:
  /// What authentication has come to.
  enum class phase : std::uint8_t {
    fresh,      ///< The server may ask, once.
    answered,   ///< Clear text or md5 sent.
    sasl_first, ///< client-first-message sent.
    sasl_final, ///< client-final-message sent.
    proven,     ///< The server has shown that it knows the verifier.
    done,       ///< AuthenticationOk.
  };

  asio::awaitable<step> greet();
  asio::awaitable<step> take(const login_message& message);
  asio::awaitable<step> take_authentication(const login_message& message);
  asio::awaitable<step> send(std::vector<std::byte> bytes);
  asio::awaitable<step> answer_clear_text();
  asio::awaitable<step> answer_md5(protocol::md5_salt salt);
  asio::awaitable<step>
  choose_mechanism(const protocol::authentication_sasl& offer);
  asio::awaitable<step> answer_challenge(std::string server_first);
  asio::awaitable<result<protocol::scram_keys>>
  keys_for(protocol::scram_challenge challenge);
  step take_parameter(const login_message& message);
  step take_key(const login_message& message);
  step take_ready(const login_message& message);
  step take_error(const login_message& message);

  net::edge_stream& stream_;
  const tenants::server_target& target_;
  std::string tenant_;
  server_login_services& with_;
  phase phase_ = phase::fresh;
  std::optional<protocol::scram_client> scram_;
  server_words words_;
  bool has_key_ = false;
  bool is_ready_ = false;
  std::shared_ptr<const std::vector<std::byte>> server_error_;
};

asio::awaitable<std::variant<server_words, refusal>> server_exchange::run() {
  auto went = co_await greet();
  while (went && !is_ready_) {
    auto message
      = co_await read_message(stream_, limits::server_login_message_bytes_max,
                              ec::server_protocol_violation);
    if (!message)
      went = lost_server(message.error());
    else
      went = co_await take(*message);
  }
  if (went)
    co_return std::move(words_);
  auto out = refusal{};
  out.why = went.error();
  out.server_error = std::move(server_error_);
  co_return out;
}

asio::awaitable<step> server_exchange::greet() {
  auto hello = protocol::startup_message{};
  for (const auto& [name, value] : target_.startup)
    hello.parameters.push_back({name, value});
  // Last: of two the last wins.
  hello.parameters.push_back({"user", target_.user});
  hello.parameters.push_back({"database", target_.database});
  auto bytes = protocol::encoded(hello);
  co_return co_await send(std::move(bytes));
}

asio::awaitable<step> server_exchange::send(std::vector<std::byte> bytes) {
  auto sent = co_await stream_.write(std::move(bytes));
  if (!sent)
    co_return lost_server(sent.error());
  co_return step{};
}

asio::awaitable<step> server_exchange::take(const login_message& message) {
  using protocol::backend_tag;
  switch (protocol::backend_tag_of(message.tag)) {
    case backend_tag::authentication:
      co_return co_await take_authentication(message);
    case backend_tag::error_response:
      co_return take_error(message);
    case backend_tag::notice_response:
    case backend_tag::negotiate_protocol_version:
      co_return step{};
    case backend_tag::parameter_status:
      co_return take_parameter(message);
    case backend_tag::backend_key_data:
      co_return take_key(message);
    case backend_tag::ready_for_query:
      co_return take_ready(message);
    case backend_tag::bind_complete:
    case backend_tag::close_complete:
    case backend_tag::command_complete:
    case backend_tag::copy_both_response:
    case backend_tag::copy_data:
    case backend_tag::copy_done:
    case backend_tag::copy_in_response:
    case backend_tag::copy_out_response:
    case backend_tag::data_row:
    case backend_tag::empty_query_response:
    case backend_tag::function_call_response:
    case backend_tag::no_data:
    case backend_tag::notification_response:
    case backend_tag::parameter_description:
    case backend_tag::parse_complete:
    case backend_tag::portal_suspended:
    case backend_tag::row_description:
    case backend_tag::other:
      break;
  }
  co_return violation("message type "
                      + std::to_string(static_cast<unsigned char>(message.tag))
                      + " during login");
}

// -- authentication -----------------------------------------------------------

asio::awaitable<step>
server_exchange::take_authentication(const login_message& message) {
  using namespace protocol;
  auto decoded = decode_authentication(message.body);
  if (!decoded)
    co_return decoded.error();
  if (std::holds_alternative<authentication_other>(*decoded))
    co_return ec::server_auth_unsupported;
  const bool is_fresh = phase_ == phase::fresh;
  if (std::holds_alternative<authentication_cleartext>(*decoded) && is_fresh)
    co_return co_await answer_clear_text();
  if (auto* md5 = std::get_if<authentication_md5>(&*decoded); md5 && is_fresh)
    co_return co_await answer_md5(md5->salt);
  if (auto* offer = std::get_if<authentication_sasl>(&*decoded);
      offer && is_fresh)
    co_return co_await choose_mechanism(*offer);
  if (auto* next = std::get_if<authentication_sasl_continue>(&*decoded);
      next && phase_ == phase::sasl_first) {
    auto data = std::string{next->data};
    co_return co_await answer_challenge(std::move(data));
  }
  if (auto* last = std::get_if<authentication_sasl_final>(&*decoded);
      last && phase_ == phase::sasl_final) {
    phase_ = phase::proven;
    co_return scram_->verify(last->data);
  }
  // Ok in the middle of SCRAM would be a server that has proven nothing.
  if (std::holds_alternative<authentication_ok>(*decoded)
      && (is_fresh || phase_ == phase::answered || phase_ == phase::proven)) {
    phase_ = phase::done;
    co_return step{};
  }
  co_return violation("authentication message out of turn");
}

asio::awaitable<step> server_exchange::answer_clear_text() {
  auto* plain = std::get_if<tenants::plain_password>(&target_.password);
  if (plain == nullptr)
    co_return failure{ec::server_auth_failed, "no clear text password known"};
  if (!stream_.is_tls() && !stream_.peer().is_unix)
    log::warn("a server asked for a password in clear text without TLS",
              {log::kv("host", target_.host), log::kv("user", target_.user)});
  phase_ = phase::answered;
  auto said = protocol::password_message{};
  said.password = plain->value.reveal();
  auto bytes = protocol::encoded(said);
  co_return co_await send(std::move(bytes));
}

asio::awaitable<step> server_exchange::answer_md5(protocol::md5_salt salt) {
  auto stored = result<secret>{ec::server_auth_failed};
  if (auto* plain = std::get_if<tenants::plain_password>(&target_.password))
    stored = protocol::md5_hash(plain->value, target_.user);
  else if (auto* hash = std::get_if<tenants::md5_hash>(&target_.password))
    stored = hash->value;
  if (!stored)
    co_return failure{ec::server_auth_failed, "no md5 password known"};
  auto answer = protocol::md5_answer(*stored, salt);
  if (!answer)
    co_return answer.error();
  phase_ = phase::answered;
  auto said = protocol::password_message{};
  said.password = answer->reveal();
  auto bytes = protocol::encoded(said);
  co_return co_await send(std::move(bytes));
}

asio::awaitable<step>
server_exchange::choose_mechanism(const protocol::authentication_sasl& offer) {
  const auto& list = offer.mechanisms;
  if (std::find(list.begin(), list.end(), protocol::scram_mechanism)
      == list.end())
    co_return failure{ec::server_auth_unsupported, "no SCRAM-SHA-256 on offer"};
  if (std::holds_alternative<tenants::no_credential>(target_.password)
      || std::holds_alternative<tenants::md5_hash>(target_.password))
    co_return failure{ec::server_auth_failed, "no password for SCRAM known"};
  scram_.emplace(make_nonce());
  phase_ = phase::sasl_first;
  const auto first = scram_->start();
  auto said = protocol::sasl_initial_response{};
  said.mechanism = protocol::scram_mechanism;
  said.data = first;
  auto bytes = protocol::encoded(said);
  co_return co_await send(std::move(bytes));
}

asio::awaitable<step>
server_exchange::answer_challenge(std::string server_first) {
  auto challenge = scram_->challenged(server_first);
  if (!challenge)
    co_return challenge.error();
  auto keys = co_await keys_for(std::move(*challenge));
  if (!keys)
    co_return keys.error();
  phase_ = phase::sasl_final;
  const auto last = scram_->answer(*keys);
  auto said = protocol::sasl_response{};
  said.data = last;
  auto bytes = protocol::encoded(said);
  co_return co_await send(std::move(bytes));
}

asio::awaitable<result<protocol::scram_keys>>
server_exchange::keys_for(protocol::scram_challenge challenge) {
  if (auto* plain = std::get_if<tenants::plain_password>(&target_.password))
    co_return co_await with_.deriver.keys(
      plain->value, std::move(challenge.salt), challenge.iterations);
  auto* kept = std::get_if<tenants::scram_verifier>(&target_.password);
  if (kept == nullptr)
    co_return failure{ec::server_auth_failed, "no password for SCRAM known"};
  auto verifier = protocol::scram_verifier::parse(kept->value.reveal());
  if (!verifier)
    co_return failure{ec::server_auth_failed, "malformed verifier"};
  if (verifier->salt != challenge.salt
      || verifier->iterations != challenge.iterations)
    co_return failure{ec::server_auth_failed,
                      "the server has another verifier than the user"};
  auto keys = with_.keys.find(tenant_, target_.user, kept->value);
  if (!keys)
    co_return failure{ec::server_auth_failed,
                      "no client has logged in with this verifier yet"};
  co_return *keys;
}

// -- the rest -----------------------------------------------------------------

step server_exchange::take_parameter(const login_message& message) {
  if (phase_ != phase::done)
    return violation("ParameterStatus out of turn");
  auto status = protocol::parameter_status::decode(message.body);
  if (!status)
    return status.error();
  auto& list = words_.said.parameters;
  auto at = std::find_if(list.begin(), list.end(), [&](const auto& each) {
    return each.first == status->name;
  });
  if (at != list.end())
    at->second = status->value;
  else
    list.emplace_back(status->name, status->value);
  return {};
}

step server_exchange::take_key(const login_message& message) {
  if (phase_ != phase::done || has_key_)
    return violation("BackendKeyData out of turn");
  auto key = protocol::backend_key_data::decode(message.body);
  if (!key)
    return key.error();
  has_key_ = true;
  words_.backend_pid = static_cast<std::uint32_t>(key->pid);
  words_.backend_key.assign(key->key.begin(), key->key.end());
  return {};
}

step server_exchange::take_ready(const login_message& message) {
  auto ready = protocol::ready_for_query::decode(message.body);
  if (!ready)
    return ready.error();
  if (phase_ != phase::done
      || ready->status != protocol::transaction_status{'I'})
    return violation("ReadyForQuery out of turn");
  is_ready_ = true;
  return {};
}

step server_exchange::take_error(const login_message& message) {
  auto error = protocol::error_response::decode(message.body);
  if (!error)
    return error.error();
  auto detail = error->code + ": " + error->message;
  error->severity = "FATAL";
  error->severity_plain = "FATAL";
  server_error_
    = std::make_shared<const std::vector<std::byte>>(protocol::encoded(*error));
  return failure{ec::server_login_rejected, std::move(detail)};
}

} // namespace

asio::awaitable<std::variant<server_words, refusal>>
log_in_to_server(net::edge_stream& stream, const tenants::server_target& target,
                 std::string tenant, server_login_services& with) {
  auto one = server_exchange{stream, target, std::move(tenant), with};
  co_return co_await one.run();
}

} // namespace cenote::proxy::edge
