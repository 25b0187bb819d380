#include "proxy/edge/guest.hpp"

#include <array>
#include <cerrno>
#include <chrono>
#include <string>
#include <utility>
#include <variant>

#include <sys/socket.h>

#include "protocol/messages.hpp"
#include "protocol/reader.hpp"
#include "protocol/startup.hpp"
#include "protocol/writer.hpp"
#include "proxy/edge/auth_plan.hpp"
#include "proxy/edge/authenticate.hpp"
#include "proxy/edge/front_porch.hpp"
#include "proxy/edge/login.hpp"
#include "proxy/shard.hpp"

namespace cenote::proxy::edge {

namespace {

/// The first read. A startup message is some hundred bytes.
constexpr std::size_t first_bytes_max = 1024;

/// The engine has something of the stream that is not delivered yet.
constexpr auto leaving_pause = std::chrono::milliseconds{1};

rejection violation(std::string what) {
  return rejection{failure{ec::auth_protocol_violation, std::move(what)}};
}

/// What the offer of SCRAM looks like: the same for everybody.
std::span<const std::byte> offer() {
  static const auto bytes = scram_offer();
  return bytes;
}

} // namespace

guest::guest(front_porch& porch, begun_login begun, net::unique_fd socket,
             const net::packed_address& peer,
             std::optional<net::packed_address> local)
  : porch_{porch},
    begun_{std::move(begun)},
    socket_{std::move(socket)},
    peer_{peer},
    local_{local} {
  // nop
}

// -- the stream ---------------------------------------------------------------

void guest::begin(const edge_settings& settings) {
  if (settings.login_time_max.count() > 0)
    porch_.home().clocks().arm(timer_, begun_.since + settings.login_time_max);
  // Read before the engine knows of it: most have spoken when they are seen,
  // and who wants TLS leaves at once.
  std::array<std::byte, first_bytes_max> first;
  const auto count
    = ::recv(socket_.get(), first.data(), first.size(), MSG_DONTWAIT);
  if (count == 0)
    return vanish(lost_client({ec::client_gone, {}}));
  if (count < 0 && errno != EAGAIN && errno != EINTR)
    return vanish(lost_client({ec::os_error, "read"}));
  if (count > 0)
    have_.assign(first.begin(), first.begin() + count);
  budget_ -= have_.size();
  if (!have_.empty())
    hear();
  else if (!attach())
    vanish(rejection{ec::os_error});
}

/// The system is asked where it arrived, if the listener does not know.
void guest::note_local() {
  if (local_)
    return;
  auto at = sockaddr_storage{};
  socklen_t size = sizeof(at);
  const auto failed
    = ::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&at), &size);
  local_ = failed != 0 ? net::packed_address{} : net::packed_address{at, size};
}

/// From here on the engine receives. False: it refuses.
bool guest::attach() {
  if (stream_ != nullptr)
    return true;
  note_local();
  auto made = porch_.home().io().attach(std::move(socket_), nullptr, *this);
  if (!made)
    return false;
  stream_ = *made;
  return true;
}

void guest::on_bytes(net::slice in) {
  if (in.bytes.size() > budget_) {
    begun_.failed = rejection{
      failure{ec::login_too_large, "more bytes than a login may have"}};
    return hand_over();
  }
  budget_ -= in.bytes.size();
  have_.insert(have_.end(), in.bytes.begin(), in.bytes.end());
  if (phase_ != phase::leaving)
    hear();
}

void guest::on_drained() {
  // nop: a login never says that much.
}

void guest::on_closed(const failure& why) {
  stream_ = nullptr;
  vanish(lost_client(why));
}

void guest::on_time(time_point) {
  if (phase_ == phase::leaving)
    return hand_over();
  end(ec::login_timeout);
}

void guest::say(std::span<const std::byte> bytes) {
  porch_.home().io().send_copy(*stream_, bytes);
}

// -- what the client says -----------------------------------------------------

void guest::hear() {
  if (phase_ == phase::startup)
    return hear_startup();
  auto body = std::vector<std::byte>{};
  if (!take_message(body))
    return;
  switch (phase_) {
    case phase::choice:
      return hear_choice(body);
    case phase::opening:
      return hear_first(protocol::as_text(body));
    case phase::proof:
      return hear_proof(protocol::as_text(body));
    case phase::startup:
    case phase::leaving:
      return;
  }
}

/// False: it is not whole yet, or the guest has ended. Like `read_message`.
bool guest::take_message(std::vector<std::byte>& body) {
  if (have_.empty())
    return false;
  const auto tag = static_cast<char>(have_[0]);
  if (tag != protocol::password_message::tag) {
    fail(violation("message type "
                   + std::to_string(std::to_integer<unsigned>(have_[0]))));
    return false;
  }
  if (have_.size() < protocol::header_bytes)
    return false;
  auto header = protocol::reader{have_};
  header.byte1();
  const auto length = static_cast<std::uint32_t>(header.int32());
  if (length < 4 || length - 4 > limits::auth_message_bytes_max) {
    fail(violation("message length " + std::to_string(length)));
    return false;
  }
  const auto whole = static_cast<std::ptrdiff_t>(length) + 1;
  if (std::ssize(have_) < whole)
    return false;
  body.assign(have_.begin() + protocol::header_bytes, have_.begin() + whole);
  have_.erase(have_.begin(), have_.begin() + whole);
  return true;
}

/// Stages 2 and 3. What is not one whole and ordinary startup message is read
/// again by the edge.
void guest::hear_startup() {
  auto& edge = porch_.edge();
  const auto settings = edge.settings.load();
  auto reader = protocol::startup_reader{};
  auto left = std::span<const std::byte>{have_};
  if (reader.take(left) != protocol::startup_reader::outcome::packet
      || !left.empty())
    return hand_over();
  const auto is_ssl
    = std::holds_alternative<protocol::ssl_request>(reader.packet());
  if (is_ssl && settings->tls == client_tls::disable && !begun_.tls_was_refused)
    return refuse_tls();
  const auto* hello = std::get_if<protocol::startup_message>(&reader.packet());
  if (hello == nullptr || hello->needs_negotiation()
      || (settings->tls == client_tls::require && !peer_.is_unix()))
    return hand_over();
  const auto catalog = edge.login.catalog.load();
  auto found = resolve_identity(*hello, {}, *catalog, *settings);
  auto* whom = std::get_if<identity>(&found);
  if (whom == nullptr || whom->is_console || !whom->replication.empty())
    return hand_over();
  const auto plan = plan_authentication(whom->who.get(), peer_.is_unix());
  const auto is_trusted = plan.ask == proof::none;
  if (plan.refused != ec::none || (!is_trusted && plan.ask != proof::scram))
    return hand_over();
  auto hello_bytes = std::exchange(have_, {});
  begun_.whom = std::move(*whom);
  if (!is_trusted)
    return ask(plan.hopeless);
  auto nothing = std::vector<std::byte>{};
  if (join(nothing))
    return;
  begun_.whom.reset();
  have_ = std::move(hello_bytes);
  hand_over();
}

void guest::refuse_tls() {
  constexpr auto no = std::array{std::byte{u8'N'}};
  if (!attach())
    return vanish(rejection{ec::os_error});
  have_.clear();
  begun_.tls_was_refused = true;
  say(no);
}

/// Stage 4. The same for everybody, also for those who do not exist.
void guest::ask(ec hopeless) {
  note_identity(begun_.record, *begun_.whom);
  hopeless_ = hopeless;
  if (!attach())
    return vanish(rejection{ec::os_error});
  phase_ = phase::choice;
  say(offer());
}

void guest::hear_choice(std::span<const std::byte> body) {
  auto choice = protocol::sasl_initial_response::decode(body);
  if (!choice)
    return fail(violation("malformed SASLInitialResponse"));
  if (choice->mechanism != protocol::scram_mechanism)
    return fail(violation("another SASL mechanism was chosen"));
  if (choice->data)
    return hear_first(*choice->data);
  // RFC 4422: a client may want an empty challenge before it speaks.
  phase_ = phase::opening;
  say(protocol::encoded(protocol::authentication_sasl_continue{}));
  hear();
}

void guest::hear_first(std::string_view said) {
  auto& edge = porch_.edge();
  answer_.client_first = said;
  answer_.nonce = make_nonce();
  auto visible = visible_verifier(*begun_.whom, edge.process_secret);
  visible.mock = visible.mock || hopeless_ != ec::none;
  server_.emplace(std::move(visible), answer_.nonce);
  auto challenge = server_->start(answer_.client_first);
  if (!challenge)
    return fail(violation("client-first-message: " + challenge.error().detail));
  auto next = protocol::authentication_sasl_continue{};
  next.data = *challenge;
  phase_ = phase::proof;
  say(protocol::encoded(next));
  hear();
}

/// Only a proof that is right is accepted here. All else, also that there is no
/// seat at once, is found out again by the edge, where things may take time.
void guest::hear_proof(std::string_view said) {
  answer_.client_final = said;
  const auto* kept
    = hopeless_ == ec::none
      ? std::get_if<tenants::scram_verifier>(&begun_.whom->who->password)
      : nullptr;
  if (kept != nullptr) {
    if (auto proven = server_->finish(answer_.client_final)) {
      porch_.edge().keys.put(begun_.whom->tenant, begun_.whom->user,
                             kept->value, server_->keys());
      auto last = protocol::authentication_sasl_final{};
      last.data = *proven;
      auto words = protocol::encoded(last);
      if (join(words))
        return;
    }
  }
  begun_.answer = std::move(answer_);
  hand_over();
}

// -- where the client goes ----------------------------------------------------

/// Stages 5 and 6. True: the client has a seat and is on its shard, and the
/// guest is gone.
bool guest::join(std::vector<std::byte>& last_words) {
  auto& edge = porch_.edge();
  auto& home = porch_.home();
  auto where = porch_.lookup().find(edge.login.catalog.load(),
                                    begun_.whom->tenant, begun_.whom->user,
                                    begun_.whom->database, begun_.mode);
  if (!where)
    return false;
  auto units = quota_book::take(where->quotas);
  if (!units)
    return false;
  auto seat = edge.login.pools.enter(*where->spec, next_client_id(), *units);
  if (!seat)
    return false;
  const auto lane = edge.shards.place(seat->lane, seat->seat, home.index());
  const auto is_here = lane.shard == home.index();
  if (!is_here && stream_ != nullptr) {
    auto given = home.io().detach(*stream_);
    if (!given)
      return false;
    stream_ = nullptr;
    socket_ = std::move(given->socket);
  }
  if (socket_)
    note_local();
  auto to = protocol::writer{last_words};
  protocol::authentication_ok{}.encode(to);
  auto client = make_adoption(std::move(*begun_.whom), std::move(*seat),
                              std::move(last_words));
  client.peer = peer_;
  client.local = *local_;
  client.socket = std::move(socket_);
  client.stream = std::exchange(stream_, nullptr);
  client.unread = std::move(have_);
  ++edge.counters.logins_succeeded;
  auto& porch = porch_;
  porch.forget(*this);
  porch.note_seat(is_here);
  if (is_here)
    porch.edge().shards.adopt_here(porch.home(), lane, std::move(client));
  else
    porch.edge().shards.adopt(lane, std::move(client));
  return true;
}

void guest::end(ec why) {
  if (!begun_.failed)
    begun_.failed = out_of_time(why, begun_.record);
  hand_over();
}

void guest::fail(rejection why) {
  begun_.failed = std::move(why);
  hand_over();
}

/// The edge goes on with the login, or says why not.
void guest::hand_over() {
  if (stream_ != nullptr) {
    auto given = porch_.home().io().detach(*stream_);
    if (!given) {
      auto& home = porch_.home();
      phase_ = phase::leaving;
      home.clocks().arm(timer_, home.now() + leaving_pause);
      return;
    }
    stream_ = nullptr;
    socket_ = std::move(given->socket);
  }
  auto& porch = porch_;
  porch.pass_on(std::move(begun_), std::move(socket_), peer_, local_,
                std::move(have_));
  porch.forget(*this);
}

/// The client is gone already, or its socket is of no use.
void guest::vanish(const rejection& why) {
  note_failure(porch_.edge().counters, why, begun_.record,
               net::unpacked(peer_));
  porch_.forget(*this);
}

} // namespace cenote::proxy::edge
