#include <boost/test/unit_test.hpp>

#include "base/limits.hpp"
#include "protocol/scram.hpp"
#include "tests/proxy/edge/scripted_server.hpp"

/// Logins to servers that do what PostgreSQL does not do on demand.
namespace cenote::test {

using namespace std::chrono_literals;
using namespace std::string_literals;

namespace {

template <class... Messages>
bytes joined(const Messages&... parts) {
  bytes out;
  (out.insert(out.end(), parts.begin(), parts.end()), ...);
  return out;
}

bytes typed(char tag, std::uint32_t length, std::string_view body) {
  bytes out;
  auto to = protocol::writer{out};
  to.byte1(tag);
  to.int32(static_cast<std::int32_t>(length));
  to.byte_n(body);
  return out;
}

bytes typed(char tag, std::string_view body) {
  return typed(tag, static_cast<std::uint32_t>(body.size() + 4), body);
}

bytes key_data(std::size_t size) {
  return typed('K', "\0\0\0\x2a"s + std::string(size, 'k'));
}

const auto ok = typed('R', "\0\0\0\0"s);
const auto clear_text = typed('R', "\0\0\0\3"s);
const auto sasl = typed('R', "\0\0\0\x0aSCRAM-SHA-256\0\0"s);
const auto idle = typed('Z', "I");
const auto status = typed('S', "TimeZone\0UTC\0"s);

bytes sasl_continue(const std::string& text) {
  return typed('R', "\0\0\0\x0b"s + text);
}

struct first_answer {
  const char* what;
  bytes said;
  ec code;
};

/// What a server says first, and what becomes of its login.
std::vector<first_answer> first_answers() {
  const auto endless = [] {
    bytes out = ok;
    while (out.size() <= limits::server_login_bytes_max)
      out = joined(out, typed('S', "a\0"s + std::string(1000, 'v') + '\0'));
    return out;
  }();
  return std::vector<first_answer>{
    {"nothing", {}, ec::server_lost},
    {"a short key", joined(ok, key_data(3), idle),
     ec::server_protocol_violation},
    {"the shortest key", joined(ok, key_data(4), status, idle), ec::none},
    {"the longest key", joined(ok, key_data(256), status, idle), ec::none},
    {"a long key", joined(ok, key_data(257), idle),
     ec::server_protocol_violation},
    {"two keys", joined(ok, key_data(4), key_data(4)),
     ec::server_protocol_violation},
    {"a key before Ok", key_data(4), ec::server_protocol_violation},
    {"ready before Ok", idle, ec::server_protocol_violation},
    {"a parameter before Ok", status, ec::server_protocol_violation},
    {"ready in a transaction", joined(ok, typed('Z', "T")),
     ec::server_protocol_violation},
    {"ready in no state", joined(ok, typed('Z', "?")),
     ec::server_protocol_violation},
    {"Ok twice", joined(ok, ok), ec::server_protocol_violation},
    {"a row", joined(ok, typed('D', "\0\0"s)), ec::server_protocol_violation},
    {"another protocol", typed('H', 0x5454502f, "1.1 400"),
     ec::server_protocol_violation},
    {"a length of 0", typed('R', 0, ""), ec::server_protocol_violation},
    {"a length of 3", typed('R', 3, ""), ec::server_protocol_violation},
    {"a length of 2^31", typed('R', 0x8000'0000, ""),
     ec::server_protocol_violation},
    {"a length of 2^32-1", typed('R', 0xffff'ffff, ""),
     ec::server_protocol_violation},
    {"a notice", joined(typed('N', "SNOTICE\0C00000\0Mhm\0\0"s), ok, idle),
     ec::none},
    {"an error without code", typed('E', "SFATAL\0Mno\0\0"s),
     ec::server_protocol_violation},
    {"an error without end", typed('E', "SFATAL\0C28000\0Mno"s),
     ec::server_protocol_violation},
    {"an error", typed('E', "SERROR\0C57P03\0Mstarting up\0\0"s),
     ec::server_login_rejected},
    {"GSS", typed('R', "\0\0\0\7"s), ec::server_auth_unsupported},
    {"no mechanism that we know", typed('R', "\0\0\0\x0aOTHER\0\0"s),
     ec::server_auth_unsupported},
    {"a mechanism list without end", typed('R', "\0\0\0\x0aSCRAM"s),
     ec::server_protocol_violation},
    {"SCRAM from the middle", sasl_continue("r=x,s=eHg=,i=1"),
     ec::server_protocol_violation},
    {"clear text asked for twice", joined(clear_text, clear_text),
     ec::server_protocol_violation},
    {"SCRAM begun and not done", joined(sasl, ok),
     ec::server_protocol_violation},
    {"no end", endless, ec::server_protocol_violation},
  };
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(hostile_servers, order_fixture)

BOOST_AUTO_TEST_CASE(every_first_answer_ends_as_it_must) {
  auto server = scripted_server{*this};
  for (const auto& [what, said, code] : first_answers())
    BOOST_TEST_CONTEXT(what) {
      edge->open(order(server.port()));
      server.accept();
      server.take_packet();
      server.send(said);
      if (said.empty())
        server.close();
      BOOST_TEST(name(outcome()) == name(code));
      forget();
    }
}

BOOST_AUTO_TEST_CASE(a_server_crosses_with_all_it_said) {
  auto server = scripted_server{*this};
  edge->open(order(server.port()));
  server.accept();
  const auto hello = server.take_packet();
  BOOST_TEST(std::string{protocol::as_text(hello)}
             == "\0\3\0\0user\0app\0database\0shop\0\0"s);
  server.send(joined(ok, status, key_data(4), idle));
  BOOST_TEST((outcome() == ec::none));
  const auto& got = shards.servers.at(0);
  BOOST_TEST(got.backend_pid == 42u);
  BOOST_TEST(got.backend_key.size() == 4u);
  BOOST_TEST(got.epoch == 7u);
  BOOST_TEST(got.seat.size() == 1u);
  BOOST_TEST(got.peer.port == server.port());
  BOOST_TEST(!got.is_tls);
  BOOST_TEST(got.unread.empty());
  BOOST_TEST_REQUIRE(got.said.parameters.size() == 1u);
  BOOST_TEST(got.said.parameters[0].second == "UTC");
  BOOST_TEST((port->opened.at(0) == got.said));
}

BOOST_AUTO_TEST_CASE(a_servers_own_error_is_kept_whole_and_made_fatal) {
  auto server = scripted_server{*this};
  edge->open(order(server.port()));
  server.accept();
  server.take_packet();
  server.send(typed('E', "SERROR\0VERROR\0C57P03\0Mstarting up\0Hwait\0\0"s));
  BOOST_TEST((outcome() == ec::server_login_rejected));
  const auto& raw = port->failed[0].server_error;
  BOOST_REQUIRE(raw);
  auto said = protocol::error_response::decode(std::span{*raw}.subspan(5));
  BOOST_REQUIRE(said);
  BOOST_TEST(said->severity == "FATAL");
  BOOST_TEST(said->severity_plain == "FATAL");
  BOOST_TEST(said->code == "57P03");
  BOOST_TEST(said->message == "starting up");
  BOOST_TEST(said->hint == "wait");
}

BOOST_AUTO_TEST_CASE(scram_with_a_hostile_server_stays_cheap_and_safe) {
  const auto nonce = [](const bytes& initial) {
    auto said = protocol::sasl_initial_response::decode(initial);
    BOOST_REQUIRE(said);
    return std::string{said->data->substr(said->data->find("r=") + 2)};
  };
  struct row {
    std::function<std::string(std::string)> first;
    ec code;
  };
  const auto table = std::vector<row>{
    {[](auto r) { return "r=" + r + "x,s=c2FsdA==,i=600001"; },
     ec::server_scram_iterations},
    {[](auto r) { return "r=" + r + "x,s=c2FsdA==,i=4294967297"; },
     ec::server_protocol_violation},
    {[](auto r) { return "r=" + r + "x,s=c2FsdA==,i=0"; },
     ec::server_protocol_violation},
    {[](auto r) { return "r=" + r + "x,s=?,i=1"; },
     ec::server_protocol_violation},
    {[](auto) { return "r=another,s=c2FsdA==,i=1"s; },
     ec::server_protocol_violation},
    {[](auto r) {
       return "r=" + r + std::string(64'000, 'x') + ",s=c2FsdA==,i=1";
     },
     ec::server_protocol_violation},
    {[](auto) { return ""s; }, ec::server_protocol_violation},
  };
  auto server = scripted_server{*this};
  for (const auto& [first, code] : table) {
    edge->open(order(server.port()));
    server.accept();
    server.take_packet();
    server.send(sasl);
    server.send(sasl_continue(first(nonce(server.take_message()))));
    const auto got = outcome();
    // An absurd count may be called either.
    BOOST_TEST((got == code || got == ec::server_scram_iterations), name(got));
    forget();
  }
  // A server that does not know the verifier.
  edge->open(order(server.port()));
  server.accept();
  server.take_packet();
  server.send(sasl);
  server.send(
    sasl_continue("r=" + nonce(server.take_message()) + "x,s=c2FsdA==,i=1"));
  server.take_message();
  server.send(typed('R', "\0\0\0\x0cv="s + std::string(43, 'A') + "="));
  const auto got = outcome();
  BOOST_TEST(
    (got == ec::server_auth_failed || got == ec::server_protocol_violation));
}

BOOST_AUTO_TEST_CASE(a_server_may_be_cut_anywhere) {
  const auto said = joined(ok, status, key_data(4), idle);
  auto server = scripted_server{*this};
  for (std::size_t cut = 0; cut < said.size(); ++cut)
    for (bool ends : {false, true}) {
      edge->open(order(server.port()));
      server.accept();
      server.take_packet();
      server.send(std::span{said}.first(cut));
      io.restart();
      while (io.poll() != 0)
        io.restart();
      if (ends)
        server.close();
      else
        server.send(std::span{said}.subspan(cut));
      BOOST_TEST((outcome() == (ends ? ec::server_lost : ec::none)),
                 "cut at " << cut);
      forget();
    }
}

BOOST_AUTO_TEST_CASE(tls_is_negotiated_as_configured) {
  using tenants::server_tls;
  struct row {
    server_tls mode;
    std::string answer;
    ec code; ///< `none`: goes on in the clear and is opened.
  };
  const row table[] = {
    {server_tls::prefer, "N", ec::none},
    {server_tls::require, "N", ec::server_tls_refused},
    {server_tls::verify_full, "N", ec::server_tls_refused},
    {server_tls::prefer, "E", ec::server_protocol_violation},
    {server_tls::prefer, "", ec::server_lost},
    {server_tls::require, "Snot a handshake, and long enough",
     ec::server_tls_failed},
  };
  auto server = scripted_server{*this};
  for (const auto& [tls, answer, code] : table) {
    mode = tls;
    edge->open(order(server.port()));
    server.accept();
    BOOST_TEST(server.take_packet().size() == 4u);
    server.send(std::as_bytes(std::span{answer}));
    if (answer.empty())
      server.close();
    if (code == ec::none) {
      server.take_packet();
      server.send(joined(ok, idle));
    }
    const auto got = outcome();
    BOOST_TEST(name(got) == name(code));
    forget();
  }
}

BOOST_AUTO_TEST_CASE(who_never_answers_is_given_up) {
  auto server = scripted_server{*this};
  auto impatient = order(server.port());
  impatient.connect_time_max = 50ms;
  edge->open(std::move(impatient));
  BOOST_TEST((outcome() == ec::server_connect_timeout));
  forget();
  std::uint16_t gone = 0;
  {
    auto closed = scripted_server{*this};
    gone = closed.port();
  }
  edge->open(order(gone));
  BOOST_TEST((outcome() == ec::server_connect_failed));
}

BOOST_AUTO_TEST_CASE(stopping_fails_every_order_once) {
  auto server = scripted_server{*this};
  edge->open(order(server.port()));
  server.accept();
  server.take_packet();
  edge->stop();
  BOOST_TEST((outcome() == ec::shutting_down));
  forget();
  edge->open(order(server.port()));
  BOOST_TEST((outcome() == ec::shutting_down));
}

BOOST_AUTO_TEST_CASE(an_order_that_never_ran_has_failed) {
  auto server = scripted_server{*this};
  {
    auto other = std::make_unique<asio::io_context>(1);
    auto parts = proxy::edge::edge_parts{*other,  shards,  pools,    quotas,
                                         console, catalog, settings, keys};
    auto unused = std::make_unique<proxy::edge::edge>(parts);
    unused->open(order(server.port()));
    unused.reset();
    other.reset();
  }
  BOOST_TEST((outcome() == ec::shutting_down));
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace cenote::test
