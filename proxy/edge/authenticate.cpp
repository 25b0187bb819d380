#include "proxy/edge/authenticate.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <variant>

#include <sys/random.h>

#include "base/assert.hpp"
#include "base/limits.hpp"
#include "protocol/base64.hpp"
#include "protocol/md5.hpp"
#include "protocol/messages.hpp"
#include "protocol/reader.hpp"
#include "protocol/scram.hpp"
#include "proxy/edge/auth_plan.hpp"
#include "proxy/edge/message_io.hpp"

namespace cenote::proxy::edge {

namespace {

constexpr std::size_t nonce_bytes = 18;

/// The answer to one request, or why there is none.
using answer = outcome<std::vector<std::byte>>;

/// One login's authentication.
class exchange {
public:
  exchange(net::edge_stream& stream, const identity& whom, auth_services& with)
    : stream_{stream},
      whom_{whom},
      with_{with} {
    // nop
  }

  asio::awaitable<outcome<auth_farewell>> run(std::optional<scram_answer> said);

private:
  asio::awaitable<answer> ask(std::vector<std::byte> request);
  asio::awaitable<outcome<auth_farewell>> by_scram(ec hopeless);
  asio::awaitable<outcome<auth_farewell>> judge(ec hopeless, scram_answer said);
  asio::awaitable<result<protocol::scram_verifier>>
  derived_verifier(const secret& password);
  asio::awaitable<outcome<std::string>> scram_first();
  asio::awaitable<result<void>> by_md5(ec hopeless);
  asio::awaitable<result<void>> by_password(ec hopeless);
  asio::awaitable<result<void>> check_password(const secret& said);
  asio::awaitable<rejection> deny(failure why);
  rejection violation(std::string what) const;
  protocol::scram_server server_for(ec hopeless, std::string nonce) const;

  net::edge_stream& stream_;
  const identity& whom_;
  auth_services& with_;
  bool derived_ = false;            ///< This login has cost one key derivation.
  std::optional<rejection> broken_; ///< Of the stream, while it was asked.
};

rejection exchange::violation(std::string what) const {
  return rejection{failure{ec::auth_protocol_violation, std::move(what)}};
}

/// The same words and the same work, whoever it was and whatever was wrong.
asio::awaitable<rejection> exchange::deny(failure why) {
  if (!derived_)
    co_await with_.deriver.waste_one();
  if (why.code == ec::auth_protocol_violation)
    co_return rejection{std::move(why)};
  if (why.code == ec::unknown_user && !whom_.has_tenant)
    why.code = ec::unknown_tenant;
  co_return rejection{std::move(why), " for user \"" + whom_.said_user + "\""};
}

/// Sends a request and reads the one kind of message that may answer it.
asio::awaitable<answer> exchange::ask(std::vector<std::byte> request) {
  auto sent = co_await stream_.write(std::move(request));
  if (!sent)
    co_return lost_client(sent.error());
  auto got = co_await read_message(stream_, limits::auth_message_bytes_max,
                                   ec::auth_protocol_violation,
                                   protocol::password_message::tag);
  if (!got)
    co_return lost_client(got.error());
  co_return std::move(got->body);
}

asio::awaitable<outcome<auth_farewell>>
exchange::run(std::optional<scram_answer> said) {
  const bool is_private = stream_.is_tls() || stream_.peer().is_unix;
  const auto plan = plan_authentication(whom_.who.get(), is_private);
  if (plan.refused != ec::none)
    co_return rejection{plan.refused};
  auto done = result<void>{};
  switch (plan.ask) {
    case proof::none:
      co_return auth_farewell{};
    case proof::scram:
      if (said)
        co_return co_await judge(plan.hopeless, std::move(*said));
      co_return co_await by_scram(plan.hopeless);
    case proof::md5:
      done = co_await by_md5(plan.hopeless);
      break;
    case proof::password:
      done = co_await by_password(plan.hopeless);
      break;
  }
  if (broken_)
    co_return std::move(*broken_);
  if (!done)
    co_return co_await deny(done.error());
  co_return auth_farewell{};
}

// -- SCRAM --------------------------------------------------------------------

/// Says what a client may see, whoever it is; and judges by it.
protocol::scram_server exchange::server_for(ec hopeless,
                                            std::string nonce) const {
  auto visible = visible_verifier(whom_, with_.process_secret);
  visible.mock = visible.mock || hopeless != ec::none;
  return protocol::scram_server{std::move(visible), std::move(nonce)};
}

/// Of a user whose password is configured in clear text.
asio::awaitable<result<protocol::scram_verifier>>
exchange::derived_verifier(const secret& password) {
  auto visible = visible_verifier(whom_, with_.process_secret);
  auto keys = co_await with_.deriver.keys(password, visible.salt,
                                          visible.iterations, &derived_);
  if (!keys)
    co_return keys.error();
  co_return protocol::scram_verifier::from_keys(*keys, visible.salt,
                                                visible.iterations);
}

/// The client-first-message, behind the choice of a mechanism.
asio::awaitable<outcome<std::string>> exchange::scram_first() {
  auto request = scram_offer();
  auto got = co_await ask(std::move(request));
  if (auto* why = std::get_if<rejection>(&got))
    co_return std::move(*why);
  auto choice = protocol::sasl_initial_response::decode(*std::get_if<0>(&got));
  if (!choice)
    co_return violation("malformed SASLInitialResponse");
  if (choice->mechanism != protocol::scram_mechanism)
    co_return violation("another SASL mechanism was chosen");
  if (choice->data)
    co_return std::string{*choice->data};
  // RFC 4422: a client may want an empty challenge before it speaks.
  auto nothing = protocol::authentication_sasl_continue{};
  request = protocol::encoded(nothing);
  got = co_await ask(std::move(request));
  if (auto* why = std::get_if<rejection>(&got))
    co_return std::move(*why);
  co_return std::string{protocol::as_text(*std::get_if<0>(&got))};
}

asio::awaitable<outcome<auth_farewell>> exchange::by_scram(ec hopeless) {
  auto first = co_await scram_first();
  if (auto* why = std::get_if<rejection>(&first))
    co_return std::move(*why);
  auto said = scram_answer{};
  said.client_first = std::move(*std::get_if<0>(&first));
  said.nonce = make_nonce();
  // The challenge needs salt and iterations only; what is right is derived when
  // the proof is there, as late for a known user as for an unknown one.
  auto server = server_for(hopeless, said.nonce);
  auto challenge = server.start(said.client_first);
  if (!challenge)
    co_return violation("client-first-message: " + challenge.error().detail);
  auto next = protocol::authentication_sasl_continue{};
  next.data = *challenge;
  auto request = protocol::encoded(next);
  auto got = co_await ask(std::move(request));
  if (auto* why = std::get_if<rejection>(&got))
    co_return std::move(*why);
  said.client_final = protocol::as_text(*std::get_if<0>(&got));
  co_return co_await judge(hopeless, std::move(said));
}

asio::awaitable<outcome<auth_farewell>> exchange::judge(ec hopeless,
                                                        scram_answer said) {
  auto server = server_for(hopeless, said.nonce);
  auto challenge = server.start(said.client_first);
  CENOTE_ASSERT(challenge);
  const auto* plain
    = hopeless == ec::none
      ? std::get_if<tenants::plain_password>(&whom_.who->password)
      : nullptr;
  if (plain != nullptr) {
    auto verifier = co_await derived_verifier(plain->value);
    if (!verifier)
      co_return rejection{verifier.error()};
    server = protocol::scram_server{std::move(*verifier), said.nonce};
    auto same_challenge = server.start(said.client_first);
    CENOTE_ASSERT(same_challenge && *same_challenge == *challenge);
  }
  auto proof = server.finish(said.client_final);
  if (!proof) {
    auto why = proof.error();
    if (why.code == ec::wrong_password && hopeless != ec::none)
      why.code = hopeless;
    co_return co_await deny(std::move(why));
  }
  auto* kept = std::get_if<tenants::scram_verifier>(&whom_.who->password);
  if (kept != nullptr && !whom_.is_console)
    with_.keys.put(whom_.tenant, whom_.user, kept->value, server.keys());
  auto last = protocol::authentication_sasl_final{};
  last.data = *proof;
  co_return protocol::encoded(last);
}

// -- md5 and clear text -------------------------------------------------------

asio::awaitable<result<void>> exchange::by_md5(ec hopeless) {
  auto challenge = protocol::authentication_md5{};
  const auto random = random_bytes(challenge.salt.size());
  std::memcpy(challenge.salt.data(), random.data(), random.size());
  auto request = protocol::encoded(challenge);
  auto got = co_await ask(std::move(request));
  if (auto* why = std::get_if<rejection>(&got)) {
    broken_ = std::move(*why);
    co_return ec::wrong_password;
  }
  auto said = protocol::password_message::decode(*std::get_if<0>(&got));
  if (!said)
    co_return failure{ec::auth_protocol_violation, "malformed PasswordMessage"};
  if (hopeless != ec::none)
    co_return hopeless;
  if (auto* hash = std::get_if<tenants::md5_hash>(&whom_.who->password))
    co_return protocol::md5_verify(said->password, hash->value, challenge.salt);
  // Clients hash the name they sent, tenant and all.
  auto* plain = std::get_if<tenants::plain_password>(&whom_.who->password);
  CENOTE_ASSERT(plain != nullptr);
  auto expected = protocol::md5_hash(plain->value, whom_.said_user);
  if (!expected)
    co_return expected.error();
  co_return protocol::md5_verify(said->password, *expected, challenge.salt);
}

asio::awaitable<result<void>> exchange::by_password(ec hopeless) {
  auto request = protocol::encoded(protocol::authentication_cleartext{});
  auto got = co_await ask(std::move(request));
  if (auto* why = std::get_if<rejection>(&got)) {
    broken_ = std::move(*why);
    co_return ec::wrong_password;
  }
  auto said = protocol::password_message::decode(*std::get_if<0>(&got));
  if (!said)
    co_return failure{ec::auth_protocol_violation, "malformed PasswordMessage"};
  const auto password = secret{std::string{said->password}};
  auto* bytes = std::get_if<0>(&got);
  wipe({reinterpret_cast<char*>(bytes->data()), bytes->size()});
  if (password.empty())
    co_return failure{ec::wrong_password, "empty password"};
  if (hopeless != ec::none)
    co_return hopeless;
  co_return co_await check_password(password);
}

asio::awaitable<result<void>> exchange::check_password(const secret& said) {
  const auto& known = whom_.who->password;
  if (auto* plain = std::get_if<tenants::plain_password>(&known)) {
    if (!(plain->value == said))
      co_return ec::wrong_password;
    co_return result<void>{};
  }
  if (auto* hash = std::get_if<tenants::md5_hash>(&known)) {
    auto mine = protocol::md5_hash(said, whom_.user);
    if (!mine)
      co_return mine.error();
    if (!(*mine == hash->value))
      co_return ec::wrong_password;
    co_return result<void>{};
  }
  derived_ = true;
  auto matches = co_await with_.deriver.matches(
    said, visible_verifier(whom_, with_.process_secret));
  if (!matches)
    co_return matches.error();
  if (!*matches)
    co_return ec::wrong_password;
  co_return result<void>{};
}

} // namespace

asio::awaitable<outcome<auth_farewell>>
authenticate(net::edge_stream& stream, const identity& whom,
             auth_services& with, std::optional<scram_answer> said) {
  auto one = exchange{stream, whom, with};
  co_return co_await one.run(std::move(said));
}

protocol::scram_verifier visible_verifier(const identity& whom,
                                          const secret& process_secret) {
  if (whom.who) {
    auto* text = std::get_if<tenants::scram_verifier>(&whom.who->password);
    if (text != nullptr) {
      auto parsed = protocol::scram_verifier::parse(text->value.reveal());
      if (parsed)
        return *parsed;
    }
  }
  return protocol::mock_verifier(process_secret, whom.salt_name);
}

std::vector<std::byte> scram_offer() {
  auto offer = protocol::authentication_sasl{};
  offer.mechanisms.push_back(protocol::scram_mechanism);
  return protocol::encoded(offer);
}

std::string random_bytes(std::size_t count) {
  // The kernel's: OpenSSL's generator, which is seeded from it, computes more
  // for a nonce than the rest of a login but its hashes.
  auto out = std::string(count, '\0');
  for (std::size_t have = 0; have < count;) {
    const auto got = ::getrandom(out.data() + have, count - have, 0);
    CENOTE_ASSERT(got > 0 || errno == EINTR);
    have += got > 0 ? static_cast<std::size_t>(got) : 0;
  }
  return out;
}

std::string make_nonce() {
  return protocol::base64_encode(random_bytes(nonce_bytes));
}

std::string make_nonce(random_store& from) {
  auto bytes = std::array<char, nonce_bytes>{};
  from.draw(std::as_writable_bytes(std::span{bytes}));
  return protocol::base64_encode({bytes.data(), bytes.size()});
}

} // namespace cenote::proxy::edge
