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

/// One, and nothing else.
bool is_ssl_request(std::span<const std::byte> said) {
  auto reader = protocol::startup_reader{};
  return reader.take(said) == protocol::startup_reader::outcome::packet
      && said.empty()
      && std::holds_alternative<protocol::ssl_request>(reader.packet());
}

} // namespace

guest::guest(front_porch& porch, begun_login&& begun, net::unique_fd socket,
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

void guest::begin(const edge_settings_ptr& settings) {
  if (settings->login_time_max.count() > 0)
    porch_.home().clocks().arm(timer_, begun_.since + settings->login_time_max);
  // Read before the engine knows of it: most have spoken when they are seen,
  // and who wants TLS leaves at once.
  std::array<std::byte, first_bytes_max> first;
  const auto count
    = ::recv(socket_.get(), first.data(), first.size(), MSG_DONTWAIT);
  if (count == 0)
    return vanish(lost_client({ec::client_gone, {}}));
  if (count < 0 && errno != EAGAIN && errno != EINTR)
    return vanish(lost_client({ec::os_error, "read"}));
  if (count < 0) {
    if (!attach())
      vanish(rejection{ec::os_error});
    return;
  }
  const auto said = std::span{first}.first(static_cast<std::size_t>(count));
  budget_ -= said.size();
  hear_startup(said);
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
  auto made = porch_.home().io().attach_accepted(std::move(socket_), *this);
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
  if (phase_ != phase::leaving && have_.empty())
    return hear(in.bytes);
  have_.insert(have_.end(), in.bytes.begin(), in.bytes.end());
  if (phase_ != phase::leaving)
    hear_rest();
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

void guest::say_challenge(std::string_view data) {
  auto& out = porch_.home().scratch();
  auto to = protocol::writer{out};
  protocol::authentication_sasl_continue{data}.encode(to);
  say(out);
}

// -- what the client says -----------------------------------------------------

/// All that is there and was not taken. It may lie in a buffer of the engine.
void guest::hear(std::span<const std::byte> said) {
  if (phase_ == phase::startup)
    return hear_startup(said);
  const auto body = take_message(said);
  if (!body)
    return;
  switch (phase_) {
    case phase::choice:
      return hear_choice(*body);
    case phase::opening:
      return hear_first(protocol::as_text(*body));
    case phase::proof:
      return hear_proof(protocol::as_text(*body));
    case phase::startup:
    case phase::leaving:
      return;
  }
}

void guest::hear_rest() {
  if (have_.empty())
    return;
  const auto said = std::exchange(have_, {});
  hear(said);
}

/// What is behind the message is in `have_` then. Nothing: it is not whole yet,
/// or the guest has ended. Like `read_message`.
std::optional<std::span<const std::byte>>
guest::take_message(std::span<const std::byte> said) {
  const auto tag = static_cast<char>(said[0]);
  if (tag != protocol::password_message::tag) {
    have_.assign(said.begin(), said.end());
    fail(violation("message type "
                   + std::to_string(std::to_integer<unsigned>(said[0]))));
    return std::nullopt;
  }
  auto header = protocol::reader{said};
  header.byte1();
  const auto is_headed = said.size() >= protocol::header_bytes;
  const auto length
    = is_headed ? static_cast<std::uint32_t>(header.int32()) : 0;
  if (is_headed
      && (length < 4 || length - 4 > limits::auth_message_bytes_max)) {
    have_.assign(said.begin(), said.end());
    fail(violation("message length " + std::to_string(length)));
    return std::nullopt;
  }
  const auto whole = std::size_t{length} + 1;
  if (!is_headed || said.size() < whole) {
    have_.assign(said.begin(), said.end());
    return std::nullopt;
  }
  if (const auto rest = said.subspan(whole); !rest.empty())
    have_.assign(rest.begin(), rest.end());
  return said.first(whole).subspan(protocol::header_bytes);
}

/// Stages 2 and 3. What is not one whole and ordinary startup message is read
/// again by the edge.
void guest::hear_startup(std::span<const std::byte> said) {
  auto& edge = porch_.edge();
  const auto settings = edge.settings.load();
  whom_ = meet(said, settings);
  if (whom_ != nullptr && whom_->plan.ask == proof::scram)
    return ask();
  auto nothing = std::vector<std::byte>{};
  if (whom_ != nullptr && join(nothing))
    return;
  whom_ = nullptr;
  if (settings->tls == client_tls::disable && !begun_.tls_was_refused
      && is_ssl_request(said))
    return refuse_tls();
  have_.assign(said.begin(), said.end());
  hand_over();
}

/// Null: it is for the edge.
acquaintance_ptr guest::meet(std::span<const std::byte> said,
                             const edge_settings_ptr& settings) {
  const auto catalog = porch_.edge().login.catalog.load();
  const auto at = acquaintances::where_said{peer_.is_unix(), begun_.mode};
  if (auto known = porch_.faces().find(said, at, catalog, settings))
    return known;
  auto made = introduce(said, *catalog, *settings);
  if (made != nullptr)
    porch_.faces().keep(said, at, made);
  return made;
}

acquaintance_ptr guest::introduce(std::span<const std::byte> said,
                                  const tenants::catalog& all,
                                  const edge_settings& settings) {
  auto reader = protocol::startup_reader{};
  auto left = said;
  if (reader.take(left) != protocol::startup_reader::outcome::packet
      || !left.empty())
    return nullptr;
  const auto* hello = std::get_if<protocol::startup_message>(&reader.packet());
  if (hello == nullptr || hello->needs_negotiation()
      || (settings.tls == client_tls::require && !peer_.is_unix()))
    return nullptr;
  auto found = resolve_identity(*hello, {}, all, settings);
  auto* whom = std::get_if<identity>(&found);
  if (whom == nullptr || whom->is_console || !whom->replication.empty())
    return nullptr;
  const auto plan = plan_authentication(whom->who.get(), peer_.is_unix());
  if (plan.refused != ec::none
      || (plan.ask != proof::none && plan.ask != proof::scram))
    return nullptr;
  auto made = std::make_shared<acquaintance>();
  made->plan = plan;
  if (plan.ask == proof::scram) {
    made->visible = visible_verifier(*whom, porch_.edge().process_secret);
    made->visible.mock = made->visible.mock || plan.hopeless != ec::none;
  }
  made->whom = std::move(*whom);
  return made;
}

void guest::refuse_tls() {
  constexpr auto no = std::array{std::byte{u8'N'}};
  if (!attach())
    return vanish(rejection{ec::os_error});
  begun_.tls_was_refused = true;
  say(no);
}

/// Stage 4. The same for everybody, also for those who do not exist.
void guest::ask() {
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
  say_challenge({});
  hear_rest();
}

void guest::hear_first(std::string_view said) {
  answer_.client_first = said;
  answer_.nonce = make_nonce(porch_.randomness());
  server_.emplace(whom_->visible, answer_.nonce);
  auto challenge = server_->start(answer_.client_first);
  if (!challenge)
    return fail(violation("client-first-message: " + challenge.error().detail));
  phase_ = phase::proof;
  say_challenge(*challenge);
  hear_rest();
}

/// Only a proof that is right is accepted here. All else, also that there is no
/// seat at once, is found out again by the edge, where things may take time.
void guest::hear_proof(std::string_view said) {
  const auto& whom = whom_->whom;
  const auto* kept = whom_->plan.hopeless == ec::none
                     ? std::get_if<tenants::scram_verifier>(&whom.who->password)
                     : nullptr;
  if (kept != nullptr) {
    if (auto proven = server_->finish(said)) {
      porch_.edge().keys.put(whom.tenant, whom.user, kept->value,
                             server_->keys());
      auto words
        = protocol::encoded(protocol::authentication_sasl_final{*proven});
      if (join(words))
        return;
    }
  }
  answer_.client_final = said;
  begun_.answer = std::move(answer_);
  hand_over();
}

// -- where the client goes ----------------------------------------------------

/// Which pool, looked up for the first one that says so.
bool guest::find_place() {
  auto& who = *whom_;
  // It may be another one than when the client began.
  auto catalog = porch_.edge().login.catalog.load();
  if (who.where && who.where_in == catalog)
    return true;
  auto where = porch_.lookup().find(catalog, who.whom.tenant, who.whom.user,
                                    who.whom.database, begun_.mode);
  if (!where)
    return false;
  if (who.profile == nullptr)
    who.profile = make_profile(who.whom);
  who.where = std::move(*where);
  who.where_in = std::move(catalog);
  return true;
}

/// Stages 5 and 6. True: the client has a seat and is on its shard, and the
/// guest is gone.
bool guest::join(std::vector<std::byte>& last_words) {
  auto& edge = porch_.edge();
  auto& home = porch_.home();
  if (!find_place())
    return false;
  const auto& where = *whom_->where;
  auto units = quota_book::take(where.quotas);
  if (!units)
    return false;
  auto seat = edge.login.pools.enter(*where.spec, next_client_id(), *units);
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
  auto client
    = make_adoption(whom_->profile, std::move(*seat), std::move(last_words));
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
  note_whom();
  if (!begun_.failed)
    begun_.failed = out_of_time(why, begun_.record);
  hand_over();
}

void guest::fail(rejection why) {
  begun_.failed = std::move(why);
  hand_over();
}

/// Who it is, for the log.
void guest::note_whom() {
  if (whom_ != nullptr)
    note_identity(begun_.record, whom_->whom);
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
  note_whom();
  if (whom_ != nullptr)
    begun_.whom = whom_->whom;
  auto& porch = porch_;
  porch.pass_on(std::move(begun_), std::move(socket_), peer_, local_,
                std::move(have_));
  porch.forget(*this);
}

/// The client is gone already, or its socket is of no use.
void guest::vanish(const rejection& why) {
  note_whom();
  note_failure(porch_.edge().counters, why, begun_.record,
               net::unpacked(peer_));
  porch_.forget(*this);
}

} // namespace cenote::proxy::edge
