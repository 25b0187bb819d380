#include "tests/proxy/edge/edge_fixture.hpp"

#include <cerrno>
#include <chrono>
#include <cstdlib>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <boost/test/unit_test.hpp>

#include "net/edge_stream.hpp"
#include "net/uring.hpp"
#include "protocol/md5.hpp"
#include "protocol/messages.hpp"
#include "protocol/reader.hpp"
#include "protocol/scram.hpp"
#include "tests/net/tls_support.hpp"
#include "tests/support/wants_uring.hpp"

namespace cenote::test {

using namespace std::chrono_literals;

// -- fakes --------------------------------------------------------------------

void fake_shards::adopt(proxy::lane_ref, proxy::client_adoption client) {
  auto words = client.last_words;
  auto to = protocol::writer{words};
  if (client.greet)
    for (const auto& [name, value] : client.greet->parameters)
      protocol::parameter_status{name, value}.encode(to);
  if (client.tls) {
    auto encrypted = bytes{};
    BOOST_REQUIRE(client.tls->encrypt(words, encrypted));
    words = std::move(encrypted);
  }
  const auto sent
    = ::send(client.socket.get(), words.data(), words.size(), MSG_NOSIGNAL);
  // Who is gone already hears nothing.
  BOOST_TEST((sent < 0 || sent == std::ssize(words)));
  clients.push_back(std::move(client));
}

bool on_porch() {
  static const auto wanted = std::getenv("CENOTE_TEST_PORCH") != nullptr;
  return wanted;
}

namespace {

struct edge_of_nobody final : proxy::edge_port {
  void deliver_cancel(proxy::cancel_order) noexcept override {
    // nop
  }
};

} // namespace

bool fake_shards::open_porches(const proxy::porch_maker_ptr& by) {
  if (!on_porch())
    return false;
  auto engine
    = wants_uring() ? net::make_uring_engine() : net::make_epoll_engine();
  BOOST_REQUIRE(static_cast<bool>(engine));
  no_edge = std::make_unique<edge_of_nobody>();
  home = std::make_unique<proxy::shard>(0, std::move(*engine), *no_edge);
  home->build(*by);
  return true;
}

void fake_shards::end_logins(ec why) {
  if (home)
    home->end_logins(why);
}

proxy::edge::admission fake_pools::admit(client_id who,
                                         proxy::quota_units units) const {
  auto out = proxy::edge::admission{};
  out.lane.shard = 1; // Not the one of the porch.
  out.greet = greet;
  out.seat = proxy::subscription{who, port, std::move(units)};
  return out;
}

std::optional<proxy::edge::admission>
fake_pools::enter(const tenants::pool_spec& spec, client_id who,
                  proxy::quota_units& units) {
  if (no)
    return std::nullopt;
  asked.push_back(spec);
  return admit(who, std::move(units));
}

asio::awaitable<proxy::edge::subscribe_outcome>
fake_pools::subscribe(std::shared_ptr<const tenants::pool_spec> spec,
                      client_id who, proxy::quota_units units) {
  asked.push_back(*spec);
  if (no)
    co_return *no;
  co_return admit(who, std::move(units));
}

asio::awaitable<void> fake_console::serve(net::edge_stream stream,
                                          std::string user, bool may_change) {
  visits.push_back({std::move(user), may_change});
  stream.close();
  co_return;
}

// -- client -------------------------------------------------------------------

wire_client::wire_client(edge_fixture& at, std::uint16_t port)
  : at_{at},
    fd_{::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)} {
  auto to = sockaddr_in{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const auto done
    = ::connect(fd_.get(), reinterpret_cast<const sockaddr*>(&to), sizeof(to));
  BOOST_REQUIRE(done == 0 || errno == EINPROGRESS);
}

void wire_client::send_raw(std::span<const std::byte> what) {
  at_.run_until([&] {
    while (!what.empty()) {
      const auto done
        = ::send(fd_.get(), what.data(), what.size(), MSG_NOSIGNAL);
      if (done < 0)
        // Who was refused in the middle hears of it when it reads.
        return errno != EAGAIN && errno != EINPROGRESS;
      what = what.subspan(static_cast<std::size_t>(done));
    }
    return true;
  });
}

void wire_client::send(std::span<const std::byte> what) {
  if (!tls_)
    return send_raw(what);
  bytes cipher;
  BOOST_REQUIRE(tls_->encrypt(what, cipher));
  send_raw(cipher);
}

void wire_client::send(std::string_view what) {
  send(std::as_bytes(std::span{what}));
}

bool wire_client::fill() {
  bytes some(16'384);
  auto got = ssize_t{0};
  at_.run_until([&] {
    got = ::recv(fd_.get(), some.data(), some.size(), 0);
    return got >= 0 || errno != EAGAIN;
  });
  if (got <= 0) {
    ended_ = true;
    return false;
  }
  some.resize(static_cast<std::size_t>(got));
  if (!tls_) {
    have_.insert(have_.end(), some.begin(), some.end());
    return true;
  }
  auto plain = open_all(*tls_, some);
  for (auto c : plain)
    have_.push_back(static_cast<std::byte>(c));
  return true;
}

char wire_client::answer() {
  while (have_.empty())
    if (!fill())
      return 0;
  const auto out = static_cast<char>(have_.front());
  have_.erase(have_.begin());
  return out;
}

heard wire_client::next() {
  for (;;) {
    if (have_.size() >= 5) {
      auto head = protocol::reader{have_};
      auto out = heard{head.byte1(), {}};
      const auto whole = static_cast<std::size_t>(head.int32()) + 1;
      if (have_.size() >= whole) {
        const auto end = have_.begin() + static_cast<std::ptrdiff_t>(whole);
        out.body.assign(have_.begin() + 5, end);
        have_.erase(have_.begin(), end);
        return out;
      }
    }
    if (!fill()) {
      BOOST_TEST(have_.empty(), "half a message at the end");
      return {};
    }
  }
}

std::string wire_client::error() {
  auto got = next();
  BOOST_TEST_REQUIRE(got.tag == 'E');
  auto said = protocol::error_response::decode(got.body);
  BOOST_REQUIRE(said);
  BOOST_TEST(said->severity == "FATAL");
  return said->code + " " + said->message;
}

bool wire_client::is_closed() {
  return rest().empty();
}

bytes wire_client::rest() {
  while (fill()) {}
  return std::exchange(have_, {});
}

void wire_client::start_tls(const std::string& host) {
  auto made = net::tls_session::connect(connecting(), host);
  BOOST_REQUIRE(made);
  bytes in;
  for (;;) {
    bytes out;
    auto input = std::span<const std::byte>{in};
    auto done = (*made)->handshake(input, out);
    BOOST_REQUIRE(done);
    send_raw(out);
    have_.assign(input.begin(), input.end());
    if (*done)
      break;
    have_.clear();
    BOOST_REQUIRE(fill());
    in = std::exchange(have_, {});
  }
  // What came behind the handshake (session tickets) belongs to the session.
  tls_ = std::move(*made);
  auto early = std::exchange(have_, {});
  for (auto c : open_all(*tls_, early))
    have_.push_back(static_cast<std::byte>(c));
}

void wire_client::shut_down() noexcept {
  ::shutdown(fd_.get(), SHUT_WR);
}

void wire_client::close() noexcept {
  fd_.reset();
}

// -- logging in ---------------------------------------------------------------

protocol::startup_message hello(std::vector<protocol::parameter> parameters) {
  auto out = protocol::startup_message{};
  out.parameters = std::move(parameters);
  return out;
}

namespace {

/// Answers authentication requests as libpq would.
class login_driver {
public:
  login_driver(wire_client& client, const protocol::startup_message& as,
               const std::string& password, const std::string& nonce)
    : client_{client},
      as_{as},
      password_{password},
      scram_{nonce} {
    // nop
  }

  std::string take(const heard& got) {
    auto decoded = protocol::decode_authentication(got.body);
    BOOST_REQUIRE(decoded);
    return std::visit([this](const auto& x) { return on(x); }, *decoded);
  }

private:
  std::string on(const protocol::authentication_ok&) {
    return "0";
  }
  std::string on(const protocol::authentication_cleartext&) {
    client_.say(protocol::password_message{password_});
    return "3";
  }
  std::string on(const protocol::authentication_md5& x) {
    auto hash
      = protocol::md5_hash(secret{password_}, std::string{as_.find("user")});
    auto said = protocol::md5_answer(*hash, x.salt);
    client_.say(protocol::password_message{said->reveal()});
    return "5";
  }
  std::string on(const protocol::authentication_sasl& x) {
    BOOST_TEST(x.mechanisms.size() == 1u);
    const auto first = scram_.start();
    client_.say(protocol::sasl_initial_response{x.mechanisms.at(0), first});
    return "10";
  }
  std::string on(const protocol::authentication_sasl_continue& x) {
    auto challenge = scram_.challenged(x.data);
    BOOST_REQUIRE(challenge);
    auto keys = protocol::derive_keys(secret{password_}, challenge->salt,
                                      challenge->iterations);
    BOOST_REQUIRE(keys);
    const auto last = scram_.answer(*keys);
    client_.say(protocol::sasl_response{last});
    return "11";
  }
  std::string on(const protocol::authentication_sasl_final& x) {
    BOOST_TEST(static_cast<bool>(scram_.verify(x.data)));
    return "12";
  }
  std::string on(const protocol::authentication_other&) {
    return "?";
  }

  wire_client& client_;
  const protocol::startup_message& as_;
  const std::string& password_;
  protocol::scram_client scram_;
};

} // namespace

std::string log_in(wire_client& client, const protocol::startup_message& as,
                   const std::string& password, const std::string& nonce) {
  auto driver = login_driver{client, as, password, nonce};
  client.say(as);
  std::string seen;
  bool is_in = false;
  for (;;) {
    auto got = client.next();
    if (!seen.empty())
      seen += ' ';
    if (got.tag == 'E') {
      auto said = protocol::error_response::decode(got.body);
      BOOST_REQUIRE(said);
      return seen + said->code + " " + said->message;
    }
    if (got.tag == 0)
      return seen + "end";
    if (got.tag != 'R') {
      seen += got.tag;
    } else {
      const auto step = driver.take(got);
      seen += step;
      is_in = is_in || step == "0";
    }
    // The fake server's greeting ends with this one.
    if (is_in && got.tag == 'S'
        && protocol::parameter_status::decode(got.body)->name == "TimeZone")
      return seen;
  }
}

// -- fixture ------------------------------------------------------------------

edge_fixture::edge_fixture(proxy::edge::edge_settings with)
  : settings{std::move(with)} {
  auto said = proxy::greeting{};
  said.parameters = {{"server_version", "15.4"},
                     {"application_name", ""},
                     {"client_encoding", "UTF8"},
                     {"TimeZone", "UTC"}};
  pools.greet = std::make_shared<const proxy::greeting>(std::move(said));
  catalog.exchange(some_catalog());
  quotas.apply(*catalog.load());
}

edge_fixture::~edge_fixture() {
  // A coroutine that outlives its test must not outlive what it uses.
  if (edge) {
    edge->stop();
    if (shards.home)
      shards.home->turn(shards.home->now());
    io.restart();
    io.run_for(5s);
  }
  edge.reset();
  shards.home.reset();
}

void edge_fixture::start(std::optional<tenants::pool_mode> mode) {
  auto parts = proxy::edge::edge_parts{io,      shards,  pools,    quotas,
                                       console, catalog, settings, keys};
  edge = std::make_unique<proxy::edge::edge>(parts);
  auto where = proxy::edge::listener_settings{};
  where.address = "127.0.0.1";
  where.mode = mode;
  BOOST_REQUIRE(edge->listen({where}));
}

void edge_fixture::run_until(const std::function<bool()>& done) {
  const auto deadline = std::chrono::steady_clock::now() + 20s;
  while (!done()) {
    BOOST_TEST_REQUIRE((std::chrono::steady_clock::now() < deadline));
    if (shards.home)
      shards.home->turn(shards.home->now());
    io.restart();
    // Short: the test's own end of a socket is not on this loop.
    if (io.run_one_for(1ms) != 0)
      io.poll();
  }
}

void edge_fixture::settle() {
  run_until([this] { return edge->counters().logins_in_progress == 0; });
}

// -- catalog ------------------------------------------------------------------

namespace {

tenants::user make_user(std::string name, tenants::credential password,
                        std::optional<tenants::client_auth> auth = {}) {
  auto out = tenants::user{};
  out.name = std::move(name);
  out.password = std::move(password);
  out.auth = auth;
  return out;
}

tenants::tenant make_tenant(std::string id) {
  using tenants::client_auth;
  auto plain = tenants::plain_password{secret{std::string{the_password}}};
  auto keys = protocol::derive_keys(plain.value, "0123456789abcdef", 4096);
  auto kept
    = protocol::scram_verifier::from_keys(*keys, "0123456789abcdef", 4096);
  auto verifier = tenants::scram_verifier{kept.format()};
  auto hashed = [&](const char* name) {
    return tenants::md5_hash{*protocol::md5_hash(plain.value, name)};
  };
  auto out = tenants::tenant{};
  out.id = std::move(id);
  auto any = tenants::database{};
  any.name = "*";
  any.host = "127.0.0.1";
  out.databases = {any};
  out.databases[0].name = "shop";
  if (out.id == "acme")
    out.databases.push_back(any);
  const auto none = tenants::no_credential{};
  out.users = {
    make_user("app", plain),
    make_user("verified", verifier),
    make_user("hashed", hashed("hashed")),
    make_user("none", none),
    make_user("plain_md5", plain, client_auth::md5),
    make_user("verified_md5", verifier, client_auth::md5),
    make_user("none_md5", none, client_auth::md5),
    make_user("hashed_scram", hashed("hashed_scram"),
              client_auth::scram_sha_256),
    make_user("plain_clear", plain, client_auth::password),
    make_user("verified_clear", verifier, client_auth::password),
    make_user("hashed_clear", hashed("hashed_clear"), client_auth::password),
    make_user("none_clear", none, client_auth::password),
    make_user("trusted", none, client_auth::trust),
  };
  return out;
}

} // namespace

tenants::catalog_ptr some_catalog() {
  // PBKDF2 under ASan is slow enough to be done once only.
  static const auto made = [] {
    auto acme = make_tenant("acme");
    acme.sni_hostnames = {"acme.example"};
    auto tiny = make_tenant("tiny");
    tiny.clients_max = 1;
    return std::make_shared<const tenants::catalog>(
      std::vector<tenants::tenant>{make_tenant(""), acme, tiny},
      tenants::pool_options{}, tenants::node_limits{});
  }();
  return made;
}

proxy::edge::edge_settings with_tls(proxy::edge::client_tls mode) {
  auto out = proxy::edge::edge_settings{};
  out.tls = mode;
  if (mode != proxy::edge::client_tls::disable)
    out.certificate = accepting();
  return out;
}

} // namespace cenote::test
